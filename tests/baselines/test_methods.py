"""Properties that every method must have, on every architecture; settings; compositions."""

import json
import math
import re

import pytest
import torch

from seal_eval.baselines import method_names, method_of, settings, take_method
from seal_eval.core.errors import SealError
from seal_eval.models.rope import rotary_modules

from conftest import tiny_model
from method_cases import CASES, IDS, MADE, close, logits, made, method

KINDS = (
    "llama", "mistral", "qwen3", "gemma2", "gemma3_text", "phi3", "gpt_neox",
    *(pytest.param(kind, marks=pytest.mark.nightly) for kind in ("qwen2", "phi", "olmo2", "mixtral")),
)  # fmt: skip
PER_PROMPT = ("ms_poe", "dysco")  # the prompt decides, and a longer one decides anew: test_rivals.py and test_dysco.py try replies


def test_every_method_is_tried():
    assert {*CASES, *MADE, "plain"} == set(method_names())


@pytest.mark.parametrize("name", [*CASES, *MADE])
@pytest.mark.parametrize("kind", KINDS)
def test_contract(kind, name, tmp_path):
    model = tiny_model(kind)
    plain = logits(model)
    neutral, active = CASES[name] if name in CASES else [made(name, kind, s, tmp_path / f"{s}") for s in (0, 1)]
    with method(name, **neutral).apply(model):
        assert close(logits(model), plain)
    with method(name, **active).apply(model):
        changed = logits(model)
        assert not torch.allclose(changed, plain, atol=1e-3)  # a method must not silently do nothing
        # generation with a cache equals generation without
        cache = model(IDS[:, :82], use_cache=True).past_key_values
        steps = [model(IDS[:, t : t + 1], past_key_values=cache, use_cache=True).logits for t in range(82, 90)]
        if name not in PER_PROMPT:
            assert close(torch.cat(steps, 1), changed[:, 82:])
        # a left-padded batch equals its rows one by one
        short = IDS[:, 30:]
        ids = torch.cat([IDS, torch.cat([torch.ones(1, 30, dtype=torch.long), short], 1)])
        mask = (torch.arange(90)[None] >= torch.tensor([[0], [30]])).long()
        batch = logits(model, ids, attention_mask=mask, position_ids=(mask.cumsum(-1) - 1).clamp(min=0))
        if name != "dynamic_ntk":  # its frequencies follow the longest row
            assert close(batch[1, 30:], logits(model, short)[0])
        assert close(batch[0], changed[0])
    assert torch.equal(logits(model), plain)
    with pytest.raises(RuntimeError, match="inside"), method(name, **active).apply(model):
        raise RuntimeError("inside")
    assert torch.equal(logits(model), plain)
    assert json.loads(json.dumps(settings(method(name, **active)))) == settings(method(name, **active))


@pytest.mark.parametrize("name", ["linear", "ntk", "dynamic_ntk", "yarn", "self_extend"])
def test_without_rotary_embeddings(name):
    with pytest.raises(SealError, match="GPT2LMHeadModel has no rotary position embedding"), method(name).apply(tiny_model("gpt2")):
        pass


@pytest.mark.parametrize("name", ["self_extend", "streaming", "dual_chunk", "logn", "string", "ms_poe"])
def test_where_every_layer_slides(name):
    model = tiny_model("mistral", sliding_window=64)
    with pytest.raises(SealError, match="every layer attends within a window of 64 tokens"), method(name).apply(model):
        pass


@pytest.mark.parametrize(
    ("name", "own", "same"),
    [
        ("self_extend", {}, {"neighbours": 16}),
        ("self_extend", {"group": 3}, {"group": 3, "neighbours": 15}),
        ("streaming", {}, {"recent": 12}),
    ],
)
def test_defaults_follow_the_window(name, own, same):
    model = tiny_model("llama", max_position_embeddings=64)
    found = []
    for given in (own, same):
        with method(name, **given).apply(model):
            found.append(logits(model))
    assert torch.equal(*found) and not torch.allclose(found[0], logits(model), atol=1e-3)
    with (
        pytest.raises(SealError, match=r"must lie between \d and the window, 64"),
        method(name, **{k: 600 for k in ("neighbours", "recent") if hasattr(method(name), k)}).apply(model),
    ):  # these would change nothing within the window
        pass


def test_a_scaled_rotary_embedding_is_not_scaled_again():
    model = tiny_model("llama", rope_parameters={"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4})
    with pytest.raises(SealError, match="already has type 'linear'"), method("yarn").apply(model):
        pass


@pytest.mark.parametrize(
    ("name", "own", "expected"),
    [
        ("linear", {}, [0.25, 0.025, 0.0025, 0.00025]),
        ("ntk", {}, [1, 0.062996052, 0.0039685026, 0.00025]),
        ("dynamic_ntk", {"original": 2048}, [1, 0.058480355, 0.0034199519, 0.0002]),
        ("yarn", {"original": 2048}, [1, 0.1, 0.00625, 0.00025]),
    ],
)
def test_frequencies(name, own, expected):
    """Against the papers' formulas computed in float64 for 8 channels, base 1e4, window 2,048, factor 4 (dynamic: at 4,096 tokens)."""
    model = tiny_model(
        "llama", hidden_size=32, num_attention_heads=4, num_key_value_heads=4, rope_parameters={"rope_type": "default", "rope_theta": 1e4}
    )
    with method(name, factor=4.0, **own).apply(model):
        (_, _, module), *_ = rotary_modules(model)
        if name == "dynamic_ntk":
            module(torch.zeros(1, 1, 8), torch.arange(4096)[None])
        assert module.inv_freq.tolist() == pytest.approx(expected, rel=1e-5)
        assert module.attention_scaling == pytest.approx(0.1 * math.log(4) + 1 if name == "yarn" else 1)


def test_dynamic_ntk_keeps_nothing_between_prompts():
    """After a longer prompt, the same prompt has the same logits (transformers' own dynamic scaling does not)."""
    model = tiny_model()
    with method("dynamic_ntk", factor=4.0, original=32).apply(model):
        first = logits(model, IDS[:, :40])
        logits(model)
        assert torch.equal(logits(model, IDS[:, :40]), first)


def test_dynamic_ntk_leaves_texts_within_the_window_as_they_are():
    """Also the last ones of a window that is no multiple of four, which the rounding of the length takes beyond it."""
    model = tiny_model()
    with method("dynamic_ntk", original=66).apply(model):
        found = [logits(model, IDS[:, :n]) for n in (65, 66, 67)]
    plain = [logits(model, IDS[:, :n]) for n in (65, 66, 67)]
    assert torch.equal(found[0], plain[0]) and torch.equal(found[1], plain[1]) and not close(found[2], plain[2])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "linear", "factor": 0.5}, "method 'linear': factor is 0.5, must be a finite number of at least 1"),
        ({"method": "self_extend", "group": 3, "neighbours": 16}, "neighbours, 16, is no multiple of group, 3"),
        ({"method": "yarn", "beta_fast": 1.0}, "beta_slow is 1.0, must lie between 0 and beta_fast"),
        ({"method": "streaming", "recent": -1}, "recent is -1"),
        ({"method": "dual_chunk", "chunk": 8, "local": 8}, "local, 8, must be below chunk, 8"),
        ({"method": "linear+yarn"}, "linear and yarn both change the rope; use one of them"),
        ({"method": "self_extend+streaming"}, "both change the attention"),
        ({"method": "plain+linear"}, "plain is the unchanged model"),
        ({"method": "ntk+ntk"}, "names one method twice"),
        (
            {"method": "dynamic_ntk+logn", "original": 9},
            "setting 'original' belongs to several parts of 'dynamic_ntk+logn'; write dynamic_ntk",
        ),
        ({"method": "ntk", "faktor": 2.0}, "did you mean 'factor'"),
        ({"method": "seal+lora", "adapter": "a"}, "seal scales what lora's projections are given; write lora+seal"),
        ({"method": "lora+dora", "adapter": "a"}, "lora and dora both change the weights"),
        ({"method": "linear+logn", "factor": 2.0, "linear.factor": 4.0}, "'factor' and 'linear.factor' are the same"),
    ],
)
def test_bad_settings_and_compositions(arguments, message):
    with pytest.raises(SealError, match=re.escape(message)):
        take_method(arguments)


@pytest.mark.parametrize(("text", "twice"), [("yarn,factor=4,method=linear", "method"), ("yarn,factor=4,original=9,factor=2", "factor")])
def test_a_text_that_says_one_thing_twice(text, twice):
    with pytest.raises(SealError, match=f"{twice} is given twice"):
        method_of(text)


def test_composition(adapter, tiny_folder):
    """Composed methods equal the same methods applied by hand; settings carry the methods' names; everything is undone."""
    from seal_eval.models.loading import load_model

    model, _ = load_model(str(tiny_folder))
    plain = logits(model)
    name, both, rest = take_method({
        "method": "dynamic_ntk+logn+seal", "adapter": str(adapter), "dynamic_ntk.original": 32, "logn.original": 16, "dtype": "float32",
    })  # fmt: skip
    assert (name, rest) == ("dynamic_ntk+logn+seal", {"dtype": "float32"})
    assert settings(both)["dynamic_ntk.original"] == 32 and settings(both)["seal.adapter"] == str(adapter)
    assert both.about()["trained_parameters"] == 192 and both.window(100) == 64
    with both.apply(model):
        together = logits(model)
    alone = [method("dynamic_ntk", original=32), method("logn", original=16), method("seal", adapter=str(adapter))]
    with alone[2].apply(model), alone[0].apply(model), alone[1].apply(model):
        assert torch.equal(logits(model), together)
    for one in alone:
        with one.apply(model):
            assert not torch.allclose(logits(model), together, atol=1e-3)
    assert torch.equal(logits(model), plain)
