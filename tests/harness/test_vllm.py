"""The arguments passed to lm-eval's vLLM class, checked without vLLM."""

import json

import pytest

from seal_eval.core.errors import SealError
from seal_eval.harness.engines import get_engine
from seal_eval.harness.vllm import known_args, vllm_args

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


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"method": "seal"}, "fold method 'seal' first with seal-eval merge"),
        ({"tensor_paralel_size": 2}, "did you mean 'tensor_parallel_size'"),
        ({"tensor_parallel_size": 0}, "must be a whole number of at least 1"),
        ({"max_model_len": 4096}, "above the checkpoint's window of 2048"),
        ({"max_length": 2049}, "above the checkpoint's window of 2048"),
    ],
)
def test_refused(tiny_folder, args, message):
    with pytest.raises(SealError, match=message):
        get_engine("vllm").prepare({"pretrained": str(tiny_folder), **args})


def test_on_the_command_line(tmp_path, tiny_folder):
    args = ("--tasks", "seal_lines", "--metadata", '{"lengths": [450], "num_samples": 1}', "--output_path", tmp_path)
    done = seal_eval("run", "--model", "vllm", "--model_args", f"pretrained={tiny_folder},method=linear", *args, code=1)
    assert "fold method 'linear' first" in done.stderr
