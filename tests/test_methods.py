"""What every method keeps on every architecture, and naive references for those that change distances."""

import json
import math
import re

import pytest
import torch

from seal_eval.errors import SealError
from seal_eval.files import write_json
from seal_eval.methods import method_names, settings, take_method
from seal_eval.rope import rotary_modules
from seal_eval.trainable import trainable
from seal_eval.tunespec import TuneSpec

from conftest import tiny_model

KINDS = ("llama", "mistral", "qwen2", "qwen3", "gemma2", "gemma3_text", "phi", "phi3", "olmo2", "gpt_neox", "mixtral")
# (settings that must change nothing, settings that must change something) for 90 tokens
CASES = {
    "linear": ({"factor": 1.0}, {"factor": 4.0}),
    "ntk": ({"factor": 1.0}, {"factor": 4.0}),
    "dynamic_ntk": ({"factor": 4.0, "original": 128}, {"factor": 2.0, "original": 64}),
    "yarn": ({"factor": 1.0, "original": 64}, {"factor": 4.0, "original": 64}),
    "self_extend": ({"group": 1, "neighbours": 16}, {"group": 4, "neighbours": 16}),
    "streaming": ({"sinks": 4, "recent": 512}, {"sinks": 4, "recent": 24}),
    "dual_chunk": ({"chunk": 600, "local": 100}, {"chunk": 30, "local": 8}),
    "logn": ({"original": 2048}, {"original": 16}),
}
MADE = ("seal", "rule", "lora", "dora")  # from a folder
IDS = torch.arange(2, 92)[None] * 7 % 900


def method(name, **own):
    return take_method({"method": name, **own})[1]


@torch.no_grad()
def logits(model, ids=IDS, **kwargs):
    return model(ids, **kwargs).logits


def close(a, b):
    return torch.allclose(a, b, atol=3e-5 * float(b.abs().max()), rtol=0)


def test_every_method_is_tried():
    assert {*CASES, *MADE, "plain"} == set(method_names())


def made(name, kind, strength, folder):
    """Settings of a method that is read from a folder, written for this architecture: strength 0 changes nothing."""
    folder.mkdir()
    if name == "rule":
        effect = torch.linspace(-1, 1, 12).reshape(3, 4).tolist()
        write_json(folder / "heads.json", {"gradient": effect})
        return {"heads": str(folder), "up": 1 + 0.5 * strength, "down": 1 - 0.5 * strength}
    with trainable(tiny_model(kind), TuneSpec(method=name)) as trained:
        generator = torch.Generator().manual_seed(1)
        start = trained.state()
        trained.load({n: t + strength * 0.2 * torch.randn(t.shape, generator=generator) for n, t in start.items()})
        trained.save(folder, {"model": kind})
    return {"adapter": str(folder)}


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
        assert not torch.allclose(changed, plain, atol=1e-3)  # a method that silently has no effect
        # cached generation equals uncached
        cache = model(IDS[:, :82], use_cache=True).past_key_values
        steps = [model(IDS[:, t : t + 1], past_key_values=cache, use_cache=True).logits for t in range(82, 90)]
        assert close(torch.cat(steps, 1), changed[:, 82:])
        # a left-padded batch equals its rows alone
        short = IDS[:, 30:]
        ids = torch.cat([IDS, torch.cat([torch.ones(1, 30, dtype=torch.long), short], 1)])
        mask = (torch.arange(90)[None] >= torch.tensor([[0], [30]])).long()
        batch = logits(model, ids, attention_mask=mask, position_ids=(mask.cumsum(-1) - 1).clamp(min=0))
        if name != "dynamic_ntk":  # its base is that of the longest row
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


@pytest.mark.parametrize("name", ["self_extend", "streaming", "dual_chunk", "logn"])
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
        pytest.raises(SealError, match=r"must lie between \d and the trained window, 64"),
        method(name, **{k: 600 for k in ("neighbours", "recent") if hasattr(method(name), k)}).apply(model),
    ):  # would change nothing within the window
        pass


def test_a_scaled_rotary_embedding_is_not_scaled_again():
    model = tiny_model("llama", rope_parameters={"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4})
    with pytest.raises(SealError, match="of type 'linear' already"), method("yarn").apply(model):
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
    """Against the papers' formulas worked in float64 for 8 channels, base 1e4, window 2,048, factor 4 (dynamic: at 4,096 tokens)."""
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
    """After a longer prompt the same prompt gives the same logits (transformers' own dynamic scaling does not)."""
    model = tiny_model()
    with method("dynamic_ntk", factor=4.0, original=32).apply(model):
        first = logits(model, IDS[:, :40])
        logits(model)
        assert torch.equal(logits(model, IDS[:, :40]), first)


def naive(model, hidden, distance, allowed, scale=None, inv=None):
    """The first layer's attention written out pair by pair in float64: distance(i, j) is where the query stands from the key."""
    attention, config = model.model.layers[0].self_attn, model.config
    n, d = hidden.shape[1], config.hidden_size // config.num_attention_heads
    project = lambda m, heads: m(hidden).double().view(n, heads, d)  # noqa: E731
    q, k = project(attention.q_proj, config.num_attention_heads), project(attention.k_proj, config.num_key_value_heads)
    v = project(attention.v_proj, config.num_key_value_heads)
    inv = 1.0 / 1e4 ** (torch.arange(0, d, 2, dtype=torch.float64) / d) if inv is None else inv
    out = torch.zeros(n, config.num_attention_heads, d, dtype=torch.float64)
    for h in range(config.num_attention_heads):
        kv = h * config.num_key_value_heads // config.num_attention_heads
        for i in range(n):
            score = torch.full((n,), -torch.inf, dtype=torch.float64)
            for j in range(i + 1):
                if allowed(i, j):
                    angle = distance(i, j) * inv
                    a, b = q[i, h, : d // 2], q[i, h, d // 2 :]
                    turned = torch.cat([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()])
                    score[j] = turned @ k[j, kv] / math.sqrt(d) * (scale(i) if scale else 1)
            out[i, h] = score.softmax(-1) @ v[:, kv]
    return attention.o_proj(out.reshape(n, -1).float())[None]


def self_extend(g, w):
    return lambda i, j: i - j if i - j < w else i // g - j // g + w - w // g, lambda i, j: True


def streaming(s, w):
    return lambda i, j: i - j if i - j < w else min(i, s + w - 1) - j, lambda i, j: i - j < w or j < s


def dual_chunk(c, local):
    s = c - local

    def distance(i, j):
        apart = i // s - j // s
        return (i % s if apart == 0 else min(i % s + s, c) if apart == 1 else c) - j % s

    return distance, lambda i, j: True


def every_pair():
    return lambda i, j: i - j, lambda i, j: True


def ntk_frequencies(factor, d=16):
    base = 1e4 * factor ** (d / (d - 2))
    return torch.tensor([base ** (-2 * c / d) for c in range(d // 2)], dtype=torch.float64)


def yarn_frequencies(factor, window, d=16):
    """Equations 17 to 22 of the paper, channel by channel, the ramp's ends rounded outwards as in its code."""
    found = []
    rotations = lambda r: d * math.log(window / (r * 2 * math.pi)) / (2 * math.log(1e4))  # noqa: E731  the channel that turns r times
    low, high = max(math.floor(rotations(32)), 0), min(math.ceil(rotations(1)), d - 1)
    for c in range(d // 2):
        kept = 1 - min(max((c - low) / (high - low), 0), 1)
        theta = 1e4 ** (-2 * c / d)
        found.append(kept * theta + (1 - kept) * theta / factor)
    return torch.tensor(found, dtype=torch.float64)


@pytest.mark.parametrize(
    ("name", "own", "reference"),
    [
        ("self_extend", {"group": 4, "neighbours": 16}, self_extend(4, 16)),
        ("self_extend", {"group": 3, "neighbours": 9}, self_extend(3, 9)),
        ("streaming", {"sinks": 4, "recent": 20}, streaming(4, 20)),
        ("streaming", {"sinks": 0, "recent": 20}, streaming(0, 20)),
        ("dual_chunk", {"chunk": 30, "local": 8}, dual_chunk(30, 8)),
        ("dual_chunk", {"chunk": 12, "local": 2}, dual_chunk(12, 2)),
        ("linear", {"factor": 4.0}, (lambda i, j: (i - j) / 4, lambda i, j: True)),
        ("logn", {"original": 16}, (*every_pair(), lambda i: max(1.0, math.log(i + 1) / math.log(16)))),
        ("ntk", {"factor": 4.0}, (*every_pair(), None, ntk_frequencies(4.0))),
        ("yarn", {"factor": 4.0, "original": 64}, (*every_pair(), lambda i: (0.1 * math.log(4) + 1) ** 2, yarn_frequencies(4.0, 64))),
    ],
)
def test_against_a_naive_reference(name, own, reference):
    model = tiny_model("llama", rope_parameters={"rope_type": "default", "rope_theta": 1e4})
    caught = {}
    attention = model.model.layers[0].self_attn
    handle = attention.register_forward_hook(lambda m, a, k, out: caught.update(hidden=k["hidden_states"], out=out[0]), with_kwargs=True)
    with method(name, **own).apply(model):
        logits(model)
    handle.remove()
    with torch.no_grad():
        expected = naive(model, caught["hidden"], *reference)
    assert torch.allclose(caught["out"], expected, atol=2e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "linear", "factor": 0.5}, "method 'linear': factor is 0.5, must be a number of at least 1"),
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
    ],
)
def test_bad_settings_and_compositions(arguments, message):
    with pytest.raises(SealError, match=re.escape(message)):
        take_method(arguments)


def test_composition(adapter, tiny_folder):
    """One inside the other: the same as applying both by hand; settings under their parts' names; all undone."""
    from seal_eval.models import load_model

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
