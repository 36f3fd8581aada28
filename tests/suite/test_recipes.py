"""Suite files for the paper's models: their full plans, and every kind of cell run in small on random models of those architectures."""

import copy
import json
import re
from pathlib import Path

import pytest
import yaml

from seal_eval.results.records import load_runs
from seal_eval.suite.plan import plan

from conftest import seal_eval, terse
from tokenizers_made import CHATML, made

SUITES = Path(__file__).resolve().parents[2] / "benchmarks" / "suites"
LLAMA_2 = {"vocab_size": 1300, "intermediate_size": 64, "num_hidden_layers": 2, "bos_token_id": 0, "eos_token_id": 1}
MODELS = {  # recipe → model type, configuration (as many heads as in reality, but narrower), tokenizer, whether it has a chat template
    "longchat-7b-32k": ("llama", {
        **LLAMA_2, "num_attention_heads": 32, "num_key_value_heads": 32, "hidden_size": 256, "max_position_embeddings": 32768,
        "rope_parameters": {"rope_type": "linear", "factor": 8.0, "rope_theta": 10000.0},
    }, "llama2-like", False),
    "vicuna-13b-16k": ("llama", {
        **LLAMA_2, "num_attention_heads": 40, "num_key_value_heads": 40, "hidden_size": 320, "max_position_embeddings": 4096,
        "max_sequence_length": 16384, "rope_scaling": {"type": "linear", "factor": 4.0},
    }, "llama2-like", False),
    "mistral-7b-v0.2": ("mistral", {
        **LLAMA_2, "num_attention_heads": 32, "num_key_value_heads": 8, "hidden_size": 256, "max_position_embeddings": 32768,
        "sliding_window": None, "rope_parameters": {"rope_type": "default", "rope_theta": 1000000.0},
    }, "llama2-like", True),
    "llama-3.1-8b": ("llama", {
        **LLAMA_2, "num_attention_heads": 32, "num_key_value_heads": 8, "hidden_size": 256, "max_position_embeddings": 131072,
        "rope_parameters": {
            "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "rope_theta": 500000.0,
            "original_max_position_embeddings": 8192,
        },
    }, "bpe-digits", True),
}  # fmt: skip
CELLS = {
    "longchat-7b-32k": 1 + 4 + 5 * 6,
    "vicuna-13b-16k": 1 + 2 + 3 * 5 + 2 * 2,
    "mistral-7b-v0.2": 2 + 3 * 10,
    "llama-3.1-8b": 3 + 4 * 10,
}


@pytest.fixture(params=MODELS)
def recipe(request, tmp_path, monkeypatch):
    """(suite file, its content); the current folder holds a random model under the hub's name."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    kind, config, tokenizer, has_template = MODELS[request.param]
    file = SUITES / f"{request.param}.yaml"
    suite = yaml.safe_load(file.read_text())
    folder = tmp_path / suite["models"][0]["pretrained"]
    torch.manual_seed(0)
    terse(AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **config))).save_pretrained(folder)
    saved = copy.deepcopy(made(tokenizer))  # other tests use it too
    saved.chat_template = CHATML if has_template else None
    saved.save_pretrained(folder)
    monkeypatch.chdir(tmp_path)
    return file, suite


def test_the_plan_of_the_file_as_it_is(recipe, tmp_path):
    file, suite = recipe
    said = seal_eval("suite", file, "--dry-run", cwd=tmp_path).stdout
    assert re.search(rf"^{CELLS[suite['name']]} cells", said, re.M) and not (tmp_path / "results").exists()


# mistral's methods are among longchat's, and its architecture among those of tests/baselines/test_methods.py
@pytest.mark.parametrize("recipe", [name for name in MODELS if name != "mistral-7b-v0.2"], indirect=True)
def test_its_cells_run(recipe, tmp_path):
    """All methods on two samples of the first task: at 900 tokens, those that extend the window at 1,300 if the suite sets max_length."""
    file, suite = recipe
    folder = tmp_path / suite["models"][0]["pretrained"]
    config = json.loads((folder / "config.json").read_text()) | {"max_position_embeddings": 1000}
    (folder / "config.json").write_text(json.dumps(config))
    if suite["models"][0].get("args"):
        suite["models"][0]["args"] = {"max_length": 1400}
    if template := suite["models"][0].get("chat_template"):
        suite["models"][0]["chat_template"] = str(file.parent / template)
    del suite["gpus"]
    if suite["name"] != "longchat-7b-32k":  # its scales per head are made and run; elsewhere they would be the same again
        suite["adapters"] = {name: given for name, given in suite["adapters"].items() if given.get("granularity") != "head"}
        suite["methods"] = [m for m in suite["methods"] if isinstance(m, str) or m.get("adapter", "") in ("", *suite["adapters"])]
    for given in suite["adapters"].values():
        given.update(length=900, samples=2, validation=1)
    longer = [1300] if suite["models"][0].get("args") else []
    suite["methods"] = [{"method": method} if isinstance(method, str) else method for method in suite["methods"]]
    for method in suite["methods"]:
        extends = "sizes" in method or any(name in method["method"] for name in ("linear", "ntk", "yarn", "self_extend", "dual_chunk"))
        method["sizes"] = [1300] if longer and extends else [900]
        for key in [key for key in method if key.endswith("neighbours")]:
            method[key] = 64
    suite["tasks"] = [{**task, "sizes": [900, *longer], "num_samples": 2} for task in suite["tasks"][:1]]
    small = tmp_path / "small.yaml"
    small.write_text(yaml.safe_dump({**suite, "device": "cpu"}))
    seal_eval("suite", small, "--out", tmp_path / "out", cwd=tmp_path)
    runs = load_runs(tmp_path / "out")
    _, cells = plan(small, tmp_path / "out")
    assert sum(len(run.records) for run in runs) == sum(cell.n_samples for cell in cells)
    if suite["models"][0].get("chat_template"):
        rows = [json.loads(line) for f in (tmp_path / "out").rglob("samples_*.jsonl") for line in f.read_text().splitlines()]
        assert rows and all("A chat between a curious user" in row["arguments"]["gen_args_0"]["arg_0"] for row in rows)


def test_the_vicuna_template_is_fastchats(tmp_path):
    """The prompt equals the one for Vicuna 1.1, 1.3 and 1.5 in FastChat's own docs/vicuna_weights_version.md."""
    tokenizer = made("llama2-like")
    turns = [
        {"role": "user", "content": "Hello!"}, {"role": "assistant", "content": "Hello!"}, {"role": "user", "content": "How are you?"},
    ]  # fmt: skip
    template = (SUITES / "templates" / "vicuna_v1.1.jinja").read_text()
    assert tokenizer.apply_chat_template(turns, chat_template=template, tokenize=False, add_generation_prompt=True) == (
        "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, and polite "
        "answers to the user's questions. USER: Hello! ASSISTANT: Hello!</s>USER: How are you? ASSISTANT:"
    )
    begun = [turns[0], {"role": "assistant", "content": "The number is <"}]
    said = tokenizer.apply_chat_template(begun, chat_template=template, tokenize=False, continue_final_message=True)
    assert said.endswith("USER: Hello! ASSISTANT: The number is <")


def test_templates_that_are_wrong(tmp_path, tiny_folder):
    file = tmp_path / "t.jinja"
    command = ("models", "template", "--model", tiny_folder, "--template", file, "--out", tmp_path / "out")
    assert "no chat template" in seal_eval(*command, code=1).stderr
    file.write_text("{{ messages[0]['content'] }}")
    assert "drops the user's turn" in seal_eval(*command, code=1).stderr
    file.write_text("{% for m in messages %}{{ m.content }")
    assert "t.jinja" in seal_eval(*command, code=1).stderr
    assert not (tmp_path / "out").exists()
    file.write_text("{% for m in messages %}[{{ m.content }}]{% endfor %}")
    seal_eval(*command)
    assert (tmp_path / "out" / "model.safetensors").is_symlink() and "already exists" in seal_eval(*command, code=1).stderr
