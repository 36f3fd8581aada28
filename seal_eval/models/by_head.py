"""Attention in which each head has its own regions, and the scores of single heads: used by methods that treat heads differently."""

from collections.abc import Sequence
from typing import Any

import torch

from seal_eval.models.attention import Region, by_region

EVERY_KEY = Region(holds=lambda i, j: j <= i, keys=lambda first, last: (0, last + 1))  # plain attention


def by_head(
    query: torch.Tensor,  # [batch, n_heads, n_queries, head_dim], rotated by position
    key: torch.Tensor,  # [batch, n_kv_heads, n_keys, head_dim], rotated by position
    value: torch.Tensor,  # [batch, n_kv_heads, n_keys, value_dim]
    mask: torch.Tensor | None,  # [batch, 1, n_queries, n_keys], True where allowed
    groups: Sequence[tuple[Sequence[int], Sequence[Region]]],
    frequencies: torch.Tensor,  # [rotary_dim / 2], radians per position; not read where no region shifts
    kwargs: dict[str, Any],  # of the attention call
) -> torch.Tensor:
    """Return the attention output [batch, n_queries, n_heads, value_dim]: `groups` lists query heads and the regions they attend by.

    Every head must be in one group.
    """
    per_key = query.shape[1] // key.shape[1]
    out = query.new_empty(*query.shape[:3], value.shape[-1])
    for heads, regions in groups:
        q, at = torch.tensor(heads, device=query.device), [h // per_key for h in heads]
        if heads:
            out[:, q] = by_region(query[:, q], key[:, at], value[:, at], mask, regions, frequencies, kwargs)
    return out.transpose(1, 2).contiguous()


def head_weights(query: torch.Tensor, key: torch.Tensor, mask: torch.Tensor | None, kwargs: dict[str, Any]) -> torch.Tensor:
    """Return the attention weights [batch, n_heads, n_queries, n_keys] in fp32, of queries that are the last ones of the text.

    query: [batch, n_heads, n_queries, head_dim]; key: [batch, n_kv_heads, n_keys, head_dim]; mask: [batch, 1, n_queries, n_keys] as in
    attention, or None for causal attention. Meant for few queries: the matrix is kept whole.
    """
    key = key.repeat_interleave(query.shape[1] // key.shape[1], 1)
    score = query.float() @ key.float().transpose(-1, -2) * (kwargs.get("scaling") or query.shape[-1] ** -0.5)
    if (softcap := kwargs.get("softcap")) is not None:
        score = torch.tanh(score / softcap) * softcap
    if mask is None:
        n, m = query.shape[2], key.shape[2]
        mask = torch.ones(n, m, dtype=torch.bool, device=query.device).tril(m - n)[None, None]
    return score.masked_fill(~mask, float("-inf")).softmax(-1).nan_to_num(0.0)
