"""One softmax computed over several ranges of keys, merged by their log-sum-exp (online softmax: Milakov & Gimelshein 2018, 1805.02867).

torch's fused CPU kernel returns the output and the log-sum-exp of each range without keeping the matrix of scores. Its gradient through
the log-sum-exp is wrong, so this is for inference only.
"""

from collections.abc import Callable
from itertools import pairwise

import torch

from seal_eval.models import products
from seal_eval.models.fused import KERNEL, Part
from seal_eval.models.fused import usable as usable

Holds = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def part(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float, allowed: torch.Tensor | None) -> Part:
    """Return attention over a range of keys. query: [batch, n_kv_heads, rows, head_dim]. key, value: [batch, n_kv_heads, n_keys, head_dim].

    allowed: which pairs count, boolean, [batch or 1, 1, rows, n_keys]; None for all. A row without any pair has the output 0 and the
    log-sum-exp -inf. Keys and values are brought to the query's dtype: under autocast they may have others. Raises NotImplementedError
    where torch lacks the kernel; see `usable`.
    """
    if KERNEL is None:
        raise NotImplementedError("this version of torch has no fused attention for the CPU")
    key, value = key.to(query.dtype), value.to(query.dtype)
    if products.taken(query, key, value):
        return products.part(query, key, value, scaling, allowed)
    mask = None
    if allowed is not None:
        mask = torch.zeros(allowed.shape, dtype=query.dtype).masked_fill_(~allowed, float("-inf"))
    out, lse = KERNEL(query, key, value, attn_mask=mask, scale=scaling)
    out, lse = out.float(), lse.float()[..., None]
    if allowed is not None and not (has_keys := allowed.any(-1, keepdim=True)).all():  # rows without a key here
        out, lse = out.masked_fill(~has_keys, 0.0), lse.masked_fill(~has_keys, float("-inf"))
    return out, lse


def merged(one: Part, other: Part) -> Part:
    """Return the attention over the keys of two parts: out = Σ out_i · exp(lse_i − lse), lse = log Σ exp(lse_i).

    A row without a key in either part stays as `part` returns it.
    """
    total = torch.logaddexp(one[1], other[1])
    finite = total.clamp(min=torch.finfo(total.dtype).min)  # -inf minus -inf would be NaN
    return one[0] * (one[1] - finite).exp() + other[0] * (other[1] - finite).exp(), total


class OnlineSoftmax:
    """Attention over all keys added so far.

    out: attention output [batch, n_kv_heads, rows, head_dim], fp32. lse: log-sum-exp of the scores [batch, n_kv_heads, rows, 1], fp32.
    """

    def __init__(self) -> None:
        self.out = self.lse = torch.empty(0)

    def add(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float, allowed: torch.Tensor | None) -> None:
        """Add more keys, as `part` takes them; the same rows each time. allowed: boolean [rows, n_keys], or None."""
        added = part(query, key, value, scaling, None if allowed is None else allowed[None, None])
        self.out, self.lse = merged((self.out, self.lse), added) if self.out.numel() else added


def mask_ranges(holds: Holds, i: torch.Tensor, low: int, high: int) -> list[tuple[int, int, torch.Tensor | None]]:
    """Split the keys [low, high) into at most three ranges (first, end, allowed); ranges without an allowed pair are left out.

    allowed: which pairs count, boolean [n, n_keys]; None where all do, so that this range needs no mask. i: positions of the queries [n],
    consecutive; the queries that pair with one key must be consecutive too.
    """
    j = torch.arange(low, high)
    unmasked = (holds(i[0], j) & holds(i[-1], j) & (j <= i[0])).nonzero()
    cuts = [low, high, high, high]
    if len(unmasked) and int(unmasked[-1]) - int(unmasked[0]) + 1 == len(unmasked):
        cuts = [low, low + int(unmasked[0]), low + int(unmasked[-1]) + 1, high]
    ranges: list[tuple[int, int, torch.Tensor | None]] = []
    for n, (a, b) in enumerate(pairwise(cuts)):
        if a < b:
            keys = j[a - low : b - low]
            ranges.append((a, b, None if n == 1 else holds(i[:, None], keys) & (keys <= i[:, None])))
    return [(a, b, allowed) for a, b, allowed in ranges if allowed is None or bool(allowed.any())]
