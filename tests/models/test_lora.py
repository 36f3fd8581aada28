"""LoRA and DoRA: the same logits as stock peft, and folders that do not fit."""

import json
import shutil

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file

from seal_eval.baselines import method_of, take_method
from seal_eval.core.errors import SealError
from seal_eval.models.adapters import load_scales, scaled
from seal_eval.models.modules import attention_linears
from seal_eval.tuning.config import TuneSpec
from seal_eval.tuning.parameters import trainable

from conftest import tiny_model

IDS = torch.arange(2, 92)[None] * 7 % 900


@torch.no_grad()
def logits(model):
    return model(IDS).logits


def made(folder, method, kind="llama"):
    folder.mkdir()
    with trainable(tiny_model(kind), TuneSpec(recipe="fixed", method=method)) as trained:
        generator = torch.Generator().manual_seed(1)
        trained.load({n: t + 0.1 * torch.randn(t.shape, generator=generator) for n, t in trained.state().items()})
        trained.save(folder, {"model": kind})
    return folder


@pytest.mark.parametrize("method", ["lora", "dora"])
@pytest.mark.parametrize("kind", ["llama", "phi3", "gpt_neox", "gpt2"])
def test_as_stock_peft(kind, method, tmp_path):
    model, folder = tiny_model(kind), made(tmp_path / "a", method, kind)
    with method_of(f"{method},adapter={folder}").apply(model):
        ours = logits(model)
    assert torch.equal(ours, logits(PeftModel.from_pretrained(tiny_model(kind), folder).eval()))
    assert not torch.allclose(ours, logits(model), atol=1e-2)
    assert sorted(p.name for p in folder.iterdir()) == ["adapter_config.json", "adapter_model.safetensors", "seal_eval.json"]


def test_low_rank_product_by_hand(tmp_path):
    """W + (8 / 4) B A on every projection of the attention (alpha 8, rank 4)."""
    folder = made(tmp_path / "a", "lora")
    tensors, model = load_file(folder / "adapter_model.safetensors"), tiny_model()
    with torch.no_grad():
        for name in attention_linears(model):
            a, b = (tensors[f"base_model.model.{name}.lora_{k}.weight"] for k in "AB")
            model.get_submodule(name).weight += 2 * b @ a
    by_hand = logits(model)
    with method_of(f"lora,adapter={folder}").apply(plain := tiny_model()):
        assert torch.allclose(logits(plain), by_hand, atol=1e-4 * by_hand.abs().max())


def test_every_projection_of_the_attention():
    ends = {kind: [n.rsplit(".", 1)[1] for n in attention_linears(tiny_model(kind))] for kind in ("llama", "phi3", "gpt_neox", "qwen3")}
    four = ["q_proj", "k_proj", "v_proj", "o_proj"] * 3
    assert ends == {"llama": four, "qwen3": four, "phi3": ["o_proj", "qkv_proj"] * 3, "gpt_neox": ["query_key_value", "dense"] * 3}


def test_scales_on_top(tmp_path, adapter):
    folder, model = made(tmp_path / "a", "lora"), tiny_model()
    model.generation_config = None
    scales = load_scales(str(adapter), model)
    with method_of(f"lora,adapter={folder}").apply(model), scaled(model, scales):
        by_hand = logits(model)
    _, both, _ = take_method({"method": "lora+seal", "lora.adapter": str(folder), "seal.adapter": str(adapter)})
    with both.apply(model):
        assert torch.equal(logits(model), by_hand)


def test_folders_that_do_not_fit(tmp_path, adapter):
    folder, model = made(tmp_path / "lora", "lora"), tiny_model()

    def refused(name, message, on=model):
        with pytest.raises(SealError, match=message), method_of(name).apply(on):
            pass
        assert not any("lora" in n for n, _ in on.named_modules())

    refused(f"dora,adapter={folder}", "is a LORA adapter, not DORA; use method=lora")
    refused(f"lora,adapter={adapter}", "is a IA3 adapter, not LORA")
    refused(f"lora,adapter={tmp_path}", r"has no adapter_model\.safetensors")
    refused(f"lora,adapter={folder}", "it has weights for .*, the model has no such projection", tiny_model("gpt_neox"))
    refused(f"lora,adapter={folder}", "it has 64 inputs in .*o_proj, the model has 128", tiny_model("mistral"))
    pickle = shutil.copytree(folder, tmp_path / "pickle")
    (pickle / "adapter_model.safetensors").rename(pickle / "adapter_model.bin")
    refused(f"lora,adapter={pickle}", "only a pickle, which may run any code and is not loaded")
    nan = shutil.copytree(folder, tmp_path / "nan")
    tensors = load_file(nan / "adapter_model.safetensors")
    next(iter(tensors.values()))[0, 0] = torch.nan
    save_file(tensors, nan / "adapter_model.safetensors", metadata={"format": "pt"})
    refused(f"lora,adapter={nan}", "are not finite")
    config = json.loads((folder / "adapter_config.json").read_text())
    assert config["target_modules"] == sorted(config["target_modules"]) and config["r"] == 4
