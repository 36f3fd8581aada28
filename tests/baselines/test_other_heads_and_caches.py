"""Methods on partly rotated heads (against transformers' own configurations), static caches, and heads of two softmaxes."""

import pytest
import torch

from seal_eval.core.errors import SealError
from seal_eval.models.modules import n_heads
from seal_eval.models.rope import rotary_modules

from conftest import tiny_config, tiny_model
from method_cases import CASES, IDS, close, logits, method

PARTLY = {
    "phi": {}, "stablelm": {}, "gpt_neox": {}, "glm4": {"head_dim": 16}, "persimmon": {},
    "qwen3_next": {
        "head_dim": 32, "layer_types": ["full_attention"] * 3, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32,
        "shared_expert_intermediate_size": 32,
    },
}  # fmt: skip
SCALED = {
    "yarn": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64},
    "linear": {"rope_type": "linear", "factor": 4.0},
    "dynamic_ntk": {"rope_type": "dynamic", "factor": 4.0},
    "ntk": {},
}


@pytest.mark.parametrize("kind", PARTLY)
@pytest.mark.parametrize("name", SCALED)
def test_partly_rotated_heads_are_transformers_own(kind, name):
    """YaRN's factor multiplies cos and sin, so only the channels that are rotated; bases are of their number."""
    own = PARTLY[kind] | {"max_position_embeddings": 64}
    model, config = tiny_model(kind, **own), tiny_config(kind, **own)
    d = 2 * len(rotary_modules(model)[0][2].inv_freq)
    assert d < (config.head_dim if getattr(config, "head_dim", None) else 16)
    scaled = SCALED[name] or {"rope_theta": config.rope_parameters["rope_theta"] * 4 ** (d / (d - 2))}
    theirs = tiny_model(kind, **own, rope_parameters=config.rope_parameters | scaled)
    ids = IDS[:, :80]  # a multiple of 16, to which the method dynamic_ntk rounds up
    plain, expected = logits(model, ids), logits(theirs, ids)
    with method(name, factor=4.0).apply(model):
        assert close(logits(model, ids), expected) and not close(plain, expected)


@pytest.mark.parametrize("name", ["self_extend", "streaming", "string", "dual_chunk", "logn", "temperature"])
def test_a_static_cache_is_refused(name):
    """Its keys do not end with the text, from whose end positions are counted; before, replies were wrong without a word."""
    model = tiny_model("llama")
    with method(name, **CASES[name][1]).apply(model):
        model.generate(IDS, max_new_tokens=3, do_sample=False)
        for mask in (None, torch.ones_like(IDS).index_fill(1, torch.arange(4), 0)):
            with pytest.raises(SealError, match="use a DynamicCache"):
                model.generate(IDS, attention_mask=mask, max_new_tokens=3, do_sample=False, cache_implementation="static")


def test_heads_of_two_softmaxes():
    """DiffLlama's head is one softmax less another one: it has no scales and no map of heads; what treats all heads alike works."""
    model = tiny_model("diffllama")
    with pytest.raises(SealError, match="scale channels, not heads"):
        n_heads(model)
    with pytest.raises(SealError, match="differential attention"), method("ms_poe").apply(model):
        pass
    attention = model.model.layers[0].self_attn  # the witness: a query head's output is no slice of what o_proj is given
    seen = {}
    handle = attention.o_proj.register_forward_pre_hook(lambda _, args: seen.update(x=args[0]))
    logits(model)
    before = seen["x"]
    with torch.no_grad():
        attention.q_proj.weight[:16] *= 2  # the first of four query heads
    logits(model)
    handle.remove()
    moved = (seen["x"] != before).unflatten(-1, (4, 16)).any(-1).any(1)[0].tolist()
    assert moved == [True, True, False, False]
