"""Methods that change distances or frequencies, against a naive reference computed pair by pair in float64."""

import math

import pytest
import torch

from conftest import tiny_model
from method_cases import logits, method


def naive(model, hidden, distance, allowed, scale=None, inv=None):
    """Return the first layer's attention, pair by pair in float64; distance(i, j) is that from key j to query i."""
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
    """Return YaRN's frequencies by channel (equations 17 to 22 of its paper); the ramp's ends are rounded outwards as in its code."""
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


@pytest.mark.parametrize("method", ["self_extend,group=4,neighbours=40", "dual_chunk,chunk=96,local=16", "streaming,sinks=3,recent=60"])
@pytest.mark.parametrize("n", [100, 257, 700])
def test_fused_parts_equal_the_dense_softmax(monkeypatch, method, n):
    """Regions merged by log-sum-exp equal one softmax over all scores: several query blocks, three query heads per key head, padding."""
    from seal_eval.baselines import method_of
    from seal_eval.models import attention
    from seal_eval.models import flash as fused

    model = tiny_model(num_attention_heads=6, hidden_size=96)
    ids = torch.randint(2, 900, (2, n), generator=torch.Generator().manual_seed(n))
    mask = torch.ones_like(ids)
    mask[1, :30] = 0
    calls = []
    add = fused.OnlineSoftmax.add
    monkeypatch.setattr(fused.OnlineSoftmax, "add", lambda *a: (calls.append(1), add(*a))[1])
    with torch.no_grad(), method_of(method).apply(model):
        mine = model(ids, attention_mask=mask).logits
        assert calls
        monkeypatch.setattr(attention, "usable", lambda *_: False)
        theirs = model(ids, attention_mask=mask).logits
    assert torch.isfinite(mine[0]).all() and (mine[0] - theirs[0]).abs().max() < 2e-5 * theirs.abs().max()
    assert (mine[1, 30:] - theirs[1, 30:]).abs().max() < 2e-5 * theirs.abs().max()


def test_fused_parts_leave_gradients_to_the_dense_softmax():
    from seal_eval.models.flash import usable

    q = torch.zeros(1, 2, 3, 4, requires_grad=True)
    assert not usable(q, q, q) and usable(q.detach(), q.detach(), q.detach())
    with torch.no_grad():
        assert usable(q, q, q)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_scores_that_fp16_holds_only_when_they_are_scaled(dtype):
    """Before they are scaled they are 200,000 for the first key and half that for the others, so the first one has all the attention.

    The values are of another width, so that no fused kernel computes it.
    """
    from seal_eval.models.attention import by_region
    from seal_eval.models.by_head import EVERY_KEY

    q, k = torch.full((1, 2, 5, 64), 56.0, dtype=dtype), torch.full((1, 2, 5, 64), 28.0, dtype=dtype)
    k[:, :, 0] = 56
    v = torch.randn(1, 2, 5, 32, generator=torch.Generator().manual_seed(0)).to(dtype)
    found = by_region(q, k, v, None, [EVERY_KEY], torch.empty(0), {"scaling": 64**-0.5})
    assert torch.equal(found, v[:, :, :1].expand_as(found))
