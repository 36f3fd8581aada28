"""Rotary position embeddings of a loaded model, rebuilt with other parameters and put back."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from seal_eval.core.errors import SealError, whole_number
from seal_eval.models.modules import text_config

Parameters = dict[str, Any]  # transformers' rope_parameters of one kind of layer


@contextmanager
def rotary_replaced(model: Any, change: Callable[[Parameters], Parameters]) -> Iterator[list[nn.Module]]:
    """Inside the block the model's rotary embeddings are built from `change(parameters)`; yields them.

    Layers with a sliding window keep theirs where the model has parameters per layer type (Gemma 3), and share the change where all layers
    have one embedding. Raises SealError for a model without rotary embeddings.
    """
    found = rotary_modules(model)
    made: list[nn.Module] = []
    for _, _, old in found:
        config: Any = copy.deepcopy(old.config)
        config.rope_parameters = _changed(model, config, change)
        if getattr(config, "head_dim", 0) is None:  # transformers reads it for YaRN
            config.head_dim = config.hidden_size // config.num_attention_heads
        new = type(old)(config=config).to(
            next(old.buffers()).device
        )  # not validated by transformers: some models allow themselves fewer types
        new.train(old.training)
        made.append(new)
    try:
        for (parent, name, _), new in zip(found, made, strict=True):
            setattr(parent, name, new)
        yield made
    finally:
        for parent, name, old in found:
            setattr(parent, name, old)


def rotary_modules(model: Any) -> list[tuple[nn.Module, str, Any]]:
    """(parent, attribute, module) of every rotary embedding of the text decoder."""
    modules = dict(model.named_modules())
    found = []
    for name, module in modules.items():
        if hasattr(module, "config") and any("inv_freq" in b for b, _ in module.named_buffers(recurse=False)):
            parent, _, leaf = name.rpartition(".")
            found.append((modules[parent], leaf, module))
    if not found:
        raise SealError(f"{type(model).__name__} has no rotary position embedding; choose a method that does not change it")
    return found


def following_length(model: Any) -> list[str]:
    """The model's kinds of rotary embedding (some have one per layer type) whose frequencies depend on how long a text is."""
    found = [getattr(getattr(module, "config", None), "rope_parameters", None) or {} for module in model.modules()]
    kinds = {str(one["rope_type"]) for own in found for one in (own, *own.values()) if isinstance(one, dict) and "rope_type" in one}
    return sorted(kinds & {"dynamic", "longrope"})


def frequency_names(module: nn.Module) -> list[str]:
    """The buffers that hold the frequencies of layers with full attention, as they are used."""
    return [n for n, _ in module.named_buffers(recurse=False) if "inv_freq" in n and "original" not in n and "sliding" not in n]


def trained_window(model: Any, original: int) -> int:
    """Tokens the model was trained on: `original` when it is given, else what its rope parameters or its configuration say."""
    config = text_config(model)
    parameters = getattr(config, "rope_parameters", None) or {}
    return int(original or parameters.get("original_max_position_embeddings") or config.max_position_embeddings)


def rotary_dim(parameters: Parameters, config: Any) -> int:
    """Channels of a head that are rotated."""
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return int(head_dim * (parameters.get("partial_rotary_factor") or getattr(config, "partial_rotary_factor", None) or 1.0))


def check_factor(name: str, factor: Any, original: Any) -> None:
    """Raise for a factor below 1 or an original window that is no whole number."""
    if isinstance(factor, bool) or not isinstance(factor, int | float) or not 1 <= factor < float("inf"):
        raise SealError(f"method '{name}': factor is {factor!r}, must be a number of at least 1 (window / trained window)")
    whole_number(f"method '{name}'", "original", original, 0)


def _changed(model: Any, config: Any, change: Callable[[Parameters], Parameters]) -> Any:
    parameters = config.rope_parameters
    nested = bool(parameters) and all(isinstance(value, dict) for value in parameters.values())
    own = parameters.get("full_attention") if nested else parameters
    if not own or (nested and "full_attention" not in (getattr(config, "layer_types", None) or ["full_attention"])):
        raise SealError(f"{type(model).__name__} has no layer with full attention whose rotary embedding could change")
    if (kind := own.get("rope_type", "default")) != "default":
        raise SealError(f"{type(model).__name__}: its rotary embedding is of type '{kind}' already, which this method would undo")
    return {**parameters, "full_attention": change(dict(own))} if nested else change(dict(own))
