"""Scales on a model, against three references: folded weights, stock peft, and the naive product."""

import json

import pytest
import torch

from seal_eval.core.errors import SealError
from seal_eval.models.adapters import fold, load_scales, save_adapter, scaled
from seal_eval.models.modules import head_projections, in_features

from conftest import tiny_model

KINDS = ("llama", "mistral", "qwen2", "qwen3", "gpt2", "phi", "gpt_neox", "gemma2", "olmo2")
IDS = torch.arange(2, 60)[None]


def logits(model):
    with torch.no_grad():
        return model(IDS).logits


def random_scales(model, value=None):
    generator = torch.Generator().manual_seed(1)
    return {
        n: torch.full((in_features(m),), value) if value is not None else 0.2 + 2 * torch.rand(in_features(m), generator=generator)
        for n, m in head_projections(model)
    }


@pytest.mark.parametrize("kind", KINDS)
def test_scaled_equals_folded_and_is_undone(kind):
    model = tiny_model(kind)
    plain, scales = logits(model), random_scales(model)
    with scaled(model, random_scales(model, 1.0)):
        assert torch.equal(logits(model), plain)  # scales of 1 change nothing, bit for bit
    with scaled(model, scales):
        hooked = logits(model)
    assert not torch.allclose(hooked, plain, atol=1e-2)  # other scales must have an effect
    assert torch.equal(logits(model), plain)
    with pytest.raises(RuntimeError, match="inside"), scaled(model, scales):
        raise RuntimeError("inside")
    assert torch.equal(logits(model), plain)
    fold(model, scales)
    assert torch.allclose(logits(model), hooked, atol=2e-4 * hooked.abs().max())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_folding_rounds_once(dtype):
    """Against the product in float64: for weights of any type, it is the nearest number of that type, float64 itself unchanged."""
    model = tiny_model().to(dtype)
    scales = random_scales(model)
    name, projection = head_projections(model)[0]
    with torch.no_grad():
        projection.weight += 1e-9 * torch.rand_like(projection.weight)  # digits that fp32 does not hold
    expected = projection.weight.double() * scales[name].double()
    fold(model, scales)
    found = projection.weight.double()
    assert found.equal(expected.to(torch.promote_types(dtype, torch.float32)).to(dtype).double())


def test_head_scale_is_the_head_times_a_constant():
    """Compared with a sum over heads: head h's output times s_h, times its part of the projection."""
    model = tiny_model("llama")
    projection = model.model.layers[0].self_attn.o_proj
    x = torch.randn(2, 7, 64)
    s = torch.tensor([0.5, 2.0, 1.0, -1.0])
    scales = random_scales(model, 1.0)
    scales["model.layers.0.self_attn.o_proj"] = s.repeat_interleave(16)
    with scaled(model, scales):
        got = projection(x)
    by_hand = sum(s[h] * x[..., 16 * h : 16 * h + 16] @ projection.weight[:, 16 * h : 16 * h + 16].T for h in range(4))
    assert torch.allclose(got, by_hand, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_stock_peft_runs_the_adapter(kind, tmp_path):
    from peft import PeftModel

    model = tiny_model(kind)
    scales = random_scales(model)
    (tmp_path / "a").mkdir()
    save_adapter(model, scales, tmp_path / "a", {"model": kind})
    assert all(torch.equal(t, scales[n]) for n, t in load_scales(str(tmp_path / "a"), model).items())
    with scaled(model, scales):
        ours = logits(model)
    theirs = logits(PeftModel.from_pretrained(tiny_model(kind), tmp_path / "a").eval())
    assert torch.equal(ours, theirs)


def test_bad_adapters(tmp_path, adapter):
    import shutil

    from safetensors.torch import load_file, save_file

    bigger = tiny_model("llama", num_hidden_layers=4)
    with pytest.raises(SealError, match="it has 3 layers × 64 channels, the model needs 4 layers × 64 channels"):
        load_scales(str(adapter), bigger)
    wider = tiny_model("mistral")
    with pytest.raises(SealError, match="it has 3 layers × 64 channels, the model needs 3 layers × 128 channels"):
        load_scales(str(adapter), wider)
    model = tiny_model("llama")
    with pytest.raises(SealError, match=r"has no adapter_model\.safetensors"):
        load_scales(str(tmp_path), model)

    def copy(name):
        return shutil.copytree(adapter, tmp_path / name)

    damaged = copy("damaged")
    (damaged / "adapter_model.safetensors").write_bytes(b"\x00" * 100)
    with pytest.raises(SealError, match="is damaged"):
        load_scales(str(damaged), model)
    nan = copy("nan")
    tensors = load_file(nan / "adapter_model.safetensors")
    next(iter(tensors.values()))[0, 3] = float("nan")
    save_file(tensors, nan / "adapter_model.safetensors", metadata={"format": "pt"})
    with pytest.raises(SealError, match="are not finite"):
        load_scales(str(nan), model)
    lora = copy("lora")
    config = json.loads((lora / "adapter_config.json").read_text())
    (lora / "adapter_config.json").write_text(json.dumps({**config, "peft_type": "LORA"}))
    with pytest.raises(SealError, match="is a LORA adapter"):
        load_scales(str(lora), model)


def test_tensors_that_cannot_be_written(tmp_path):
    """The error names the file and what is wrong with it. A limit of a file's size stands for a full disk."""
    import resource

    from seal_eval.models.tensors import write_tensors

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(SealError, match=r"large cannot be written: .*os error 27"):
            write_tensors(tmp_path / "large", {"a": torch.ones(100_000)}, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    with pytest.raises(SealError, match=r"cannot be written: .*No such file"):
        write_tensors(tmp_path / "no folder" / "file", {"a": torch.ones(2)}, {})
