"""A cache of keys and values for texts that begin alike: whether a model and a method allow it, and copies from which texts go on."""

import copy
import inspect
from typing import Any

import torch
from transformers.cache_utils import DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

from seal_eval.core.errors import SealError, first_line
from seal_eval.core.plugins import Method
from seal_eval.models.rope import following_length

BRANCHING = (DynamicLayer, DynamicSlidingWindowLayer)  # layers that never change a tensor in place, so that copies can share it


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


def why_not(model: Any, method: Method, layers_can_be: tuple[type, ...] = (DynamicLayer,)) -> str:
    """Return why prompts cannot share a cache, '' when they can.

    They can when the method declares it (`shares_prefix`), rotary frequencies do not follow the text's length, and every layer keeps all
    its keys: a cache that has discarded keys (sliding window, recurrent layer) cannot be cut back to a shorter prefix. layers_can_be: the
    classes of layers that will do; BRANCHING where the cache is not cut back.
    """
    if not method.shares_prefix:
        return "the method does not say that prompts can share a cache (shares_prefix)"
    if kinds := following_length(model):
        return f"the model's rotary frequencies follow each prompt's length ({', '.join(kinds)})"
    try:
        layers = DynamicCache(config=model.config).layers
    except (AttributeError, TypeError, ValueError) as error:
        return f"the model's cache is of another kind ({error})"
    if unsuitable := {type(layer).__name__ for layer in layers if type(layer) not in layers_can_be}:
        return f"the model has layers that let go of keys ({', '.join(sorted(unsuitable))})"
    return takes_no_cache(model)


def takes_no_cache(model: Any) -> str:
    """Return why the model's forward pass does not take transformers' cache, '' when it does. Asked of the pass itself, with four tokens.

    A configuration does not tell: transformers makes a cache for any. Encoder-decoders cache the tokens of the reply only.
    """
    if getattr(model.config, "is_encoder_decoder", False):
        return "the model is an encoder-decoder, whose cache does not hold the prompt"
    if "past_key_values" not in inspect.signature(model.forward).parameters:
        return "the model's forward pass takes no cache (past_key_values)"
    try:
        cache: Any = DynamicCache(config=model.config)
        ids = torch.ones(1, 2, dtype=torch.long, device=model.device)
        with torch.no_grad():
            for _ in range(2):
                model(input_ids=ids, past_key_values=cache, use_cache=True)
        lengths = {layer.get_seq_length() for layer in cache.layers}
    except Exception as error:
        return f"the model's cache is of another kind ({type(error).__name__}: {first_line(error)})"
    return "" if lengths <= {4} else f"the model does not fill its cache: layers hold {sorted(lengths)} of 4 tokens"


def in_common(a: list[int], b: list[int]) -> int:
    """Return the length of the common prefix of two lists of tokens."""
    n = min(len(a), len(b))
    if a[:n] == b[:n]:
        return n
    return next(i for i in range(n) if a[i] != b[i])
