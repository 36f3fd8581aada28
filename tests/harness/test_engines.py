"""Engines: what each takes, and where a run's files go."""

import re
from pathlib import Path

import pytest

from seal_eval.core.errors import SealError
from seal_eval.harness.engines import get_engine

from conftest import seal_eval


def test_every_model_class_of_lm_eval_is_an_engine():
    assert get_engine("seal").applies_methods and not get_engine("hf").applies_methods
    assert get_engine("local-chat-completions").name == "local-chat-completions"
    with pytest.raises(SealError, match="engine 'vlm' is not a model class of lm-eval; did you mean 'vllm'"):
        get_engine("vlm")


@pytest.mark.parametrize(
    ("engine", "model_args", "folder"),
    [
        ("seal", {"pretrained": "org/model", "method": "ntk"}, "org--model__ntk"),
        ("hf", {"pretrained": "org/model"}, "org--model__plain"),
        ("hf", {"pretrained": "org/model", "peft": "somewhere/adapter"}, "org--model__adapter"),
        ("local-completions", {"model": "org/one", "base_url": "http://127.0.0.1:1"}, "org--one__plain"),
        ("local-chat-completions", {"model": "two"}, "two__plain"),
        ("dummy", {}, "dummy__plain"),
    ],
)
def test_the_folder_names_what_is_evaluated(engine, model_args, folder):
    assert get_engine(engine).folder(Path("out"), model_args) == Path("out") / folder


@pytest.mark.parametrize("engine", ["seal", "hf", "vllm"])
def test_an_access_token_is_not_recorded(engine, tiny_folder):
    for key in ("token", "hf_token"):
        with pytest.raises(SealError, match=f"--model_args {key}=…: put the token into HF_TOKEN") as caught:
            get_engine(engine).prepare({"pretrained": str(tiny_folder), key: "hf_secret"})
        assert "secret" not in str(caught.value)
    assert get_engine("seal").prepare({"pretrained": str(tiny_folder), "token": False})["token"] is False  # no token at all


@pytest.mark.parametrize("engine", ["hf", "vllm", "local-completions", "dummy"])
def test_a_method_is_not_dropped(engine, tiny_folder):
    args = {"pretrained": str(tiny_folder), "model": "m"}
    with pytest.raises(SealError, match=f"--model {engine} runs checkpoints only: fold method 'ntk' first"):
        get_engine(engine).prepare({**args, "method": "ntk"})
    if engine != "vllm":
        assert "method" not in get_engine(engine).prepare({**args, "method": "plain"})


def test_on_the_command_line(tiny_folder, tmp_path):
    args = ("--tasks", "seal_lines", "--metadata", "lengths=[450]", "--output_path", tmp_path)
    done = seal_eval("run", "--model", "vlm", "--model_args", f"pretrained={tiny_folder}", *args, code=1)
    assert "engine 'vlm' is not a model class of lm-eval; did you mean 'vllm'?" in done.stderr
    suite = tmp_path / "s.yaml"
    suite.write_text(
        f"name: s\nengine: vlm\nmodels: [{tiny_folder}]\nmethods: [plain]\ntasks:\n  - {{task: seal_lines, sizes: [450], num_samples: 1}}\n"
    )
    done = seal_eval("suite", suite, "--dry-run", "--out", tmp_path / "out", code=1)
    assert "s.yaml, line 2: engine: engine 'vlm' is not a model class of lm-eval; did you mean 'vllm'?" in done.stderr


@pytest.mark.parametrize("place", [".", "./", "..", "../..", "models/.."])
@pytest.mark.parametrize("engine", ["seal", "hf"])
def test_a_folder_without_a_name_of_its_own(place, engine, tmp_path, monkeypatch):
    """Results, commands and submissions call a model by its folder's name."""
    (tmp_path / "models").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SealError, match=rf"pretrained={re.escape(place)}: results are called by .* pretrained={Path(place).resolve()}$"):
        get_engine(engine).prepare({"pretrained": place})


@pytest.mark.parametrize("engine", ["seal", "hf"])
def test_a_type_of_weights_that_there_is_not(engine):
    with pytest.raises(SealError, match="dtype 'flaot32' is no type of weights; did you mean 'float32'"):
        get_engine(engine).prepare({"pretrained": "org/model", "dtype": "flaot32"})
    for dtype in ("auto", "half", "bfloat16", None):
        assert get_engine(engine).prepare({"pretrained": "org/model", "dtype": dtype})["dtype"] == dtype
