"""Where a method reaches into a model: the text decoder's layers with attention, in wrappers and hybrids too."""

import pytest
import torch
from transformers import AutoModelForCausalLM, Gemma3Config, Gemma3ForConditionalGeneration

from seal_eval.core.errors import SealError
from seal_eval.models.adapters import fold, save_adapter, scaled
from seal_eval.models.modules import attention_linears, head_projections, in_features, text_decoder

from conftest import tiny_config, tiny_model
from method_cases import close, logits

LINEAR = {"layer_types": ["linear_attention", "full_attention", "full_attention"]}
HYBRIDS = {
    "qwen3_next": (LINEAR, ["model.layers.1.self_attn.o_proj", "model.layers.2.self_attn.o_proj"]),
    "qwen3_5_text": (LINEAR, ["model.layers.1.self_attn.o_proj", "model.layers.2.self_attn.o_proj"]),
    "jamba": ({"attn_layer_period": 2, "attn_layer_offset": 1}, ["model.layers.1.self_attn.o_proj"]),
    "lfm2": ({"layer_types": ["conv", "full_attention", "conv"]}, ["model.layers.1.self_attn.out_proj"]),
    "falcon_h1": ({}, [f"model.layers.{i}.self_attn.o_proj" for i in range(3)]),
    "olmo_hybrid": ({}, ["model.layers.2.self_attn.o_proj"]),
    "granitemoehybrid": ({"layer_types": ["mamba", "attention", "mamba"]}, ["model.layers.1.self_attn.o_proj"]),
    "bamba": ({"attn_layer_indices": [1]}, ["model.layers.1.self_attn.o_proj"]),
    "nemotron_h": ({}, ["model.layers.2.mixer.o_proj"]),
}


def gemma3():
    """A wrapper with a vision tower of three layers beside a text decoder of three."""
    torch.manual_seed(0)
    vision = {
        "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "image_size": 28, "patch_size": 14,
    }  # fmt: skip
    config = Gemma3Config(text_config=tiny_config("gemma3_text", head_dim=16).to_dict(), vision_config=vision, mm_tokens_per_image=4)
    return Gemma3ForConditionalGeneration(config).eval()


def random_scales(model):
    generator = torch.Generator().manual_seed(3)
    return {n: 0.2 + 2 * torch.rand(in_features(m), generator=generator) for n, m in head_projections(model)}


def as_stock_peft(model, folder):
    """Hooks, stock peft with the saved adapter, and folded weights give the same predictions, others than the plain model's."""
    from peft import PeftModel

    scales, plain = random_scales(model), logits(model)
    with scaled(model, scales):
        hooked = logits(model)
    assert not torch.allclose(hooked, plain, atol=1e-3 * float(plain.abs().max()), rtol=0)
    save_adapter(model, scales, folder, {"model": "m"})
    wrapped = PeftModel.from_pretrained(model, folder)
    assert torch.equal(logits(wrapped.eval()), hooked)
    tuned = [name for name, module in wrapped.named_modules() if hasattr(module, "ia3_l")]
    assert len(tuned) == len(scales)  # no other module of the model is touched
    model = wrapped.unload()
    fold(model, scales)
    assert close(logits(model), hooked)


def test_a_vision_tower_has_no_heads_to_scale(tmp_path):
    model = gemma3()
    assert text_decoder(model)[0] == "model.language_model"
    assert [name for name, _ in head_projections(model)] == [f"model.language_model.layers.{i}.self_attn.o_proj" for i in range(3)]
    assert all(name.startswith("model.language_model.") for name in attention_linears(model))
    as_stock_peft(model, tmp_path)


@pytest.mark.parametrize("kind", HYBRIDS)
def test_hybrids_scale_their_layers_with_attention(kind, tmp_path):
    own, expected = HYBRIDS[kind]
    model = tiny_model(kind, **own)
    assert [name for name, _ in head_projections(model)] == expected
    if kind in ("qwen3_next", "olmo_hybrid", "nemotron_h"):  # the others save the same kind of adapter
        as_stock_peft(model, tmp_path)


@pytest.mark.parametrize("kind", ["mamba", "rwkv"])
def test_models_without_attention_are_refused(kind):
    with pytest.raises(SealError, match="no head-output projection found for 3 layers"):
        head_projections(AutoModelForCausalLM.from_config(tiny_config(kind)))
