"""A prefix cache: the KV cache of one prompt is reused for the next, so a shared beginning is prefilled once. Also plans the batches."""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import Any

import torch
from transformers.cache_utils import DynamicCache, DynamicLayer

from seal_eval.models.caches import in_common

# Reuse the cache only if a prompt shares at least MIN_SHARED_TOKENS tokens and 1/MIN_SHARED_FRACTION of its length with it. Otherwise
# prefill from scratch: continuing a cache needs an attention mask, which makes attention slower.
MIN_SHARED_TOKENS = 32
MIN_SHARED_FRACTION = 8
# Most tokens per prefill chunk once the cache holds tokens. Small, because with a mask the masked half of a chunk's scores is computed too.
CHUNK_BEHIND_CACHE = 2048
REST = 256  # prompts of a batch that shares its prefix may each have this many tokens after it
SHORT = 512  # prompts that share nothing are padded into a batch up to this many tokens; longer ones are prefilled one by one
TOGETHER = 32768  # tokens (padded) of prompts that are prefilled one by one and decoded as a batch; bounds the memory of their caches


class GrowingLayer(DynamicLayer):
    """A cache layer with spare room at its end. A new token is written there; transformers' layer copies all earlier tokens each time."""

    room: tuple[torch.Tensor, torch.Tensor] | None = None  # buffers for keys and values, which are views of their beginning
    keys: Any  # declared as Tensor | None in transformers
    values: Any

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Append keys and values [batch, n_kv_heads, n_new, head_dim]; return all of them, [batch, n_kv_heads, n_tokens, head_dim]."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        batch, n = key_states.shape[0], self.get_seq_length()
        end = n + key_states.shape[2]
        if self.room is None or self.room[0].shape[0] != batch or self.room[0].shape[2] < end:
            size = end + max(64, end // 8)
            room = [new.new_empty(*new.shape[:2], size, new.shape[3]) for new in (key_states, value_states)]
            if n:
                for buffer, old in zip(room, (self.keys, self.values), strict=True):
                    buffer[:, :, :n] = old
            self.room = (room[0], room[1])
        for buffer, new in zip(self.room, (key_states, value_states), strict=True):
            buffer[:, :, n:end] = new
        self.keys, self.values = self.room[0][:, :, :end], self.room[1][:, :, :end]
        return self.keys, self.values

    def take_row(self, row: int, batch: int, n: int, source: "GrowingLayer") -> None:
        """Copy `source`, a layer of one sequence, to the end of row `row` of this layer, which has `batch` rows of `n` tokens.

        The first call allocates the rows with zeros, so shorter sequences are padded on the left.
        """
        if not self.is_initialized:
            self.lazy_initialization(source.keys, source.values)
            size = n + max(64, n // 8)
            room = [x.new_zeros(batch, x.shape[1], size, x.shape[3]) for x in (source.keys, source.values)]
            self.room = (room[0], room[1])
            self.keys, self.values = room[0][:, :, :n], room[1][:, :, :n]
        k = source.get_seq_length()
        self.keys[row, :, n - k :], self.values[row, :, n - k :] = source.keys[0], source.values[0]

    def for_batch(self, n: int) -> "GrowingLayer":
        """Return a layer of `n` rows, each of which begins with the tokens of this layer's one row. This layer does not change."""
        layer = GrowingLayer()
        if self.is_initialized:
            layer.lazy_initialization(self.keys, self.values)
            layer.keys, layer.values = self.keys.expand(n, -1, -1, -1), self.values.expand(n, -1, -1, -1)
        return layer


class SharedPrefix:
    """The KV cache of the previous prompt, and the tokens in it.

    `chunk`: most tokens in one forward pass, which bounds the memory of activations; CHUNK_BEHIND_CACHE if that is less and the cache
    holds tokens.
    """

    def __init__(self, model: Any, chunk: int) -> None:
        self.model, self.chunk = model, chunk
        self.tokens: list[int] = []
        self.cache: Any = None

    def begin(self, context: torch.Tensor, mask: torch.Tensor | None = None) -> Any:
        """Return the cache with which to generate from `context` [batch, n_tokens]. At least one token of each prompt is not in it yet.

        `mask` [batch, n_tokens] is 0 for padding, on the left. For one prompt, `end` must follow. For several prompts of one length that
        differ in their last REST tokens only, each row of the cache holds their common prefix. For other prompts, it holds all but the
        last token of each prompt, prefilled one after the other.
        """
        prompts = [[int(t) for t in row] for row in context]
        common = prompts[0][: min(in_common(prompts[0], prompt[:-1]) for prompt in prompts)]
        padded = mask is not None and not bool(mask.all())
        if len(prompts) > 1 and (padded or len(prompts[0]) - len(common) > REST):
            return self._prefill_one_by_one(context, torch.ones_like(context) if mask is None else mask)
        self._prefill(common, completely=len(prompts) > 1)
        if len(prompts) == 1:
            return self.cache
        batch_cache = DynamicCache(config=self.model.config)
        batch_cache.layers = [layer.for_batch(len(prompts)) for layer in self.cache.layers]
        return batch_cache

    def _prefill_one_by_one(self, context: torch.Tensor, mask: torch.Tensor) -> Any:
        """Return a cache with one row per prompt, padded on the left. Prompts are prefilled in sorted order, in which they share most."""
        prompts = {row: [int(t) for t in context[row][mask[row].bool()]] for row in range(len(context))}
        batch_cache = growing_cache(self.model.config)
        for row in sorted(prompts, key=prompts.__getitem__):
            self._prefill(prompts[row][:-1], completely=True)
            for layer, source in zip(batch_cache.layers, self.cache.layers, strict=True):
                layer.take_row(row, len(context), context.shape[1] - 1, source)
        return batch_cache

    def _prefill(self, prefix: list[int], completely: bool) -> None:
        """Make the cache hold tokens of `prefix` only: crop it or start from scratch, then prefill in chunks.

        Unless `completely`, up to one chunk at the end is left for `generate` to prefill.
        """
        same = in_common(self.tokens, prefix)
        if self.cache is None or same < max(MIN_SHARED_TOKENS, len(prefix) // MIN_SHARED_FRACTION):
            self.cache, self.tokens = growing_cache(self.model.config), []
        elif same < len(self.tokens):
            self.cache.crop(same - len(self.tokens))  # a negative number removes that many tokens from the end
            self.tokens = self.tokens[:same]
        behind = min(self.chunk, CHUNK_BEHIND_CACHE)
        left = 0 if completely else self.chunk if not self.tokens and len(prefix) <= self.chunk else behind
        while len(self.tokens) < len(prefix) - left:
            chunk = prefix[len(self.tokens) : len(self.tokens) + (behind if self.tokens else self.chunk)]
            self._forward(torch.tensor([chunk], device=self.model.device))
            self.tokens = self.tokens + chunk

    def forget(self) -> None:
        """Drop the cache and its tokens."""
        self.cache, self.tokens = None, []

    def end(self, out: torch.Tensor) -> None:
        """Note which tokens are in the cache after generation. `out` [batch, n_tokens]: prompts with their replies.

        The cache of one prompt has grown by its reply, without the last token. The batch caches of several prompts are not kept.
        """
        if len(out) == 1:
            self.tokens = [int(t) for t in out[0]][: self.cache.get_seq_length()]

    def _forward(self, ids: torch.Tensor) -> None:
        """Append the tokens `ids` [1, n_tokens] to the cache. Computes logits for the last position only, if the model supports that."""
        n = len(self.tokens)
        mask = torch.ones(1, n + ids.shape[1], dtype=torch.long, device=ids.device)
        positions = torch.arange(n, n + ids.shape[1], device=ids.device)[None]
        last = {"logits_to_keep": 1} if self.model._supports_logits_to_keep() else {}
        with torch.no_grad():
            self.model(input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=self.cache, use_cache=True, **last)


def growing_cache(config: Any) -> Any:
    """Return an empty cache whose layers are GrowingLayers."""
    cache = DynamicCache(config=config)
    cache.layers = [GrowingLayer() for _ in cache.layers]
    return cache


def batches(
    prompts: Sequence[list[int]], kinds: Sequence[Hashable], size: int, shares: bool, pads: bool = True
) -> list[tuple[list[int], bool]]:
    """Return the batches, in an order in which successive prompts share much: (indices of prompts, whether to use the prefix cache).

    prompts: token ids of each. kinds: generation options of each, hashable; only prompts of one kind share a batch. size: batch size.
    shares: whether prompts may use the prefix cache. With it, prompts of one length that differ in their last REST tokens only form a batch
    without padding. With or without it, prompts of up to SHORT tokens that share nothing are padded into batches that do not use it. All
    others are prefilled one by one; with the cache, up to TOGETHER tokens of them are decoded as a batch. pads: whether padding is
    possible.
    """
    families: list[list[int]] = []
    for i in sorted(range(len(prompts)), key=prompts.__getitem__):
        same = in_common(prompts[families[-1][0]], prompts[i]) if families and shares else 0
        if same >= MIN_SHARED_TOKENS and max(len(prompts[i]), len(prompts[families[-1][0]])) - same <= REST:
            families[-1].append(i)
        else:
            families.append([i])
    plan: list[tuple[list[int], bool]] = []
    short: dict[Hashable, list[int]] = defaultdict(list)
    for family in families:
        alike: dict[Hashable, list[int]] = defaultdict(list)
        for i in family:
            if len(family) == 1 and size > 1 and len(prompts[i]) <= SHORT and pads:
                short[kinds[i]].append(i)
            else:
                alike[len(prompts[i]), kinds[i]].append(i)
        plan += [(batch, shares) for same_length in alike.values() for batch in parts(same_length, size)]
    if shares and pads:
        plan = _decoded_together(plan, prompts, kinds, size)
    for group in short.values():
        plan += [(batch, False) for batch in parts(sorted(group, key=lambda i: len(prompts[i])), size)]
    return plan


def _decoded_together(
    plan: list[tuple[list[int], bool]], prompts: Sequence[list[int]], kinds: Sequence[Hashable], size: int
) -> list[tuple[list[int], bool]]:
    """Join successive batches of one prompt, of one kind, into batches of up to `size` prompts and TOGETHER tokens with padding."""
    joined: list[tuple[list[int], bool]] = []
    extendable = False  # whether the last batch of `joined` consists of single prompts
    for batch, through_cache in plan:
        single = len(batch) == 1
        if single and extendable and kinds[joined[-1][0][0]] == kinds[batch[0]] and len(joined[-1][0]) < size:
            longest = max(len(prompts[i]) for i in (*joined[-1][0], *batch))
            if longest * (len(joined[-1][0]) + 1) <= TOGETHER:
                joined[-1][0].append(batch[0])
                continue
        joined.append((list(batch), through_cache))
        extendable = single
    return joined


def parts(items: list[int], size: int) -> list[list[int]]:
    """Return consecutive parts of `items`, of at most `size` items each."""
    return [items[i : i + size] for i in range(0, len(items), size)]
