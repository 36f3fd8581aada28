"""Attention of several texts that begin alike, on a CPU: the keys of their beginning are read once for all of them, not once for each.

Decoding is bound by memory: for eight questions on a record of 2,048 tokens, SmolLM2-135M would read 0.75 GB of keys and values at each
step in fp32, more than its weights take. The two parts, the beginning and what is each row's own, share one softmax (`flash`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers.cache_utils import DynamicLayer

from seal_eval.models import flash
from seal_eval.models.attention import attention_function, plain_attention
from seal_eval.models.growing import RowsBehind
from seal_eval.models.modules import device_of

IMPLEMENTATION = "sdpa"  # the only one of transformers that this computes in its place


def can_share(model: Any) -> bool:
    """Whether this module can compute a model's attention in its place: the model is on a CPU and computes attention with sdpa."""
    return device_of(model).type == "cpu" and getattr(model.config.get_text_config(), "_attn_implementation", None) == IMPLEMENTATION


def behind(layer: Any) -> Any:
    """Return the layer of a cache for several texts that go on from the one text of `layer`, which must keep all tokens.

    `layer` does not change. One that holds no tokens is returned as it is.
    """
    return RowsBehind(layer) if isinstance(layer, DynamicLayer) and layer.get_seq_length() else layer


@contextmanager
def shared_rows(model: Any) -> Iterator[None]:
    """Context manager: inside it the model can use a cache whose layers `behind` has made. Raises SealError as `attention_function`."""
    with attention_function(model, _attend):
        yield


def _attend(module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **kwargs: Any) -> tuple[torch.Tensor, None]:
    if not hasattr(key, "beginning"):
        return plain_attention(module, query, key, value, attention_mask, **kwargs), None
    if kwargs.get("position_bias") is not None or not flash.usable(query, key, value):
        raise NotImplementedError("attention with a bias, with gradients, or with values of another width than keys")
    scaling = kwargs.get("scaling") or query.shape[-1] ** -0.5
    first_key, first_value = key.beginning
    return in_two_parts(query, key, value, first_key, first_value, attention_mask, scaling).transpose(1, 2).contiguous(), None


def in_two_parts(
    query: torch.Tensor,  # [batch, n_heads, n_queries, head_dim]
    key: torch.Tensor,  # [batch, n_kv_heads, n_own, head_dim], each row's own
    value: torch.Tensor,
    first_key: torch.Tensor,  # [1, n_kv_heads, n_shared, head_dim], the beginning of all rows
    first_value: torch.Tensor,
    mask: torch.Tensor | None,  # [batch, 1, n_queries, n_shared + n_own], True where allowed; None for one query, which sees all
    scaling: float,
) -> torch.Tensor:
    """Return the attention output [batch, n_heads, n_queries, head_dim] over the shared and the own keys."""
    batch, n_heads, n_queries, width = query.shape
    n_kv, n_shared = key.shape[1], first_key.shape[2]
    grouped = query.unflatten(1, (n_kv, n_heads // n_kv))  # [batch, n_kv_heads, group, n_queries, head_dim]
    rows = (n_heads // n_kv) * n_queries
    first_mask = own_mask = None
    if mask is not None:
        first_mask, own_mask = (
            part.expand(batch, n_heads // n_kv, n_queries, -1).flatten(1, 2) for part in mask.tensor_split([n_shared], -1)
        )
        first_mask = None if bool(first_mask.all()) else first_mask.reshape(1, 1, batch * rows, -1)
        own_mask = own_mask[:, None]
    shared = flash.part(grouped.transpose(0, 1).reshape(1, n_kv, batch * rows, width), first_key, first_value, scaling, first_mask)
    shared_out, shared_lse = (part.view(n_kv, batch, rows, -1).transpose(0, 1) for part in shared)
    own = flash.part(grouped.flatten(2, 3), key, value, scaling, own_mask)
    return flash.merged((shared_out, shared_lse), own)[0].to(query.dtype).unflatten(2, (-1, n_queries)).flatten(1, 2)
