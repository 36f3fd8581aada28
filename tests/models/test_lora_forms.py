"""Every form of peft's LoRA folders: the logits of stock peft, the model as before afterwards, and merged weights; or refused."""

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file

from seal_eval.baselines import method_of
from seal_eval.core.errors import SealError
from seal_eval.models.lora import merged

from conftest import tiny_model

IDS = torch.arange(2, 60)[None] * 7 % 900
QV = ["q_proj", "v_proj"]
FORMS = {
    "whole modules": {"modules_to_save": ["lm_head"]},
    "norms": {"modules_to_save": ["norm"]},
    "embedding": {"modules_to_save": ["embed_tokens", "lm_head"]},
    "low-rank embedding": {"target_modules": [*QV, "embed_tokens"]},
    "tokens": {"trainable_token_indices": [3, 9, 14]},
    "bias of B": {"lora_bias": True},
    "biases of the model": {"bias": "lora_only"},
    "some layers": {"layers_to_transform": [0, 2], "layers_pattern": "layers"},
    "ranks": {"rank_pattern": {"q_proj": 2}, "alpha_pattern": {"v_proj": 32}},
    "all linear": {"target_modules": "all-linear"},
    "pattern": {"target_modules": r".*layers\.[01]\.self_attn\.(k|o)_proj"},
    "scaled by the root of the rank": {"use_rslora": True, "modules_to_save": ["lm_head"]},
    "dora and head": {"use_dora": True, "modules_to_save": ["lm_head"]},
}


@torch.no_grad()
def logits(model):
    return model(IDS).logits


def made(folder, kind="llama", settings=None, **other):
    """Write a folder of peft's with random weights for a tiny model."""
    config = LoraConfig(task_type="CAUSAL_LM", r=4, **({"target_modules": QV} | (settings or {})))
    wrapped = get_peft_model(tiny_model(kind, **other), config)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for p in wrapped.parameters():
            if p.requires_grad:
                p.add_(0.1 * torch.randn(p.shape, generator=generator))
    wrapped.save_pretrained(str(folder))
    return str(folder)


@pytest.mark.parametrize("kind", ["llama", "qwen2"])  # Qwen2's projections have biases
@pytest.mark.parametrize("form", FORMS)
def test_as_stock_peft(form, kind, tmp_path):
    folder, model = made(tmp_path / "a", kind, FORMS[form]), tiny_model(kind)
    method = "dora" if FORMS[form].get("use_dora") else "lora"
    before, modules = logits(model), [(n, type(m)) for n, m in model.named_modules()]
    with method_of(f"{method},adapter={folder}").apply(model):
        ours = logits(model)
    stock = logits(PeftModel.from_pretrained(tiny_model(kind), folder).eval())
    assert torch.equal(ours, stock) and not torch.allclose(ours, before, atol=1e-2)
    assert torch.equal(logits(model), before) and [(n, type(m)) for n, m in model.named_modules()] == modules
    if form == "bias of B" and kind == "llama":
        with pytest.raises(SealError, match=r"peft cannot merge adapter .*; keep it with method="):
            merged(model, folder, method == "dora")
        return
    assert torch.allclose(logits(merged(model, folder, method == "dora")), stock, atol=1e-4 * stock.abs().max())


def test_of_another_model(tmp_path):
    def refused(message, folder, kind="llama", **other):
        model = tiny_model(kind, **other)
        before = [n for n, _ in model.named_modules()]
        with pytest.raises(SealError, match=message), method_of(f"lora,adapter={folder}").apply(model):
            pass
        assert [n for n, _ in model.named_modules()] == before

    folder = made(tmp_path / "lora")
    refused(r"it has no base_model\.model\.model\.layers\.3\.self_attn\.q_proj\.lora_A\.weight, which", folder, num_hidden_layers=4)
    refused(r"size mismatch .*v_proj.*\[32, 4\].*\[64, 4\]", folder, num_key_value_heads=4)
    refused("size mismatch .*lm_head", made(tmp_path / "head", settings={"modules_to_save": ["lm_head"]}), vocab_size=900)
    tensors = load_file(tmp_path / "lora" / "adapter_model.safetensors")
    renamed = {key.replace("model.layers", "model.language_model.layers"): tensor for key, tensor in tensors.items()}
    save_file(renamed, tmp_path / "lora" / "adapter_model.safetensors")
    refused(r"it has weights for model\.language_model\.layers\.0\.self_attn\.q_proj, the model has no such projection", folder)


def test_chosen_tokens_of_tied_embeddings(tmp_path):
    """The folder holds them once, for both embeddings."""
    folder, model = (
        made(tmp_path / "a", settings={"trainable_token_indices": [3, 9]}, tie_word_embeddings=True),
        tiny_model(tie_word_embeddings=True),
    )
    before, stock = logits(model), logits(PeftModel.from_pretrained(tiny_model(tie_word_embeddings=True), folder).eval())
    with method_of(f"lora,adapter={folder}").apply(model):
        assert torch.equal(logits(model), stock) and not torch.allclose(stock, before, atol=1e-2)
    assert torch.equal(logits(model), before)


@pytest.mark.parametrize(("changed", "other"), [("lm_head", "model.embed_tokens"), ("embed_tokens", "lm_head")])
def test_low_rank_changes_of_one_of_two_tied_embeddings_are_not_merged(changed, other, tmp_path):
    folder = made(tmp_path / "a", settings={"target_modules": ["q_proj", changed]}, tie_word_embeddings=True)
    with pytest.raises(SealError, match=rf"changes \S*{changed}, whose weight is tied to that of {other} .* keep it with method="):
        merged(tiny_model(tie_word_embeddings=True), folder, dora=False)
