"""Attention on a CPU as plain matrix products, in bf16, where that is faster than torch's fused kernel.

Some processors multiply bf16 matrices several times as fast as fp32 ones. torch's fused kernel gains little from it (torch 2.13), products
do. Whether they are faster is timed before. In other types the fused kernel is always used: fp32 gains nothing, and the scores, which
products return in the type of their factors, might exceed what fp16 holds. For inference only.
"""

import weakref
from functools import lru_cache
from typing import Any

import torch

from seal_eval.models.fused import KERNEL, Part, usable
from seal_eval.models.timing import chosen, seconds

BLOCK = 128  # queries per block
LEAST = 64  # rows: fewer are left to the kernel
ENOUGH = 1.2  # how many times as fast products must be to be taken; above the noise, so that a machine decides alike each time
TRIED = (512, 2048)  # rows and keys of the products that are timed
DTYPE = torch.bfloat16
OTHER = ("softcap", "position_bias", "s_aux", "cache")  # arguments that make attention another one


def part(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float, allowed: torch.Tensor | None) -> Part:
    """Return attention over a range of keys, as `flash.part` does, with the softmax in fp32.

    allowed: which pairs count, boolean [batch or 1, 1, rows, n_last], for the last `n_last` keys; all pairs of the others do.
    """
    scores = torch.matmul(query, key.transpose(-1, -2)).float().mul_(scaling)
    if allowed is not None:
        scores[..., scores.shape[-1] - allowed.shape[-1] :].masked_fill_(~allowed, float("-inf"))
    highest = scores.amax(-1, keepdim=True)
    finite = highest.clamp(min=torch.finfo(torch.float32).min)  # of a row without a key; -inf minus -inf would be NaN
    weights = scores.sub_(finite).exp_()
    total = weights.sum(-1, keepdim=True)
    out = torch.matmul(weights.to(value.dtype), value).float() / total.clamp(min=torch.finfo(torch.float32).tiny)
    return out, finite + total.log()


def causal(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float) -> torch.Tensor:
    """Return the attention output [batch, n_heads, n_queries, value_dim] of the last queries of a text, each over the keys up to its own.

    query: [batch, n_heads, n_queries, head_dim]. key, value: [batch, n_kv_heads, n_keys, head_dim], n_keys at least n_queries.
    """
    batch, n_heads, n_queries, _ = query.shape
    n_kv, before = key.shape[1], key.shape[2] - n_queries
    grouped = query.unflatten(1, (n_kv, -1))  # query heads that share a key head become rows of one product
    out = query.new_empty(batch, n_kv, n_heads // n_kv, n_queries, value.shape[-1])
    for start in range(0, n_queries, BLOCK):
        end = min(start + BLOCK, n_queries)
        rows = grouped[:, :, :, start:end]
        allowed = torch.ones(end - start, end - start, dtype=torch.bool).tril().repeat(rows.shape[2], 1)
        block, _ = part(rows.flatten(2, 3), key[:, :, : before + end], value[:, :, : before + end], scaling, allowed[None, None])
        out[:, :, :, start:end] = block.unflatten(2, rows.shape[2:4])
    return out.flatten(1, 2)


def is_causal(query: torch.Tensor, key: torch.Tensor, mask: Any, kwargs: dict[str, Any]) -> bool:
    """Whether an attention call of transformers is that of `causal`: each query over the keys up to its own, and nothing else.

    mask: boolean [batch or 1, 1, n_queries, n_keys], True where allowed, or None. kwargs: the other arguments of the call.
    """
    if any(kwargs.get(name) is not None for name in OTHER) or kwargs.get("dropout") or kwargs.get("is_causal") is False:
        return False
    if mask is None:
        return query.shape[2] == key.shape[2]
    return bool(mask.dtype == torch.bool and mask.shape[-2:] == (query.shape[2], key.shape[2]) and _holds_causal(mask))


_seen: list[tuple[Any, bool]] = []  # the last mask: all layers of a pass get the same


def _holds_causal(mask: torch.Tensor) -> bool:
    if not _seen or _seen[0][0]() is not mask:
        n_queries, n_keys = mask.shape[-2:]
        expected = torch.ones(n_queries, n_keys, dtype=torch.bool).tril(n_keys - n_queries)
        _seen[:] = [(weakref.ref(mask), bool((mask == expected).all()))]
    return _seen[0][1]


def taken(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> bool:
    """Whether products are to be taken, by the tensors of an attention call: [batch, n_heads, n_queries, head_dim] and so on."""
    if not query.dtype == key.dtype == value.dtype == DTYPE or query.shape[-2] < LEAST or not usable(query, key, value):
        return False
    # noted with the number of rows that was timed; it holds for all
    return chosen("attention as products", TRIED[0], _faster(key.shape[1], query.shape[-1], torch.get_num_threads()))


@lru_cache
def _faster(n_kv: int, width: int, _threads: int) -> bool:
    """Whether `part` is at least ENOUGH times as fast as the kernel. Takes some tens of milliseconds."""
    n_rows, n_keys = TRIED
    query, key, value = (torch.ones(1, n_kv, n, width, dtype=DTYPE) for n in (n_rows, n_keys, n_keys))

    assert KERNEL is not None
    with torch.no_grad():
        return seconds(lambda: KERNEL(query, key, value)) > ENOUGH * seconds(lambda: part(query, key, value, width**-0.5, None))
