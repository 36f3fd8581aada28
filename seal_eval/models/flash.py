"""Attention over some keys with its log-sum-exp, so that parts of one softmax can be computed apart and merged.

torch's fused kernel for the CPU returns both; nothing of size queries × keys is kept. It has no right gradient through the
log-sum-exp, so it serves inference only.
"""

from collections.abc import Callable
from itertools import pairwise

import torch

_KERNEL = getattr(torch.ops.aten, "_scaled_dot_product_flash_attention_for_cpu", None)
Holds = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def usable(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> bool:
    """True when `attend` can take these: on the CPU, no gradient wanted, one width of heads."""
    wanted = torch.is_grad_enabled() and any(x.requires_grad for x in (query, key, value))
    return _KERNEL is not None and query.device.type == "cpu" and not wanted and query.shape[-1] == value.shape[-1]


class OnlineSoftmax:
    """The softmax over all keys seen so far. out: [batch, n_kv_heads, rows, head_dim] in fp32; lse: [batch, n_kv_heads, rows, 1]."""

    def __init__(self) -> None:
        self.out = self.lse = torch.empty(0)

    def add(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float, allowed: torch.Tensor | None) -> None:
        """Take in more keys. query: [batch, n_kv_heads, rows, head_dim]; key, value: [batch, n_kv_heads, n_keys, head_dim].

        allowed: [rows, n_keys], None for all pairs.
        """
        if _KERNEL is None:
            raise NotImplementedError("this torch has no fused attention for the CPU")
        mask = None
        if allowed is not None:
            mask = torch.zeros(allowed.shape, dtype=query.dtype).masked_fill_(~allowed, float("-inf"))[None, None]
        out, lse = _KERNEL(query, key, value, attn_mask=mask, scale=scaling)
        out, lse = out.float(), lse.float()[..., None]
        if allowed is not None and not (some := allowed.any(-1)).all():  # a row without a key
            out, lse = out.masked_fill(~some[:, None], 0.0), lse.masked_fill(~some[:, None], float("-inf"))
        if not self.out.numel():
            self.out, self.lse = out, lse
            return
        both = torch.logaddexp(self.lse, lse)
        self.out = self.out * (self.lse - both).exp() + out * (lse - both).exp()
        self.lse = both


def mask_ranges(holds: Holds, i: torch.Tensor, low: int, high: int) -> list[tuple[int, int, torch.Tensor | None]]:
    """The keys [low, high) cut into up to three ranges: (first, end, which pairs hold [queries, keys], None where all do).

    The queries i [n] are consecutive, and those that a key pairs with are.
    """
    j = torch.arange(low, high)
    whole = (holds(i[0], j) & holds(i[-1], j) & (j <= i[0])).nonzero()
    cuts = [low, high, high, high]
    if len(whole) and int(whole[-1]) - int(whole[0]) + 1 == len(whole):
        cuts = [low, low + int(whole[0]), low + int(whole[-1]) + 1, high]
    found: list[tuple[int, int, torch.Tensor | None]] = []
    for n, (a, b) in enumerate(pairwise(cuts)):
        if a < b:
            at = j[a - low : b - low]
            found.append((a, b, None if n == 1 else holds(i[:, None], at) & (at <= i[:, None])))
    return [(a, b, allowed) for a, b, allowed in found if allowed is None or bool(allowed.any())]
