"""A key-value cache that goes from prompt to prompt: what two of them begin with is read once."""

from typing import Any

import torch

from seal_eval.types import Method

LEAST = 32  # tokens in common below which a prompt starts anew


class SharedPrefix:
    """The cache of the prompt before, and the tokens that are in it."""

    def __init__(self, model: Any) -> None:
        self.config = model.config
        self.tokens: list[int] = []
        self.cache: Any = None

    def begin(self, ids: list[int]) -> Any:
        """The cache, cut back to what `ids` begins with as well; at least its last token is left to be read."""
        from transformers import DynamicCache

        same = in_common(self.tokens, ids[:-1])
        if self.cache is None or same < LEAST:
            self.cache = DynamicCache(config=self.config)
            self.tokens = []
        elif same < len(self.tokens):
            self.cache.crop(same - len(self.tokens))  # a negative number of tokens is taken off the end
        return self.cache

    def end(self, ids: list[int]) -> None:
        """`ids`: the prompt and the reply, of which the last token was not read."""
        self.tokens = ids[: self.cache.get_seq_length()]


def in_common(a: list[int], b: list[int]) -> int:
    """How many tokens two lists begin with alike."""
    n = min(len(a), len(b))
    if a[:n] == b[:n]:
        return n
    return next(i for i in range(n) if a[i] != b[i])


def why_not(model: Any, method: Method, batch_size: Any) -> str:
    """The reason why prompts cannot share a cache, '' when they can.

    The method must say that it keeps no state of a prompt (`shares_prefix`), and every layer must keep all of its keys: what a sliding
    window or a recurrent layer has let go cannot be cut back to.
    """
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer

    if not shares_prefix(method):
        return "the method does not say that prompts can share a cache (shares_prefix)"
    if str(batch_size) != "1":
        return f"the batch size is {batch_size}"
    try:
        layers = DynamicCache(config=model.config).layers
    except (AttributeError, TypeError, ValueError) as error:
        return f"the model's cache is of another kind ({error})"
    others = {type(layer).__name__ for layer in layers if type(layer) is not DynamicLayer}
    return f"the model has layers that let go of keys ({', '.join(sorted(others))})" if others else ""


def shares_prefix(method: Method) -> bool:
    """What a method says; of a composition, what all of its parts say."""
    parts = getattr(method, "parts", None)
    return all(shares_prefix(part) for _, part in parts) if parts else bool(getattr(method, "shares_prefix", False))


def order(prompts: list[list[int]]) -> list[int]:
    """Indices of the prompts, those with much in common one after the other."""
    return sorted(range(len(prompts)), key=prompts.__getitem__)


def tokens_of(batch: torch.Tensor) -> list[int]:
    """Tokens of a batch of one."""
    return [int(t) for t in batch[0]]
