"""What some configurations say: the window of the training, heads of sliding layers, layers of one weight, two attentions in a layer."""

import math
import shutil

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig

from seal_eval.baselines import method_of
from seal_eval.core.errors import SealError
from seal_eval.core.files import read_object, write_json
from seal_eval.models.adapters import fold, scaled
from seal_eval.models.lora import merged
from seal_eval.models.modules import head_projections, in_features, n_heads
from seal_eval.models.rope import rotary_dim, rotary_modules
from seal_eval.models.selftest import check_method, full_attentions
from seal_eval.tuning.config import TuneSpec
from seal_eval.tuning.merge import export
from seal_eval.tuning.parameters import trainable

from conftest import tiny_model
from method_cases import logits

ORIGINAL = "original_max_position_embeddings"
INKLING = {
    "head_dim": 16, "swa_num_attention_heads": 8, "swa_num_key_value_heads": 2, "swa_head_dim": 16, "sliding_window_size": 32,
    "rel_extent": 40, "layer_types": ["hybrid_sliding", "hybrid", "hybrid_sliding"], "n_routed_experts": 4, "num_experts_per_tok": 2,
    "moe_intermediate_size": 32,
}  # fmt: skip
ZAMBA2 = {
    "num_hidden_layers": 4, "num_key_value_heads": 4, "attention_hidden_size": 128, "attention_head_dim": 32, "mamba_d_state": 16,
    "n_mamba_heads": 4, "mamba_ngroups": 1, "num_mem_blocks": 1, "layers_block_type": ["mamba", "hybrid"] * 2, "use_mem_rope": True,
    "adapter_rank": 8,
}  # fmt: skip
LONGCAT = {
    "num_layers": 2, "num_hidden_layers": 4, "num_key_value_heads": 4, "ffn_hidden_size": 96, "q_lora_rank": 16, "kv_lora_rank": 16,
    "qk_nope_head_dim": 8, "qk_rope_head_dim": 8, "head_dim": 8, "v_head_dim": 16, "n_routed_experts": 4, "zero_expert_num": 1,
    "moe_topk": 2, "expert_ffn_hidden_size": 32,
}  # fmt: skip


def yarn_frequencies(d, base, factor, original):
    """Equations 17 to 20 of the paper, with whole channels as in its code."""
    turn = [d * math.log(original / (turns * 2 * math.pi)) / (2 * math.log(base)) for turns in (32, 1)]
    low, high = max(math.floor(turn[0]), 0), min(math.ceil(turn[1]), d - 1)
    ramp = ((torch.arange(d // 2, dtype=torch.float64) - low) / (high - low)).clamp(0, 1)
    plain = base ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)
    return plain / factor * ramp + plain * (1 - ramp)


@pytest.mark.parametrize(("kind", "field"), [("phi3", {}), ("llama", {"original_max_position_embeddings": 512})])
@pytest.mark.parametrize(("setting", "original"), [("", 2048), (",original=64", 64)])
def test_yarn_takes_the_window_that_it_says(kind, field, setting, original):
    """transformers prefers a window of the configuration's own to that of the rotary parameters; Phi-3 always has one, of 4,096."""
    model = tiny_model(kind, **field, **({"sliding_window": None, "hidden_size": 128} if kind == "phi3" else {"hidden_size": 128}))
    yarn = method_of(f"yarn,factor=4{setting}")
    assert yarn.resolved(2048) == {"original": original}
    with yarn.apply(model):
        used = rotary_modules(model)[0][2].inv_freq.double()
    torch.testing.assert_close(used, yarn_frequencies(32, 1e4, 4, original), rtol=1e-4, atol=0)


def test_the_base_follows_the_channels_that_are_rotated():
    """Gemma 4's layers with full attention have wider heads; transformers refuses to say one width for all layers."""
    rope = {kind: {"rope_type": "default", "rope_theta": 1e4} for kind in ("full_attention", "sliding_attention")}
    layers = ["sliding_attention", "full_attention"] * 2
    model = tiny_model(
        "gemma4_text", num_hidden_layers=4, head_dim=16, global_head_dim=32, layer_types=layers, rope_parameters=rope, sliding_window=32,
        num_kv_shared_layers=0, vocab_size_per_layer_input=1000, hidden_size_per_layer_input=16,
    )  # fmt: skip
    with method_of("ntk,factor=4").apply(model):
        used = rotary_modules(model)[0][2].full_attention_inv_freq.double()
    base = 1e4 * 4 ** (32 / 30)
    torch.testing.assert_close(used, base ** (-torch.arange(0, 32, 2, dtype=torch.float64) / 32), rtol=1e-5, atol=0)
    for name in ("linear", "ntk", "dynamic_ntk", "yarn"):
        check_method(name, method_of(name), model)


def test_heads_of_layers_with_a_window():
    """Inkling's configuration has another number of heads for them; one number of the others' would make one head of two."""
    with pytest.raises(SealError, match="layers differ in their number of heads; scale channels, not heads"):
        n_heads(tiny_model("inkling_text", **INKLING))
    alike = tiny_model("inkling_text", **INKLING | {"layer_types": ["hybrid_sliding"] * 3})
    assert n_heads(alike) == 8
    with trainable(alike, TuneSpec(recipe="fixed", method="seal", granularity="head")) as gains:
        assert [len(delta) for delta in gains.parameters()] == [8, 8, 8]


def test_layers_of_one_weight_hold_no_scales_of_each():
    """Zamba 2's layers with attention are one; folded, its weight would have the scales of all of them."""
    model = tiny_model("zamba2", **ZAMBA2)
    projections = head_projections(model)
    assert len(projections) == 2 and projections[0][1].weight is projections[1][1].weight
    scales = {name: torch.full((in_features(module),), 1.5 - i) for i, (name, module) in enumerate(projections)}
    before = projections[0][1].weight.clone()
    with pytest.raises(SealError, match=r"layers\.1\.\S+ and \S+layers\.3\.\S+ are one weight, .* keep the adapter apart, with method="):
        fold(model, scales)
    assert torch.equal(projections[0][1].weight, before)
    plain = logits(model)
    with scaled(model, scales):  # apart, each layer has its own
        assert not torch.allclose(logits(model), plain, rtol=1e-2)


def test_low_rank_changes_of_layers_of_one_weight_are_not_merged(tmp_path):
    wrapped = get_peft_model(tiny_model("zamba2", **ZAMBA2), LoraConfig(target_modules=["o_proj"], init_lora_weights=False))
    wrapped.save_pretrained(str(tmp_path / "a"), save_embedding_layers=False)
    with pytest.raises(SealError, match=r"layers\.1\S+o_proj, whose weight is tied to that of \S+layers\.3\S+ .* keep it with method="):
        merged(tiny_model("zamba2", **ZAMBA2), str(tmp_path / "a"), dora=False)


def test_two_attentions_in_a_layer():
    """LongCat Flash lists them, and the list itself is never called: before, its rotary methods were said to change nothing."""
    model = tiny_model("longcat_flash", **LONGCAT)
    assert [type(m).__name__ for m in full_attentions(model)] == ["LongcatFlashMLA"] * 4
    check_method("linear", method_of("linear,factor=4"), model)


def test_a_written_window_is_the_one_that_was_meant(tiny_folder, tmp_path):
    """A checkpoint with the field, whose YaRN is about another window: read again, the field counts."""
    source, out = tmp_path / "m", tmp_path / "out"
    shutil.copytree(tiny_folder, source)
    write_json(source / "config.json", read_object(source / "config.json") | {ORIGINAL: 512})
    export(str(source), out, on="yarn,factor=4,original=64")
    read = AutoConfig.from_pretrained(out)
    assert getattr(read, ORIGINAL) == read.rope_parameters[ORIGINAL] == 64


def test_repeated_layers_are_no_low_rank_change(tmp_path):
    """peft would put other layers into the model, and another number of them into its configuration."""
    repeated = LoraConfig(target_modules=["q_proj"], layer_replication=[(0, 1), (0, 2)])  # three layers of three
    get_peft_model(tiny_model(), repeated).save_pretrained(str(tmp_path / "a"))
    with (
        pytest.raises(SealError, match="repeats layers of the model"),
        method_of(f"lora,adapter={tmp_path / 'a'}").apply(tiny_model()),
    ):
        pass


def test_an_odd_number_of_rotated_channels():
    """MiMo-V2-Flash rotates a share of each head, here 5 of 16 channels by three frequencies 1e4 ** (-2i / 5)."""
    rope = {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.334}
    model = tiny_model("phi", head_dim=16, num_attention_heads=4, hidden_size=64, rope_parameters=rope)
    assert rotary_dim(rotary_modules(model)[0][2]) == 5
    assert rotary_dim(rotary_modules(tiny_model())[0][2]) == 16
