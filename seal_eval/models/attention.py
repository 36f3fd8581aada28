"""Attention that scores pairs of tokens at other rotary distances than their own: used by Self-Extend, StreamingLLM and dual chunks.

Queries and keys arrive rotated by their positions i and j, and rotations add up: rotating a query by a and a key by b more scores the
pair at the distance i + a - (j + b). So a region of the attention matrix is a rule that selects pairs, and two shifts. The cache keeps
ordinary keys. All regions share one softmax. Queries are processed in blocks, so memory grows linearly with the text's length.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import torch

from seal_eval.core.errors import SealError
from seal_eval.models import products
from seal_eval.models.flash import OnlineSoftmax, mask_ranges, usable
from seal_eval.models.layer_windows import check_attends_fully as check_attends_fully
from seal_eval.models.layer_windows import slides as slides
from seal_eval.models.modules import device_of, text_decoder
from seal_eval.models.rotation import Frequencies, rotate

BLOCK = 256  # queries per block
TOKENS, FURTHER = 4, 5  # unrotated_layers reads 4 tokens one by one, each at position 0 and at position 5
KEY_TOLERANCE = 0.1  # times the largest key value: bf16 rounding stays well below it, a wrong rotation well above
CHOOSES = ("indices", "block_indices")  # how a model tells its attention function which keys it has chosen
REPLACED = "seal_eval_"  # how the names begin under which attention functions are registered; a number follows
_names = count()


@dataclass(frozen=True)
class Region:
    """A set of pairs of query position i and key position j (int64 tensors that broadcast), and the distance they are scored at.

    `holds(i, j)`: which pairs belong to the region; the queries that pair with one key must be consecutive. `keys(first, last)`: a range
    [low, high) that contains every key paired with the queries from `first` to `last`. `shift_query(i)`, `shift_key(j)`: added to the
    positions; None for no shift.
    """

    holds: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    keys: Callable[[int, int], tuple[int, int]]
    shift_query: Callable[[torch.Tensor], torch.Tensor] | None = None
    shift_key: Callable[[torch.Tensor], torch.Tensor] | None = None


@contextmanager
def attention_by_region(model: Any, regions: Sequence[Region], plain_up_to: int) -> Iterator[Any]:
    """Context manager: inside it every layer with full attention attends by `regions`; layers with a sliding window are unchanged.

    Texts of at most `plain_up_to` tokens use plain attention. A layer that does not rotate its keys has no distances to change: there the
    regions only select pairs. Raises SealError for a model without rotary embeddings, one that does not rotate the first channels in
    halves, one whose attention function cannot be replaced, and where `check_attends_fully` does.
    """
    check_attends_fully(model)
    frequencies = Frequencies(model)
    unrotated = unrotated_layers(model, frequencies)
    unshifted = [replace(region, shift_query=None, shift_key=None) for region in regions]

    def attend(module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **kwargs: Any) -> tuple[torch.Tensor, None]:
        if slides(module, kwargs) or key.shape[2] <= plain_up_to:
            return plain_attention(module, query, key, value, attention_mask, **kwargs), None
        layer_regions = unshifted if module in unrotated else regions
        out = by_region(query, key, value, attention_mask, layer_regions, frequencies().to(key.device), kwargs)
        return out.transpose(1, 2).contiguous(), None

    with attention_function(model, attend):
        yield model


@contextmanager
def attention_function(model: Any, function: Callable[..., Any]) -> Iterator[Any]:
    """Context manager: inside it the model's attention is `function`, with the signature of transformers' attention functions.

    Masks are those of sdpa: boolean [batch, 1, n_queries, n_keys], True where allowed, or None. Raises SealError for a model that does not
    allow it, and in the first pass for one that chooses the keys to attend to (DeepSeek V3.2): under another name than sdpa, it leaves
    that to the attention function.
    """
    from transformers import AttentionInterface
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, AttentionMaskInterface

    config = model.config.get_text_config()
    if not getattr(type(model), "_supports_attention_backend", getattr(model, "_supports_attention_backend", False)):
        raise SealError(f"{type(model).__name__} does not let its attention be replaced; choose a method that does not change it")
    name, before = f"{REPLACED}{next(_names)}", config._attn_implementation

    def checked(module: Any, *args: Any, **kwargs: Any) -> Any:
        if chosen := [key for key in CHOOSES if kwargs.get(key) is not None]:
            raise SealError(
                f"{type(model).__name__} chooses the keys that its attention sees ({chosen[0]}), which this method would ignore; choose a "
                "method that does not change attention"
            )
        mask = args[3] if len(args) > 3 else kwargs.get("attention_mask")
        if getattr(module, "is_causal", True) and has_room(args[0], args[1], mask):
            raise SealError(
                "a method that changes attention cannot tell positions in a cache with room behind the text (static); use a DynamicCache"
            )
        return function(module, *args, **kwargs)

    AttentionInterface.register(name, checked)
    AttentionMaskInterface.register(name, ALL_MASK_ATTENTION_FUNCTIONS["sdpa"])
    try:
        config._attn_implementation = name
        yield model
    finally:
        config._attn_implementation = before
        AttentionInterface._global_mapping.pop(name, None)
        AttentionMaskInterface._global_mapping.pop(name, None)


def unrotated_layers(model: Any, frequencies: Frequencies) -> set[Any]:
    """Return the attention modules with full attention whose keys do not depend on the position (NoPE: SmolLM3, EXAONE 4).

    Reads a few tokens at two positions, each token alone so that only the position differs. In all other modules, `rotate` must map the
    keys of the first position to those of the second. Raises SealError where it does not: interleaved or complex channels (Cohere,
    Llama 4), rotated channels that do not come first (DeepSeek).
    """
    for kind in {type(m).__module__ for m in text_decoder(model)[1].modules()}:
        rotate_half = getattr(sys.modules.get(kind), "rotate_half", None)
        if rotate_half is not None and rotate_half(torch.arange(4.0)).tolist() != [-2.0, -3.0, 0.0, 1.0]:
            raise SealError(
                f"{type(model).__name__} interleaves its rotary channels; this method supports only halves, choose another method"
            )
    keys: dict[Any, torch.Tensor] = {}

    def record_keys(module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **kwargs: Any) -> tuple[torch.Tensor, None]:
        if not slides(module, kwargs):
            keys[module] = key.detach().float()
        return plain_attention(module, query, key, value, attention_mask, **kwargs), None

    tokens = torch.arange(1, TOKENS + 1, device=device_of(model)).repeat_interleave(2)[:, None]
    places = torch.tensor([0, FURTHER], device=device_of(model)).repeat(TOKENS)[:, None]
    with torch.no_grad(), attention_function(model, record_keys):
        model(input_ids=tokens, position_ids=places, use_cache=False)
    unrotated = set()
    for module, key in keys.items():
        first, second = key[0::2], key[1::2]  # [TOKENS, n_kv_heads, 1, head_dim]
        expected = rotate(first, torch.tensor([FURTHER], device=key.device), frequencies().to(key.device))
        rotated_error, unrotated_error = float((expected - second).abs().max()), float((first - second).abs().max())
        tolerance = KEY_TOLERANCE * float(second.abs().max())
        if unrotated_error < rotated_error and unrotated_error <= tolerance:
            unrotated.add(module)
        elif not rotated_error <= tolerance:
            raise SealError(f"{type(model).__name__} does not rotate its keys in halves of the first channels; choose another method")
    return unrotated


def plain_attention(module: Any, query: Any, key: Any, value: Any, mask: Any, **kwargs: Any) -> torch.Tensor:
    """Return the plain attention output [batch, n_queries, n_heads, value_dim].

    Computed by sdpa, by the model's eager code if scores are capped, or as `products` where they are faster.
    """
    from transformers import AttentionInterface

    if kwargs.get("softcap") is not None:
        modeling = sys.modules[type(module).__module__]
        if mask is None:
            n, m = query.shape[2], key.shape[2]
            mask = torch.ones(n, m, dtype=torch.bool, device=query.device).tril(m - n)[None, None]
        floor = torch.zeros((), dtype=query.dtype, device=query.device)
        mask = floor.masked_fill(~mask, torch.finfo(query.dtype).min) if mask.dtype == torch.bool else mask
        return modeling.eager_attention_forward(module, query, key, value, mask, **kwargs)[0]
    own = getattr(module, "is_causal", None)
    if products.taken(query, key, value) and products.is_causal(query, key, mask, {"is_causal": own, **kwargs}):
        scaling = kwargs.get("scaling") or query.shape[-1] ** -0.5
        return products.causal(query, key, value, scaling).transpose(1, 2).contiguous()
    return AttentionInterface()["sdpa"](module, query, key, value, mask, **kwargs)[0]


def by_region(
    query: torch.Tensor,  # [batch, n_heads, n_queries, head_dim], rotated by position
    key: torch.Tensor,  # [batch, n_kv_heads, n_keys, head_dim], rotated by position
    value: torch.Tensor,  # [batch, n_kv_heads, n_keys, value_dim]
    mask: torch.Tensor | None,  # [batch, 1, n_queries, n_keys], True where allowed
    regions: Sequence[Region],
    frequencies: torch.Tensor,  # [rotary_dim / 2], radians per position; not read where no region shifts
    kwargs: dict[str, Any],  # of the attention call
) -> torch.Tensor:
    """Return the attention output [batch, n_heads, n_queries, value_dim]; queries at padding are 0."""
    batch, n_heads, n_queries, head_dim = query.shape
    n_keys, n_kv = key.shape[2], key.shape[1]
    scaling, softcap = kwargs.get("scaling") or head_dim**-0.5, kwargs.get("softcap")
    pad = padding(key, mask)
    shared = bool((pad == pad[0]).all())
    rows = [(slice(None), int(pad[0]))] if shared else [(slice(b, b + 1), int(pad[b])) for b in range(batch)]
    out = query.new_zeros(batch, n_heads, n_queries, value.shape[-1])
    for row, skip in rows:
        k, v = key[row, :, skip:], value[row, :, skip:]
        j = torch.arange(n_keys - skip, device=key.device)
        rotated = [rotate(k, region.shift_key(j), frequencies) if region.shift_key else k for region in regions]
        for start in range(max(n_queries - (n_keys - skip), 0), n_queries, BLOCK):
            stop = min(start + BLOCK, n_queries)
            i = torch.arange(start, stop, device=key.device) + (n_keys - skip - n_queries)
            q = query[row, :, start:stop]
            block = []
            for region, k_rotated in zip(regions, rotated, strict=True):
                low, high = region.keys(int(i[0]), int(i[-1]))
                low, high = max(low, 0), min(high, int(i[-1]) + 1)
                if low < high:
                    q_rotated = rotate(q, region.shift_query(i), frequencies) if region.shift_query else q
                    block.append((region, q_rotated.unflatten(1, (n_kv, -1)), k_rotated, low, high))
            fused = softcap is None and usable(q, k, v)
            mixed = _fused(block, v, i, scaling) if fused else _dense(block, v, i, j, scaling, softcap)
            out[row, :, start:stop] = mixed.flatten(1, 2).to(out.dtype)
    return out


Block = Sequence[tuple[Region, torch.Tensor, torch.Tensor, int, int]]  # region, its queries and keys, range of keys


def _dense(block: Block, v: torch.Tensor, i: torch.Tensor, j: torch.Tensor, scaling: float, softcap: float | None) -> torch.Tensor:
    """The scores of all regions, concatenated under one softmax: [batch, n_kv_heads, group, n_queries, value_dim]. Differentiable."""
    scores, values = [], []
    for region, q, k, low, high in block:
        score = (q * scaling) @ k[:, :, None, low:high].transpose(-1, -2)  # the product of unscaled ones may exceed what fp16 holds
        if softcap is not None:
            score = torch.tanh(score / softcap) * softcap
        holds = region.holds(i[:, None], j[None, low:high]) & (j[None, low:high] <= i[:, None])
        scores.append(score.masked_fill(~holds, float("-inf")))
        values.append(v[:, :, None, low:high])
    return torch.cat(scores, -1).float().softmax(-1).to(v.dtype) @ torch.cat(values, -2)


def _fused(block: Block, v: torch.Tensor, i: torch.Tensor, scaling: float) -> torch.Tensor:
    """As `_dense`, region by region, merged by log-sum-exp; query heads that share a key head become rows of one matrix product."""
    softmax = OnlineSoftmax()
    for region, q, k, low, high in block:
        rows = q.flatten(2, 3)
        for first, end, allowed in mask_ranges(region.holds, i, low, high):
            mask = None if allowed is None else allowed.repeat(q.shape[2], 1)
            softmax.add(rows, k[:, :, first:end], v[:, :, first:end], scaling, mask)
    return softmax.out.unflatten(2, block[0][1].shape[2:4])


def padding(key: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Return the tokens of left padding [batch] (int64): those before the first key that any of the queries may attend to.

    The last query does not tell: with a sliding window it may not attend to the text's beginning either.
    """
    if mask is None:
        return torch.zeros(key.shape[0], dtype=torch.int64, device=key.device)
    return (~mask[:, 0]).all(-2).long().cumprod(-1).sum(-1)


def has_room(query: torch.Tensor, key: torch.Tensor, mask: Any) -> bool:
    """True for a text that is read before further keys: without a mask, or its first query may not attend to its place from the end."""
    n = query.shape[2]
    return 1 < n < key.shape[2] and (mask is None or (mask.dtype == torch.bool and not bool(mask[:, 0, 0, mask.shape[-1] - n].any())))


def query_positions(query: torch.Tensor, key: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Return the positions of the queries [batch, n_queries]: 0 for the first token after the padding, and for padding."""
    index = torch.arange(query.shape[2], device=key.device) + key.shape[2] - query.shape[2]
    return (index[None] - padding(key, mask)[:, None]).clamp(min=0)
