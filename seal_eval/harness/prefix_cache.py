"""A key-value cache that goes from prompt to prompt: what prompts begin with is read once, and their replies are written together."""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import Any

import torch
from transformers.cache_utils import DynamicCache, DynamicLayer

from seal_eval.core.types import Method
from seal_eval.models.rope import following_length

MIN_SHARED_TOKENS, MIN_SHARED_FRACTION = (
    32,
    8,
)  # a prompt starts anew that has fewer tokens in common, or less than one in FEW: reading on costs attention a mask
CHUNK_BEHIND_CACHE = 2048  # tokens read at once behind others: few, because the mask hides half of what a piece computes among its own
REST = 256  # tokens that prompts answered together may each have after what they share
SHORT = 512  # tokens up to which prompts that share nothing are padded and read as a batch
TOGETHER = 32768  # tokens of prompts read one by one whose replies are written together, all caches being held


class GrowingLayer(DynamicLayer):
    """A cache layer with room at its end: a token is written into it, where the library's copies all tokens before it."""

    room: tuple[torch.Tensor, torch.Tensor] | None = None
    keys: Any  # the library says Tensor | None
    values: Any

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values so far, [batch, n_kv_heads, n_tokens, head_dim], these at their end."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        batch, n = key_states.shape[0], self.get_seq_length()
        end = n + key_states.shape[2]
        if self.room is None or self.room[0].shape[0] != batch or self.room[0].shape[2] < end:
            size = end + max(64, end // 8)
            room = [new.new_empty(*new.shape[:2], size, new.shape[3]) for new in (key_states, value_states)]
            if n:
                for more, old in zip(room, (self.keys, self.values), strict=True):
                    more[:, :, :n] = old
            self.room = (room[0], room[1])
        for more, new in zip(self.room, (key_states, value_states), strict=True):
            more[:, :, n:end] = new
        self.keys, self.values = self.room[0][:, :, :end], self.room[1][:, :, :end]
        return self.keys, self.values

    def take_row(self, row: int, batch: int, n: int, own: "GrowingLayer") -> None:
        """Hold the tokens of `own`, a layer of one sequence, as the last of the `n` of this layer's sequence `row` out of `batch`."""
        if not self.is_initialized:
            self.lazy_initialization(own.keys, own.values)
            size = n + max(64, n // 8)
            room = [x.new_zeros(batch, x.shape[1], size, x.shape[3]) for x in (own.keys, own.values)]
            self.room = (room[0], room[1])
            self.keys, self.values = room[0][:, :, :n], room[1][:, :, :n]
        k = own.get_seq_length()
        self.keys[row, :, n - k :], self.values[row, :, n - k :] = own.keys[0], own.values[0]

    def for_batch(self, n: int) -> "GrowingLayer":
        """A layer of `n` sequences that begin with this one's tokens; this one stays as it is."""
        made = GrowingLayer()
        if self.is_initialized:
            made.lazy_initialization(self.keys, self.values)
            made.keys, made.values = self.keys.expand(n, -1, -1, -1), self.values.expand(n, -1, -1, -1)
        return made


class SharedPrefix:
    """The cache of the prompt before, and the tokens that are in it.

    `chunk`: tokens read at once at most, which bounds the memory of activations; behind others PIECE at most.
    """

    def __init__(self, model: Any, chunk: int) -> None:
        self.model, self.chunk = model, chunk
        self.tokens: list[int] = []
        self.cache: Any = None

    def begin(self, context: torch.Tensor, mask: torch.Tensor | None = None) -> Any:
        """The cache for `context` [batch, n_tokens], with at least a token of each prompt left to read.

        Prompts of one length that differ little: what all of them begin with is in it. Others, padded on the left where `mask` is 0: all
        but the last token of each, which were read one after the other.
        """
        prompts = [[int(t) for t in row] for row in context]
        common = prompts[0][: min(in_common(prompts[0], prompt[:-1]) for prompt in prompts)]
        padded = mask is not None and not bool(mask.all())
        if len(prompts) > 1 and (padded or len(prompts[0]) - len(common) > REST):
            return self._apart(context, torch.ones_like(context) if mask is None else mask)
        self._take(common, behind_all=len(prompts) > 1)
        if len(prompts) == 1:
            return self.cache
        together = DynamicCache(config=self.model.config)
        together.layers = [layer.for_batch(len(prompts)) for layer in self.cache.layers]
        return together

    def _apart(self, context: torch.Tensor, mask: torch.Tensor) -> Any:
        """The prompts' caches side by side, padded on the left; read in the order in which they share most."""
        prompts = {row: [int(t) for t in context[row][mask[row].bool()]] for row in range(len(context))}
        together = growing_cache(self.model.config)
        for row in sorted(prompts, key=prompts.__getitem__):
            self._take(prompts[row][:-1], behind_all=True)
            for layer, own in zip(together.layers, self.cache.layers, strict=True):
                layer.take_row(row, len(context), context.shape[1] - 1, own)
        return together

    def _take(self, common: list[int], behind_all: bool) -> None:
        """Have the cache hold `common` and nothing else; all but a last piece of it, unless `behind_all`."""
        same = in_common(self.tokens, common)
        if self.cache is None or same < max(MIN_SHARED_TOKENS, len(common) // MIN_SHARED_FRACTION):
            self.cache, self.tokens = growing_cache(self.model.config), []
        elif same < len(self.tokens):
            self.cache.crop(same - len(self.tokens))  # a negative number of tokens is taken off the end
            self.tokens = self.tokens[:same]
        behind = min(self.chunk, CHUNK_BEHIND_CACHE)
        left = 0 if behind_all else self.chunk if not self.tokens and len(common) <= self.chunk else behind
        while len(self.tokens) < len(common) - left:
            piece = common[len(self.tokens) : len(self.tokens) + (behind if self.tokens else self.chunk)]
            self._read(torch.tensor([piece], device=self.model.device))
            self.tokens = self.tokens + piece

    def forget(self) -> None:
        """Let go of everything."""
        self.cache, self.tokens = None, []

    def end(self, out: torch.Tensor) -> None:
        """`out`: prompts and replies; of one prompt all but the last token are now in the cache."""
        if len(out) == 1:
            self.tokens = [int(t) for t in out[0]][: self.cache.get_seq_length()]

    def _read(self, ids: torch.Tensor) -> None:
        """Read [1, n_tokens] into the cache; logits of the last position only, where the model can."""
        n = len(self.tokens)
        mask = torch.ones(1, n + ids.shape[1], dtype=torch.long, device=ids.device)
        place = torch.arange(n, n + ids.shape[1], device=ids.device)[None]
        last = {"logits_to_keep": 1} if self.model._supports_logits_to_keep() else {}
        with torch.no_grad():
            self.model(input_ids=ids, attention_mask=mask, position_ids=place, past_key_values=self.cache, use_cache=True, **last)


def growing_cache(config: Any) -> Any:
    """An empty cache whose layers have room at their end."""
    cache = DynamicCache(config=config)
    cache.layers = [GrowingLayer() for _ in cache.layers]
    return cache


def in_common(a: list[int], b: list[int]) -> int:
    """How many tokens two lists begin with alike."""
    n = min(len(a), len(b))
    if a[:n] == b[:n]:
        return n
    return next(i for i in range(n) if a[i] != b[i])


def batches(prompts: Sequence[list[int]], kinds: Sequence[Hashable], size: int, shares: bool) -> list[tuple[list[int], bool]]:
    """(indices of prompts to be answered at once, whether through the shared cache), in the order in which much is shared.

    Answered at once, `size` at most, are prompts of one kind (how they are answered) and, through the cache, of one length that differ in
    their last `REST` tokens only: no padding, so no difference to one at a time but rounding. Of the others the short are padded and
    read as a batch; those up to `TOGETHER` tokens in all are read one by one and their replies written together.
    """
    families: list[list[int]] = []
    for i in sorted(range(len(prompts)), key=prompts.__getitem__):
        same = in_common(prompts[families[-1][0]], prompts[i]) if families and shares else 0
        if same >= MIN_SHARED_TOKENS and max(len(prompts[i]), len(prompts[families[-1][0]])) - same <= REST:
            families[-1].append(i)
        else:
            families.append([i])
    out: list[tuple[list[int], bool]] = []
    short: dict[Hashable, list[int]] = defaultdict(list)
    for family in families:
        alike: dict[Hashable, list[int]] = defaultdict(list)
        for i in family:
            if len(family) == 1 and size > 1 and len(prompts[i]) <= SHORT:
                short[kinds[i]].append(i)
            else:
                alike[len(prompts[i]), kinds[i]].append(i)
        out += [(part, shares) for same_length in alike.values() for part in parts(same_length, size)]
    if shares:
        out = _written_together(out, prompts, kinds, size)
    for some in short.values():
        out += [(part, False) for part in parts(sorted(some, key=lambda i: len(prompts[i])), size)]
    return out


def _written_together(
    plan: list[tuple[list[int], bool]], prompts: Sequence[list[int]], kinds: Sequence[Hashable], size: int
) -> list[tuple[list[int], bool]]:
    """Neighbours that are alone in their part, up to `size` of one kind and `TOGETHER` tokens, as one part."""
    out: list[tuple[list[int], bool]] = []
    open_ = False  # the last part takes more
    for part, shared in plan:
        alone = len(part) == 1
        if alone and open_ and kinds[out[-1][0][0]] == kinds[part[0]] and len(out[-1][0]) < size:
            longest = max(len(prompts[i]) for i in (*out[-1][0], *part))
            if longest * (len(out[-1][0]) + 1) <= TOGETHER:
                out[-1][0].append(part[0])
                continue
        out.append((list(part), shared))
        open_ = alone
    return out


def parts(items: list[int], size: int) -> list[list[int]]:
    """Consecutive pieces of at most `size`."""
    return [items[i : i + size] for i in range(0, len(items), size)]


def why_not(model: Any, method: Method) -> str:
    """The reason why prompts cannot share a cache, '' when they can.

    The method must say that it keeps no state of a prompt (`shares_prefix`), keys must be rotated alike in texts of every length, and every
    layer must keep all of its keys: what a sliding window or a recurrent layer has let go cannot be cut back to.
    """
    if not shares_prefix(method):
        return "the method does not say that prompts can share a cache (shares_prefix)"
    if kinds := following_length(model):
        return f"the model's rotary frequencies follow each prompt's length ({', '.join(kinds)})"
    try:
        layers = DynamicCache(config=model.config).layers
    except (AttributeError, TypeError, ValueError) as error:
        return f"the model's cache is of another kind ({error})"
    others = {type(layer).__name__ for layer in layers if type(layer) is not DynamicLayer}
    return f"the model has layers that let go of keys ({', '.join(sorted(others))})" if others else ""


def shares_prefix(method: Method) -> bool:
    """What a method says; of a composition, what all of its parts say."""
    inner = getattr(method, "parts", None)
    return all(shares_prefix(part) for _, part in inner) if inner else bool(getattr(method, "shares_prefix", False))
