"""A model's window, and the length at which lm-eval would cut a prompt for it."""

import json
import shutil

import pytest
from transformers import AutoConfig

from seal_eval.core.errors import SealError
from seal_eval.harness.stock_window import longer_window, stock_window
from seal_eval.harness.task_config import read_spec
from seal_eval.models.window import window_of

from conftest import seal_eval

VICUNA = {  # the lengths of lmsys/vicuna-7b-v1.5-16k's config.json
    "model_type": "llama", "max_position_embeddings": 4096, "max_sequence_length": 16384, "rope_scaling": {"type": "linear", "factor": 4.0},
}  # fmt: skip
LONGCHAT = {"model_type": "llama", "max_position_embeddings": 32768, "rope_scaling": {"type": "linear", "factor": 8.0}}
MAMBA = {"model_type": "mamba"}
COMMAND_R = {"model_type": "cohere", "max_position_embeddings": 8192, "model_max_length": 131072}  # CohereForAI/c4ai-command-r-v01
LIMITLESS = {"model_type": "llama", "max_position_embeddings": 4096, "model_max_length": 1000000000000000019884624838656}
GEMMA = {"model_type": "gemma3", "text_config": {"model_type": "gemma3_text", "max_position_embeddings": 131072}}


@pytest.fixture
def made(tmp_path, tiny_folder):
    """Call it with a configuration: a folder with it and the tiny model's tokenizer, which names no length."""

    def make(config):
        folder = tmp_path / "model"
        folder.mkdir(exist_ok=True)
        for name in ("tokenizer.json", "tokenizer_config.json"):
            (folder / name).write_bytes((tiny_folder / name).read_bytes())
        settings = json.loads((folder / "tokenizer_config.json").read_text())
        (folder / "tokenizer_config.json").write_text(json.dumps({**settings, "model_max_length": None}))
        (folder / "config.json").write_text(json.dumps(config))
        return str(folder)

    return make


@pytest.mark.parametrize(
    ("config", "window", "stock"),
    [
        (VICUNA, 16384, 4096), (LONGCHAT, 32768, 32768), (MAMBA, None, 2048), (GEMMA, 131072, 131072),
        (COMMAND_R, 131072, 8192), (LIMITLESS, 4096, 4096),
        ({"model_type": "gpt2", "n_positions": 1024}, 1024, 1024), ({"model_type": "mpt", "max_seq_len": 8192}, 8192, 2048),
        ({"model_type": "bloom", "seq_length": 4096}, 4096, 2048),
    ],
    ids=lambda value: value.get("model_type") if isinstance(value, dict) else str(value),
)  # fmt: skip
def test_windows(made, config, window, stock):
    """stock: worked out by hand from `resolve_max_length` of lm-eval 0.4.13, which cuts prompts there."""
    folder = made(config)
    assert AutoConfig.from_pretrained(folder).model_type == config["model_type"]
    assert window_of(folder) == window
    assert stock_window(folder) == stock


@pytest.mark.parametrize("config", [VICUNA, MAMBA, {"model_type": "mpt", "max_seq_len": 8192}])
def test_prompts_that_lm_eval_would_cut_are_refused(made, config):
    """lm-eval's own class cuts a longer prompt from the left and says nothing."""
    folder = made(config)
    limit = stock_window(folder)
    with pytest.raises(SealError, match=f"length 6000 is above the model's window of {limit} tokens, its prompts would be truncated"):
        read_spec("seal_lines", {"pretrained": folder, "lengths": [6000]})
    assert read_spec("seal_lines", {"pretrained": folder, "lengths": [6000], "max_length": 8192}).window == 8192


def test_vllms_length_counts(made):
    """vLLM cuts at max_model_len, which may be below the model's window."""
    assert read_spec("seal_lines", {"pretrained": made(LONGCHAT), "max_model_len": 2048}).window == 2048


@pytest.mark.parametrize(
    ("config", "args", "length"),
    [
        (VICUNA, {}, 16384), (VICUNA, {"method": "self_extend", "group": 4, "neighbours": 512}, 16384 * 4 - 512 * 3),
        (VICUNA, {"max_length": 5000}, 5000), (LONGCHAT, {}, None), (MAMBA, {}, None),
    ],
)  # fmt: skip
def test_our_engine_reads_the_whole_window(made, config, args, length):
    """A window that lm-eval does not find is named to it; a user's own max_length stays."""
    assert {**args, **longer_window({"pretrained": made(config), **args})}.get("max_length") == length


def test_from_the_command_line(tiny_folder, tmp_path):
    """Beyond max_position_embeddings, within max_sequence_length: our engine runs it, lm-eval's own, which would cut it, is refused."""
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 600, "max_sequence_length": 2048}))
    asked = ("--tasks", "seal_lines", "--metadata", '{"lengths": [900], "num_samples": 1}', "--device", "cpu", "--output_path", tmp_path)
    seal_eval("run", "--model_args", f"pretrained={folder}", *asked)
    assert len(list(tmp_path.rglob("results_*.json"))) == 1
    stock = seal_eval("run", "--model", "hf", "--model_args", f"pretrained={folder}", *asked, code=1)
    assert "length 900 is above the model's window of 600 tokens" in stock.stderr
