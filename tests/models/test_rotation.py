"""Rotating keys to other positions: in any order of methods, and which models must be refused."""

import pytest
import torch

from seal_eval.baselines import method_of
from seal_eval.core.errors import SealError
from seal_eval.models.attention import unrotated_layers
from seal_eval.models.loading import load_model
from seal_eval.models.rotation import Frequencies

from conftest import tiny_model

IDS = torch.randint(2, 1000, (1, 300), generator=torch.Generator().manual_seed(1))
MLA = {"q_lora_rank": 16, "kv_lora_rank": 16, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 16, "num_key_value_heads": 4,
       "first_k_dense_replace": 3}  # fmt: skip


@torch.no_grad()
def logits(model, spec="plain"):
    with method_of(spec).apply(model):
        return model(IDS).logits


@pytest.mark.parametrize("attention", ["self_extend", "streaming", "dual_chunk"])
@pytest.mark.parametrize("rope", ["linear,factor=4", "ntk,factor=4", "yarn,factor=4"])
def test_either_order(attention, rope):
    """The frequencies are those that rotated the keys, in either order of the methods."""
    model = tiny_model(max_position_embeddings=128)
    name, factor = rope.split(",")
    one, two = logits(model, f"{attention}+{rope}"), logits(model, f"{name}+{attention},{factor}")
    assert torch.equal(one, two) and not torch.allclose(one, logits(model, attention), atol=0.1)


@pytest.mark.parametrize("order", ["dynamic_ntk+self_extend", "self_extend+dynamic_ntk"])
def test_frequencies_that_change_with_the_text(order):
    """At 300 tokens with a window of 128, dynamic NTK equals NTK with factor 4."""
    model = tiny_model(max_position_embeddings=128)
    assert torch.equal(logits(model, "dynamic_ntk"), logits(model, "ntk,factor=4"))
    assert torch.equal(logits(model, f"{order},neighbours=32"), logits(model, "ntk+self_extend,factor=4,neighbours=32"))


@pytest.mark.parametrize(
    ("kind", "own", "message"),
    [
        ("deepseek_v3", {"rope_interleave": True, **MLA}, "does not rotate its keys in halves of the first channels"),
        ("deepseek_v3", {"rope_interleave": False, **MLA}, "does not rotate its keys in halves of the first channels"),
        (
            "llama4_text",
            {"head_dim": 16, "num_local_experts": 2, "intermediate_size_mlp": 96, "attention_chunk_size": 64},
            "every layer attends within a window of 64 tokens",
        ),
        ("cohere", {}, "interleaves its rotary channels"),
        ("gpt_oss", {"head_dim": 16}, "has learned attention sinks"),
    ],
)
def test_refused(kind, own, message):
    """Refused before the first prompt: other rotations would give wrong distances, and sinks would be ignored."""
    model = tiny_model(kind, **own)
    for name in ("self_extend", "streaming", "dual_chunk"):
        with pytest.raises(SealError, match=message), method_of(name).apply(model):
            pass
    if kind == "gpt_oss":
        with pytest.raises(SealError, match=message), method_of("logn").apply(model):
            pass


def test_layers_without_rotation():
    """SmolLM3: layers without positions have no distances to change, but streaming still removes tokens."""
    model = tiny_model("smollm3", no_rope_layers=[0, 0, 0], max_position_embeddings=128)
    plain = logits(model)
    assert torch.equal(logits(model, "ntk,factor=4"), plain)
    for name in ("self_extend", "dual_chunk"):
        assert torch.allclose(logits(model, name), plain, atol=1e-5)
    assert not torch.allclose(logits(model, "streaming,recent=20"), plain, atol=0.1)
    mixed = tiny_model("smollm3", no_rope_layers=[1, 1, 0], max_position_embeddings=128)
    assert not torch.allclose(logits(mixed, "self_extend"), logits(mixed), atol=0.1)


def test_a_full_layer_that_names_a_window():
    """EXAONE 4's layers with full attention also carry the sliding window's size; they must count as full."""
    model = tiny_model("exaone4", sliding_window=64, layer_types=["sliding_attention", "sliding_attention", "full_attention"])
    assert not torch.allclose(logits(model, "streaming,recent=20"), logits(model), atol=0.1)


def test_bf16_is_near_enough():
    """Rounding to bf16 is not mistaken for another rotation."""
    for kind in ("llama", "qwen2", "gemma3_text", "phi", "gpt_neox"):
        with method_of("self_extend").apply(tiny_model(kind).bfloat16()):
            pass


@pytest.mark.model
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_a_real_model_can_be_turned(dtype):
    """In bf16, thirty layers amplify small differences between contexts; tokens read alone have no context."""
    model, _ = load_model("smollm2-135m-instruct", dtype)
    assert unrotated_layers(model, Frequencies(model)) == set()
