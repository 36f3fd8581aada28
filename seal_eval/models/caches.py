"""Copies of a model's cache from which different texts go on."""

import copy
from typing import Any

from seal_eval.core.errors import SealError


def branch(cache: Any) -> Any:
    """Return a cache with the same tokens. Adding tokens to one of the two does not change the other.

    Layers share their tensors: adding tokens makes new tensors, or writes beyond the end of what `cache` holds. Layers that change tensors
    in place (recurrent states) cannot be copied so. Raises SealError for a cache without layers.
    """
    if not hasattr(cache, "layers"):
        raise SealError(f"a cache with layers is needed, not a {type(cache).__name__}")
    other = copy.copy(cache)
    other.layers = [copy.copy(layer) for layer in cache.layers]
    return other
