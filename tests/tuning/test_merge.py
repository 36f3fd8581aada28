"""Exported checkpoints: plain transformers computes the logits that the method computes here."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from seal_eval.baselines import method_of
from seal_eval.core.errors import SealError
from seal_eval.harness.vllm_window import vllm_window
from seal_eval.models.adapters import load_scales, scaled
from seal_eval.models.window import window_of
from seal_eval.tuning.config import TuneSpec
from seal_eval.tuning.merge import export
from seal_eval.tuning.parameters import trainable

from conftest import seal_eval, tiny_model

IDS = torch.arange(2, 92)[None] * 7 % 900


@torch.no_grad()
def logits(model):
    return model(IDS).logits


def test_merge_writes_an_ordinary_checkpoint(tiny_folder, adapter, tmp_path):
    export(str(tiny_folder), tmp_path / "merged", str(adapter))
    model = AutoModelForCausalLM.from_pretrained(tiny_folder)
    with scaled(model, load_scales(str(adapter), model)):
        hooked = logits(model)
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")
    assert torch.allclose(logits(merged), hooked, atol=1e-4 * hooked.abs().max())
    assert AutoTokenizer.from_pretrained(tmp_path / "merged")("a b")["input_ids"]
    with pytest.raises(SealError, match="already exists"):
        export(str(tiny_folder), tmp_path / "merged", str(adapter))


@pytest.fixture(scope="session", params=["lora", "dora"])
def low_rank(request, tmp_path_factory):
    """(method, folder) of a low-rank adapter with random weights."""
    folder = tmp_path_factory.mktemp("adapters") / request.param
    folder.mkdir()
    with trainable(tiny_model(), TuneSpec(recipe="fixed", method=request.param)) as trained:
        generator = torch.Generator().manual_seed(1)
        trained.load({n: t + 0.1 * torch.randn(t.shape, generator=generator) for n, t in trained.state().items()})
        trained.save(folder, {"method": request.param, "trained_parameters": 7})
    return request.param, folder


def test_low_rank_adapters_leave_too(tiny_folder, low_rank, tmp_path):
    kind, folder = low_rank
    export(str(tiny_folder), tmp_path / "merged", str(folder))
    model = AutoModelForCausalLM.from_pretrained(tiny_folder)
    with method_of(f"{kind},adapter={folder}").apply(model):
        ours = logits(model)
    assert not torch.allclose(ours, logits(model), atol=1e-2)
    assert torch.allclose(logits(AutoModelForCausalLM.from_pretrained(tmp_path / "merged")), ours, atol=1e-4 * ours.abs().max())


@pytest.mark.parametrize("on", ["linear,factor=4", "ntk,factor=4", "yarn,factor=4,original=32", "yarn,factor=2,beta_fast=16"])
@pytest.mark.parametrize("kind", ["llama", "gpt_neox", "gemma3_text", "phi"])
def test_rotary_scaling_in_the_configuration(kind, on, tokenizer, tmp_path):
    model = tiny_model(kind)
    model.save_pretrained(tmp_path / "plain")
    tokenizer.save_pretrained(tmp_path / "plain")
    export(str(tmp_path / "plain"), tmp_path / "long", on=on)
    with (method := method_of(on)).apply(model):
        ours = logits(model)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "long")
    assert torch.allclose(logits(theirs), ours, atol=1e-5 * ours.abs().max())
    assert not torch.allclose(logits(model), ours, atol=1e-3)
    assert theirs.config.max_position_embeddings == method.window(2048)


@pytest.mark.parametrize("on", ["linear,factor=4", "yarn,factor=4", "ntk,factor=2"])
@pytest.mark.parametrize(
    ("kind", "named"), [("cohere", {"model_max_length": 8192}), ("llama", {"max_sequence_length": 8192}), ("llama", {})]
)
def test_the_window_that_is_written(kind, named, on, tokenizer, tmp_path):
    """Command-R names its window in model_max_length, FastChat's models in max_sequence_length; a reader finds the extended one."""
    model = tiny_model(kind)
    vars(model.config).update(named)
    model.save_pretrained(tmp_path / "plain")
    tokenizer.save_pretrained(tmp_path / "plain")
    export(str(tmp_path / "plain"), tmp_path / "long", on=on)
    expected = method_of(on).window(max(2048, *named.values(), 0))
    assert window_of(str(tmp_path / "long")) == vllm_window(str(tmp_path / "long")) == expected


def test_weights_that_are_not_carried_over_are_named(tiny_folder, tmp_path, capsys):
    """GLM, DeepSeek and Qwen have layers that predict further tokens, which transformers does not load."""
    shutil.copytree(tiny_folder, tmp_path / "more")
    export(str(tmp_path / "more"), tmp_path / "a", on="yarn,factor=2")
    assert "not carried over" not in capsys.readouterr().err
    weights = load_file(tmp_path / "more" / "model.safetensors")
    more = {"mtp.layers.0.mlp.gate.weight": torch.ones(8, 8), "model.layers.7.eh_proj.weight": torch.ones(8)}
    save_file(weights | more, tmp_path / "more" / "model.safetensors", metadata={"format": "pt"})
    export(str(tmp_path / "more"), tmp_path / "b", on="yarn,factor=2")
    assert f"2 weights of {tmp_path / 'more'} are not carried over" in (err := capsys.readouterr().err)
    assert "model.layers.7.eh_proj.weight and so on" in err


def test_weights_that_transformers_rounds_are_named(tiny_folder, tmp_path, capsys):
    """Some checkpoints keep norms or routers in fp32 beside weights in bf16; transformers loads all of them in bf16."""
    shutil.copytree(tiny_folder, tmp_path / "mixed")
    config = json.loads((tmp_path / "mixed" / "config.json").read_text())
    (tmp_path / "mixed" / "config.json").write_text(json.dumps(config | {"dtype": "bfloat16"}))
    wide = load_file(tmp_path / "mixed" / "model.safetensors")
    for wides, said in (([], ""), (["model.norm.weight"], "1 weights of")):
        weights = {name: weight if name in wides else weight.bfloat16() for name, weight in wide.items()}
        save_file(weights, tmp_path / "mixed" / "model.safetensors", metadata={"format": "pt"})
        export(str(tmp_path / "mixed"), tmp_path / f"out{len(wides)}", on="yarn,factor=2")
        err = capsys.readouterr().err
        assert (said in err and "model.norm.weight and so on" in err) if said else "fewer bits" not in err


def test_scales_and_rotary_scaling_together(tiny_folder, adapter, tmp_path):
    seal_eval("merge", "--model", tiny_folder, "--adapter", adapter, "--on", "yarn,factor=4", "--out", tmp_path / "long")
    model = AutoModelForCausalLM.from_pretrained(tiny_folder)
    with method_of("yarn,factor=4").apply(model), scaled(model, load_scales(str(adapter), model)):
        ours = logits(model)
    assert torch.allclose(logits(AutoModelForCausalLM.from_pretrained(tmp_path / "long")), ours, atol=1e-4 * ours.abs().max())


@pytest.mark.parametrize(
    ("on", "message"),
    [
        ("self_extend,group=4", "no configuration can hold this method, it changes more than rotary frequencies; use linear, ntk or yarn"),
        ("yarn+logn", "it changes more than rotary frequencies"), ("dynamic_ntk", "its frequencies follow the prompt's length"),
        ("", "nothing to merge"),
    ],
)  # fmt: skip
def test_what_cannot_leave(tiny_folder, tmp_path, on, message):
    with pytest.raises(SealError, match=message):
        export(str(tiny_folder), tmp_path / "out", on=on)
    assert not (tmp_path / "out").exists()
