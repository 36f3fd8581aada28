"""Attention as plain products: that of a naive reference, in every shape; taken only where it is the same and faster."""

from types import SimpleNamespace

import pytest
import torch

from seal_eval.models import products, timing
from seal_eval.models.attention import attention_function, plain_attention
from seal_eval.models.fast_prefill import fast_prefill

from conftest import tiny_model


def naive(query, key, value, allowed, scaling):
    """(output, log-sum-exp) in float64. allowed: [..., n_queries, n_keys]."""
    group = query.shape[1] // key.shape[1]
    query, key, value = query.double(), key.double().repeat_interleave(group, 1), value.double().repeat_interleave(group, 1)
    scores = (query @ key.transpose(-1, -2) * scaling).masked_fill(~allowed, float("-inf"))
    return scores.softmax(-1) @ value, scores.logsumexp(-1, keepdim=True)


def lower(n_queries, n_keys):
    return torch.ones(n_queries, n_keys, dtype=torch.bool).tril(n_keys - n_queries)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 0.04)])
@pytest.mark.parametrize(("n_heads", "n_kv"), [(6, 2), (4, 4), (3, 1)])
@pytest.mark.parametrize(("n_queries", "n_keys"), [(1, 1), (70, 70), (128, 128), (300, 300), (129, 400), (5, 260)])
def test_causal(dtype, tolerance, n_heads, n_kv, n_queries, n_keys):
    torch.manual_seed(n_queries)
    query = torch.randn(2, n_heads, n_queries, 16, dtype=dtype)
    key, value = torch.randn(2, 2, n_kv, n_keys, 16, dtype=dtype)
    found = products.causal(query, key, value, 0.25)
    assert found.dtype == dtype and found.shape == query.shape
    assert float((found.double() - naive(query, key, value, lower(n_queries, n_keys), 0.25)[0]).abs().max()) < tolerance


def test_a_part_of_the_keys():
    """Output and log-sum-exp, with a mask of all keys and of the last; rows without a key are 0 and -inf."""
    torch.manual_seed(1)
    query, key, value = torch.randn(1, 2, 6, 8), torch.randn(1, 2, 9, 8), torch.randn(1, 2, 9, 8)
    allowed = torch.rand(6, 9) < 0.5
    allowed[2] = False
    allowed[:2, 0] = allowed[3:, 0] = True
    out, total = products.part(query, key, value, 0.5, allowed[None, None])
    kept = [0, 1, 3, 4, 5]
    expected = naive(query[:, :, kept], key, value, allowed[kept], 0.5)
    assert float((out[:, :, kept] - expected[0]).abs().max()) < 1e-5 and float((total[:, :, kept] - expected[1]).abs().max()) < 1e-5
    assert not out[:, :, 2].any() and (total[:, :, 2] == -torch.inf).all()
    last = lower(6, 9)[:, -6:]
    whole = products.part(query, key, value, 0.5, last[None, None])[0]
    assert float((whole - naive(query, key, value, lower(6, 9), 0.5)[0]).abs().max()) < 1e-5


def test_what_is_causal():
    query, key = torch.zeros(1, 4, 5, 8), torch.zeros(1, 2, 9, 8)
    mask = lower(5, 9)[None, None]
    assert products.is_causal(query, key, mask, {"scaling": 0.3}) and products.is_causal(query, key, mask.expand(3, 1, 5, 9), {})
    assert products.is_causal(query, key[:, :, :5], None, {}) and not products.is_causal(query, key, None, {})
    for other in ({"softcap": 30.0}, {"position_bias": mask}, {"s_aux": mask}, {"dropout": 0.1}, {"is_causal": False}):
        assert not products.is_causal(query, key, mask, other), other
    for row, column in ((0, 5), (4, 8), (2, 0)):
        other = mask.clone()
        other[0, 0, row, column] ^= True
        assert not products.is_causal(query, key, other, {}), (row, column)
    assert not products.is_causal(query, key, mask.float(), {}) and not products.is_causal(query, key, mask[..., 1:], {})


@pytest.mark.parametrize("faster", [True, False])
@pytest.mark.parametrize("kind", ["llama", "qwen3", "gemma3_text"])
def test_a_model_reads_the_same(monkeypatch, kind, faster):
    """Prompts at once and behind a cache, in bf16; layers with a sliding window are left to torch."""
    from transformers import DynamicCache

    calls = []
    monkeypatch.setattr(products, "_faster", lambda *_: faster)
    monkeypatch.setattr(products, "causal", lambda *a, f=products.causal: (calls.append(a[0].shape[2]), f(*a))[1])
    model, ids = tiny_model(kind).to(torch.bfloat16), torch.randint(5, 900, (1, 300))
    with torch.no_grad():
        expected = model(ids).logits.float()
        with fast_prefill(model):
            cache = DynamicCache(config=model.config)
            found = [model(part, past_key_values=cache, use_cache=True).logits.float() for part in ids.split([200, 99, 1], 1)]
        after = model(ids).logits.float()
    layers = 2 if kind == "gemma3_text" else 3
    assert calls == ([200] * layers + [99] * layers if faster else []) and torch.equal(after, expected)
    assert float((torch.cat(found, 1) - expected).square().mean().sqrt() / expected.square().mean().sqrt()) < 0.03


def test_where_it_is_not_used(monkeypatch):
    """fp32, fp16, gradients, few queries, a model whose attention is replaced already."""
    monkeypatch.setattr(products, "_faster", lambda *_: True)
    q = torch.zeros(1, 2, 64, 8, dtype=torch.bfloat16)
    assert products.taken(q, q, q) and not products.taken(q[:, :, 1:], q, q) and not products.taken(*[q.float()] * 3)
    assert not products.taken(*[q.half()] * 3)
    assert not products.taken(q, q, q[..., :4]) and not products.taken(q.clone().requires_grad_(), q, q)
    with torch.no_grad():
        assert products.taken(q.clone().requires_grad_(), q, q)
    model = tiny_model()
    name = lambda: model.config._attn_implementation  # noqa: E731
    with fast_prefill(model):  # fp32
        assert name() == "sdpa"
    model.to(torch.bfloat16)
    with attention_function(model, lambda module, *a, **k: (plain_attention(module, *a, **k), None)):
        replaced = name()
        with fast_prefill(model):
            assert name() == replaced
    with fast_prefill(model):
        assert name() != "sdpa"
    assert name() == "sdpa"


@pytest.mark.parametrize(("kernel", "taken"), [(0.03, True), (0.011, False), (0.005, False)])
def test_the_timing(monkeypatch, kernel, taken):
    """Products that take 10 ms are taken when the kernel takes 30 ms, and not when it takes 11 or 5; by a clock that they move on."""
    clock = [0.0]

    def takes(seconds):
        return lambda *_: clock.append(clock[-1] + seconds)

    monkeypatch.setattr(timing, "time", SimpleNamespace(perf_counter=lambda: clock[-1]))
    monkeypatch.setattr(products, "part", takes(0.01))
    monkeypatch.setattr(products, "KERNEL", takes(kernel))
    assert products._faster.__wrapped__(1, 8, 1) is taken
