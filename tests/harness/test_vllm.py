"""The arguments passed to lm-eval's vLLM class, checked without vLLM."""

import json
import shutil

import pytest

from seal_eval.core.errors import SealError
from seal_eval.harness.engines import get_engine
from seal_eval.harness.vllm import known_args, vllm_args
from seal_eval.harness.vllm_source import counted_types, recorded_args

from conftest import seal_eval


def test_folded_and_extended_checkpoint(tmp_path, tiny_folder, adapter):
    """A merged SEAL checkpoint with YaRN in its configuration: the extended window is used, and prefix caching is on."""
    seal_eval("merge", "--model", tiny_folder, "--adapter", adapter, "--on", "yarn,factor=4", "--out", tmp_path / "merged")
    found = vllm_args({"pretrained": str(tmp_path / "merged"), "tensor_parallel_size": 8, "gpu_memory_utilization": 0.9})
    assert found == {
        "pretrained": str(tmp_path / "merged"), "tensor_parallel_size": 8, "gpu_memory_utilization": 0.9, "max_model_len": 8192,
        "enable_prefix_caching": True,
    }  # fmt: skip
    rope = json.loads((tmp_path / "merged" / "config.json").read_text())["rope_parameters"]
    assert rope["rope_type"] == "yarn" and rope["factor"] == 4  # a rope type that vLLM supports
    assert set(found) <= set(known_args())


def test_names_are_lm_evals():
    assert {"pretrained", "tensor_parallel_size", "max_model_len", "gpu_memory_utilization", "data_parallel_size"} <= set(known_args())


YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 2048, "rope_theta": 10000.0}
LINEAR = {"rope_type": "linear", "factor": 4.0, "rope_theta": 10000.0}


@pytest.mark.parametrize(
    ("overrides", "window"),
    [
        ({"rope_parameters": YARN}, 2048), ({"rope_scaling": YARN}, 2048), (json.dumps({"rope_parameters": YARN}), 2048),
        ({"rope_parameters": YARN, "max_position_embeddings": 8192}, 8192), ({"max_position_embeddings": 1024}, 1024),
        ({"rope_parameters": LINEAR}, 8192), ({"rope_parameters": LINEAR, "max_position_embeddings": 1024}, 4096),
        ({"rope_parameters": {"full_attention": YARN, "sliding_attention": {"rope_type": "default"}}}, 2048),
        ({"rope_parameters": {**LINEAR, "factor": None}}, 2048), ({"num_experts": 4}, 2048), ({"model_max_length": 4096}, 4096),
        ({"text_config": {"max_position_embeddings": 1024}}, 1024),
    ],
)  # fmt: skip
def test_windows_of_overrides(tiny_folder, overrides, window):
    """The windows that vLLM 0.32 and 0.33 derive, worked out by hand from their `_get_and_verify_max_len`; neither has YaRN's factor."""
    assert vllm_args({"pretrained": str(tiny_folder), "hf_overrides": overrides, "max_model_len": 1024})["max_model_len"] == 1024
    assert vllm_args({"pretrained": str(tiny_folder), "hf_overrides": overrides})["max_model_len"] == window
    other_name = vllm_args({"pretrained": str(tiny_folder), "hf_overrides": overrides, "max_length": 1024})
    assert other_name["max_model_len"] == 1024 and "max_length" not in other_name  # lm-eval refuses both


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"max_position_embeddings": 4096, "max_sequence_length": 16384, "rope_parameters": LINEAR}, 16384),  # vicuna-7b-v1.5-16k
        ({"max_position_embeddings": 16384, "rope_parameters": LINEAR}, 16384),  # chinese-alpaca-2-13b-16k: vLLM would accept 65,536
        ({"max_position_embeddings": 2048, "rope_parameters": YARN}, 2048),
        ({"max_position_embeddings": 8192, "rope_parameters": YARN}, 8192),
    ],
)
def test_windows_of_checkpoints(copied, fields, expected):
    """The window that the checkpoint was made for, also where vLLM would accept more."""
    assert vllm_args({"pretrained": str(copied(fields))})["max_model_len"] == expected


@pytest.fixture
def copied(tiny_folder, tmp_path):
    """Call it with fields: the tiny model's configuration and tokenizer with them in a folder."""

    def copy(fields):
        folder = tmp_path / "copied"
        shutil.copytree(tiny_folder, folder, ignore=shutil.ignore_patterns("*.safetensors"), dirs_exist_ok=True)
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(
            json.dumps({key: value for key, value in {**config, **fields}.items() if key != "rope_scaling"})
        )
        return folder

    return copy


def test_windows_of_an_older_vllm(tiny_folder, tmp_path, monkeypatch):
    """The installed vLLM's own list of rope types decides; before 0.32 YaRN's factor was applied to the trained length."""
    types = '("su", "longrope", "llama3")'
    source = f"def _get_and_verify_max_len(rope_type):\n    if rope_type not in {types}:\n        pass\n"
    (tmp_path / "vllm" / "config").mkdir(parents=True)
    (tmp_path / "vllm" / "__init__.py").touch()
    (tmp_path / "vllm" / "config" / "model.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert counted_types() == ("su", "longrope", "llama3")
    assert vllm_args({"pretrained": str(tiny_folder), "hf_overrides": {"rope_parameters": YARN}})["max_model_len"] == 8192


def test_a_longer_length_on_the_users_own_risk(tiny_folder, monkeypatch):
    """vLLM's own switch; it is the user who then answers for the positions."""
    monkeypatch.setenv("VLLM_ALLOW_LONG_MAX_MODEL_LEN", "1")
    assert vllm_args({"pretrained": str(tiny_folder), "max_model_len": 4096})["max_model_len"] == 4096


def test_sliding_window_switched_off(copied):
    """vLLM: a model whose sliding window is disabled reads at most that many tokens."""
    folder = copied({"model_type": "mistral", "architectures": ["MistralForCausalLM"], "sliding_window": 512})
    assert vllm_args({"pretrained": str(folder), "disable_sliding_window": True})["max_model_len"] == 512
    assert vllm_args({"pretrained": str(folder)})["max_model_len"] == 2048


def test_recorded_arguments_are_those_of_the_two_versions():
    """Arguments that 0.33.0 has, and that nothing like them hides; others are gone since."""
    names = recorded_args()
    assert {"data_parallel_start_rank", "kv_offloading_size", "max_num_active_seqs", "monokernel", "prefill_schedule_interval"} <= set(
        names
    )
    assert not {"swap_space", "rope_scaling", "rope_theta", "max_seq_len_to_capture", "calculate_kv_scales"} & set(names)


def test_a_real_argument_is_not_taken_for_a_misspelt_one(tiny_folder):
    for name in recorded_args():
        if name not in ("hf_overrides", "tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size", "max_model_len"):
            assert name in vllm_args({"pretrained": str(tiny_folder), name: None})


def test_arguments_of_another_vllm(tiny_folder, tmp_path, monkeypatch):
    """Without vLLM, arguments that its EngineArgs may have pass; with one, its fields decide."""
    new = {"limit_mm_per_prompt": {"image": 0}, "enable_expert_parallel": True, "async_scheduling": True, "some_new_feature": 1}
    assert vllm_args({"pretrained": str(tiny_folder), **new}).items() >= new.items()
    (tmp_path / "vllm" / "engine").mkdir(parents=True)
    (tmp_path / "vllm" / "__init__.py").touch()
    fields = "class EngineArgs:\n    some_new_feature: int = 0\n    hf_overrides: dict = None\n    note = 3\n"
    (tmp_path / "vllm" / "engine" / "arg_utils.py").write_text(fields)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert vllm_args({"pretrained": str(tiny_folder), "some_new_feature": 1})["some_new_feature"] == 1
    with pytest.raises(SealError, match="unknown model argument 'async_scheduling'"):
        vllm_args({"pretrained": str(tiny_folder), "async_scheduling": True})


def test_adapters_that_vllm_cannot_run(tiny_folder, adapter, tmp_path):
    with pytest.raises(SealError, match="is a IA3 adapter, which vLLM cannot run; fold it into a checkpoint first"):
        vllm_args({"pretrained": str(tiny_folder), "lora_local_path": str(adapter)})
    for settings, kind in (({"use_dora": True}, "a DORA adapter"), ({"modules_to_save": ["lm_head"]}, "whole modules"), ({}, "")):
        (tmp_path / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", **settings}))
        if kind:
            with pytest.raises(SealError, match=kind):
                vllm_args({"pretrained": str(tiny_folder), "lora_local_path": str(tmp_path)})
        else:
            assert vllm_args({"pretrained": str(tiny_folder), "lora_local_path": str(tmp_path)})["lora_local_path"] == str(tmp_path)


def test_a_linear_checkpoint_has_the_same_window_everywhere(tmp_path, tiny_folder):
    """vLLM multiplies the smallest length in the configuration by the factor; lm-eval reads max_position_embeddings."""
    seal_eval("merge", "--model", tiny_folder, "--on", "linear,factor=4", "--out", tmp_path / "long")
    config = json.loads((tmp_path / "long" / "config.json").read_text())
    by_vllm = min(config[key] for key in ("max_position_embeddings", "max_seq_len")) * config["rope_parameters"]["factor"]
    assert by_vllm == config["max_position_embeddings"] == 8192
    assert vllm_args({"pretrained": str(tmp_path / "long")})["max_model_len"] == 8192


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"method": "seal"}, "fold method 'seal' first with seal-eval merge"),
        ({"tensor_paralel_size": 2}, "did you mean 'tensor_parallel_size'"),
        ({"tensor_parallel_size": 0}, "must be a whole number of at least 1"),
        ({"max_model_len": 4096}, "above the 2048 tokens that vLLM derives"),
        ({"max_length": 2049}, "above the 2048 tokens that vLLM derives"),
        ({"max_length": 1024, "max_model_len": 2048}, "pass one of them"),
        ({"max_model_len": -1}, "must be a whole number of at least 1"),
        ({"max_model_len": "auto"}, "must be a whole number of at least 1"),
        ({"enable_expert_paralel": True}, "did you mean 'enable_expert_parallel'"),
        ({"hf_overrides": {"rope_parameters": YARN}, "max_model_len": 8192}, "put max_position_embeddings into hf_overrides"),
        ({"hf_overrides": {"rope_parameters": {"rope_type": "yarn", "factor": 4}}}, "no 'original_max_position_embeddings'"),
        ({"hf_overrides": {"rope_parameters": {"rope_type": "linear", "factor": "x"}}}, "must be numbers"),
        ({"hf_overrides": "x"}, "must be a JSON object"),
    ],
)
def test_refused(tiny_folder, args, message):
    with pytest.raises(SealError, match=message):
        get_engine("vllm").prepare({"pretrained": str(tiny_folder), **args})


def test_on_the_command_line(tmp_path, tiny_folder):
    args = ("--tasks", "seal_lines", "--metadata", '{"lengths": [450], "num_samples": 1}', "--output_path", tmp_path)
    done = seal_eval("run", "--model", "vllm", "--model_args", f"pretrained={tiny_folder},method=linear", *args, code=1)
    assert "fold method 'linear' first" in done.stderr
