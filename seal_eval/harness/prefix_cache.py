"""A prefix cache: the KV cache of one prompt is reused for the next, so a shared beginning is prefilled once."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any

import torch
from transformers.cache_utils import DummyLayer, DynamicCache, DynamicLayer

from seal_eval.models.beginnings import only_beginning
from seal_eval.models.caches import Sharing, branch_layer, in_common, in_rows, read_on
from seal_eval.models.fast_prefill import fast_prefill
from seal_eval.models.few_rows import few_rows
from seal_eval.models.growing import GrowingLayer
from seal_eval.models.modules import device_of
from seal_eval.models.shared_rows import behind, shared_rows

# Reuse the cache only if a prompt shares at least MIN_SHARED_TOKENS tokens and 1/MIN_SHARED_FRACTION of its length with it. Otherwise
# prefill from scratch: continuing a cache needs an attention mask, which makes attention slower.
MIN_SHARED_TOKENS = 32
MIN_SHARED_FRACTION = 8
# Most tokens per prefill chunk once the cache holds tokens. Small, because with a mask the masked half of a chunk's scores is computed too.
CHUNK_BEHIND_CACHE = 2048
REST = 256  # prompts of a batch that shares its prefix may each have this many tokens after it
NO_TOKEN = -1  # in the place of a token that no prompt has in common with another
SNAPSHOTS = 8  # most that are kept at a time of layers that let go of tokens; bounds their memory


class SharedPrefix:
    """The KV cache of the previous prompt, and the tokens in it; NO_TOKEN stands for those from which no other prompt may go on.

    `chunk`: most tokens in one forward pass, which bounds the memory of activations; CHUNK_BEHIND_CACHE if that is less and the cache
    holds tokens. `how`: what `caches.sharing` says of the model. `prompts`: the prompts to come, in their order.

    Layers that keep all tokens are cut back to where the next prompt parts from this one. Layers that let go of tokens (sliding window,
    recurrent states) cannot be cut back, so a snapshot of them is taken where a later prompt will part: `snapshots`, with growing length.
    """

    def __init__(self, model: Any, chunk: int, how: Sharing | None = None, prompts: Iterable[list[int]] = ()) -> None:
        self.model, self.chunk, self.how = model, chunk, how or Sharing()
        self.tokens: list[int] = []
        self.cache: Any = None
        self.snapshots: list[tuple[int, list[Any]]] = []  # (n_tokens, layers), None for a layer that is cut back
        self.parts_later = not keeps_all(growing_cache(model.config))  # whether snapshots are needed
        self.ahead = list(prompts) if self.parts_later else []

    def begin(self, context: torch.Tensor, mask: torch.Tensor | None = None) -> Any:
        """Return the cache with which to generate from `context` [batch, n_tokens]. Each prompt's last tokens are not in it yet.

        `mask` [batch, n_tokens] is 0 for padding, on the left. For one prompt, `end` must follow. For several prompts of one length that
        differ in their last REST tokens only, each row of the cache holds their common prefix. For other prompts, it holds all but the
        last tokens of each prompt, prefilled one after the other. `how.last` says how many are the last ones.
        """
        kept = torch.ones_like(context, dtype=torch.bool) if mask is None else mask.bool()
        prompts = [row[keep].tolist() for row, keep in zip(context, kept, strict=True)]
        for prompt in prompts:
            with suppress(ValueError):
                self.ahead.remove(prompt)
        if len(prompts) > 1 and min(map(len, prompts)) <= self.how.last:
            return growing_cache(self.model.config)
        common = prompts[0][: min(in_common(prompts[0], prompt[: -self.how.last]) for prompt in prompts)]
        if len(prompts) > 1 and (not bool(kept.all()) or len(prompts[0]) - len(common) > REST):
            return self._prefill_one_by_one(prompts)
        self._prefill(common, completely=len(prompts) > 1 or self.how.last > 1)
        if len(prompts) == 1:
            return self.cache
        batch_cache, n = DynamicCache(config=self.model.config), len(prompts)
        row = behind if self.how.once else lambda layer: layer.for_batch(n)
        batch_cache.layers = [row(layer) if isinstance(layer, GrowingLayer) else in_rows(layer, n) for layer in self.cache.layers]
        return batch_cache

    @contextmanager
    def generating(self, n: int) -> Iterator[None]:
        """Context manager: inside it the model can generate from the cache that `begin` returned for `n` prompts."""
        with few_rows(self.model, n), self._attention(n):
            yield

    def _attention(self, n: int) -> AbstractContextManager[None]:
        """Return a context manager: inside it the model computes attention for a cache of `n` prompts."""
        attention = shared_rows if n > 1 else fast_prefill
        return attention(self.model) if self.how.once else nullcontext()

    def _prefill_one_by_one(self, prompts: list[list[int]]) -> Any:
        """Return a cache with one row per prompt, padded on the left. Prompts are prefilled in sorted order, in which they share most."""
        batch_cache, longest = growing_cache(self.model.config), max(map(len, prompts))
        for row in sorted(range(len(prompts)), key=prompts.__getitem__):
            self._prefill(prompts[row][: -self.how.last], completely=True)
            for layer, source in zip(batch_cache.layers, self.cache.layers, strict=True):
                layer.take_row(row, len(prompts), longest - self.how.last, source)
        return batch_cache

    def _prefill(self, prefix: list[int], completely: bool) -> None:
        """Make the cache hold tokens of `prefix` only: cut it back or start from scratch, then prefill in chunks.

        Unless `completely`, up to one chunk at the end is left for `generate` to prefill.
        """
        self._cut_back(prefix)
        most = min(self.chunk, CHUNK_BEHIND_CACHE) if self.how.in_pieces else 1
        for n in self._partings(prefix):
            self._read(prefix[:n], n, most)
            self.snapshots.append((n, [None if cuts_back(layer) else branch_layer(layer) for layer in self.cache.layers]))
        whole = not self.tokens and len(prefix) <= self.chunk and not self.parts_later
        left = 0 if completely or most == 1 else self.chunk if whole else most
        self._read(prefix, len(prefix) - left, most)

    def _cut_back(self, prefix: list[int]) -> None:
        """Cut the cache back to what it has in common with `prefix`. When that is little, start from scratch."""
        same = in_common(self.tokens, prefix)
        self.snapshots = [(n, layers) for n, layers in self.snapshots if n <= same]
        if self.parts_later and same < len(self.tokens):
            same = self.snapshots[-1][0] if self.snapshots else 0
        if self.cache is None or same < max(MIN_SHARED_TOKENS, len(prefix) // MIN_SHARED_FRACTION):
            self.forget()
            self.cache = growing_cache(self.model.config)
        elif same < len(self.tokens):
            snapshot = self.snapshots[-1][1] if self.parts_later else [None] * len(self.cache.layers)
            for i, (layer, kept) in enumerate(zip(self.cache.layers, snapshot, strict=True)):
                if kept is None:
                    layer.crop(same - len(self.tokens))  # a negative number removes that many tokens from the end
                else:
                    self.cache.layers[i] = branch_layer(kept)
            self.tokens = self.tokens[:same]

    def _partings(self, prefix: list[int]) -> list[int]:
        """Return where later prompts part from `prefix`, in tokens, where a snapshot is worth its memory and there is none; ascending."""
        found: list[int] = []
        shortest = len(prefix)
        for prompt in self.ahead:
            shortest = min(shortest, in_common(prefix, prompt))
            if shortest < max(MIN_SHARED_TOKENS, len(prompt) // MIN_SHARED_FRACTION):
                break
            if shortest not in found:
                found.append(shortest)
        return sorted(n for n in found[: SNAPSHOTS - len(self.snapshots)] if n > len(self.tokens))

    def _read(self, prefix: list[int], until: int, most: int) -> None:
        """Add tokens of `prefix` to the cache, in chunks, until it holds at least `until`. most: tokens of a chunk behind others."""
        # layers with a window compute the whole square of scores, so small chunks are faster there
        first = len(prefix) if not self.how.in_pieces else most if self.parts_later else self.chunk
        while len(self.tokens) < until:
            n = len(self.tokens)
            chunk = prefix[n : n + (most if n else first)]
            with torch.no_grad(), self._attention(1), only_beginning():
                read_on(self.model, torch.tensor([chunk], device=device_of(self.model)), self.cache, n, last=True)
            self.tokens = self.tokens + chunk

    def forget(self) -> None:
        """Drop the cache, its tokens and the snapshots."""
        self.cache, self.tokens, self.snapshots = None, [], []

    def end(self, out: torch.Tensor) -> None:
        """Note which tokens are in the cache after generation. `out` [batch, n_tokens]: prompts with their replies.

        The cache of one prompt has grown by its reply, without the last token. The batch caches of several prompts are not kept.
        """
        if len(out) == 1:
            n = self.cache.get_seq_length()
            # a method that reads a prompt's last tokens together treats them in another way: no later prompt may go on from them
            self.tokens = out[0].tolist()[:n] if self.how.last == 1 else self.tokens + [NO_TOKEN] * (n - len(self.tokens))


def growing_cache(config: Any) -> Any:
    """Return an empty cache whose layers are GrowingLayers, except those that let go of tokens."""
    cache = DynamicCache(config=config)
    cache.layers = [GrowingLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache


def cuts_back(layer: Any) -> bool:
    """True for a layer of a cache that keeps all tokens, so that it can be cut back to fewer."""
    return isinstance(layer, GrowingLayer | DummyLayer)


def keeps_all(cache: Any) -> bool:
    """True when every layer keeps all tokens."""
    return all(cuts_back(layer) for layer in cache.layers)
