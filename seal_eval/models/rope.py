"""Rotary position embeddings (RoPE) of a loaded model: find them, and replace them for a while by ones with other parameters."""

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from seal_eval.core.errors import SealError, first_line
from seal_eval.models.modules import text_decoder
from seal_eval.models.window import GIVEN, window_in

ORIGINAL = "original_max_position_embeddings"  # the trained window: a field of some configurations, and of some kinds of parameters
Parameters = dict[str, Any]  # rope_parameters of transformers, for one layer type


@contextmanager
def rotary_replaced(model: Any, change: Callable[[Parameters], Parameters]) -> Iterator[list[nn.Module]]:
    """Context manager: inside it the model's rotary embeddings are built from `change(parameters)`; yields the new modules.

    Where the model has parameters per layer type (Gemma 3), layers with a sliding window keep theirs; where all layers share one embedding,
    they change too. Raises SealError for a model without rotary embeddings, and for one whose embedding is scaled already.
    """
    rotary = rotary_modules(model)
    replacements: list[nn.Module] = []
    for _, _, old in rotary:
        config: Any = copy.deepcopy(old.config)
        # set on the copy, transformers does not validate it: for some models it accepts fewer types (Phi-3)
        config.rope_parameters = _changed(model, config, change)
        if hasattr(config, ORIGINAL) and ORIGINAL in config.rope_parameters:
            setattr(config, ORIGINAL, config.rope_parameters[ORIGINAL])  # transformers prefers this to what the parameters say (Phi-3)
        if one_width(config) and getattr(config, "head_dim", 0) is None:  # transformers' YaRN code fails on None
            config.head_dim = config.hidden_size // config.num_attention_heads
        new = _made(model, type(old), config).to(next(old.buffers()).device)
        new.train(old.training)
        replacements.append(new)
    try:
        for (parent, name, _), new in zip(rotary, replacements, strict=True):
            setattr(parent, name, new)
        yield replacements
    finally:
        for parent, name, old in rotary:
            setattr(parent, name, old)


def _made(model: Any, kind: Any, config: Any) -> nn.Module:
    """Return a rotary embedding of a class by a configuration. Raises SealError where the class does not know such parameters."""
    try:
        module: nn.Module = kind(config=config)
        return module
    except (KeyError, ValueError, TypeError, RuntimeError) as error:  # each class has limits of its own
        raise SealError(
            f"{type(model).__name__}: its rotary embedding ({kind.__name__}) cannot take this method's parameters "
            f"({type(error).__name__}: {first_line(error)}); choose another method"
        ) from error


def rotary_modules(model: Any) -> list[tuple[nn.Module, str, Any]]:
    """Return (parent, attribute, module) of every rotary embedding of the text decoder. Raises SealError when there is none."""
    modules, (prefix, decoder) = dict(model.named_modules()), text_decoder(model)
    rotary = []
    for name, module in decoder.named_modules(prefix=prefix):
        if hasattr(module, "config") and any("inv_freq" in b for b, _ in module.named_buffers(recurse=False)):
            parent, _, leaf = name.rpartition(".")
            rotary.append((modules[parent], leaf, module))
    if not rotary:
        raise SealError(f"{type(model).__name__} has no rotary position embedding; choose a method that does not change it")
    return rotary


def following_length(model: Any) -> list[str]:
    """Return the model's rope types whose frequencies depend on the text's length ('dynamic', 'longrope'); [] when none does.

    A model may have parameters per layer type. The method dynamic_ntk is not listed: it builds an embedding of type 'default'.
    """
    parts = text_decoder(model)[1].modules()
    configured = [getattr(getattr(module, "config", None), "rope_parameters", None) or {} for module in parts]
    by_layer_type = [parameters for outer in configured for parameters in (outer, *outer.values()) if isinstance(parameters, dict)]
    types = {str(parameters["rope_type"]) for parameters in by_layer_type if "rope_type" in parameters}
    return sorted(types & {"dynamic", "longrope"})


def frequency_names(module: nn.Module) -> list[str]:
    """Return the names of the buffers that hold the frequencies in use, for layers with full attention."""
    return [n for n, _ in module.named_buffers(recurse=False) if "inv_freq" in n and "original" not in n and "sliding" not in n]


def trained_window(model: Any, original: int) -> int:
    """Return the trained window in tokens: `original` unless it is 0, else what `window_in` finds, which is also what results say.

    Not `original_max_position_embeddings` of rope parameters: Llama 3.1 was trained on, with its scaled embedding. Raises SealError for a
    configuration without a window.
    """
    window = original or window_in(model.config)
    if not window:
        raise SealError(f"{type(model).__name__}: no trained window (max_position_embeddings) in its configuration; choose another method")
    return int(window)


def window_at_hand(model: Any) -> int:
    """Return the window in tokens that a method works within: the trained one, or what methods composed with it make of that.

    Raises SealError for a configuration without a window.
    """
    return getattr(model, GIVEN, None) or trained_window(model, 0)


def one_width(config: Any) -> bool:
    """Whether a configuration has one head_dim for all layers; of another, transformers lets nobody read it (Gemma 4)."""
    return not getattr(config, "is_heterogeneous", False)


def parameters_of(module: Any) -> Parameters:
    """Return the parameters of a rotary embedding in layers with full attention."""
    found: Parameters = module.config.rope_parameters
    return found.get("full_attention", found)


def rotary_dim(module: Any) -> int:
    """Return the number d of channels of a head that an unscaled rotary embedding rotates in layers with full attention.

    Frequency i is rope_theta ** (-2i / d). A model whose share of a head is an odd number has (d + 1) / 2 of them (MiMo-V2-Flash).
    """
    frequencies = getattr(module, frequency_names(module)[0]).double()
    even = 2 * frequencies.numel()
    if even < 4:
        return even
    measured = -2 * math.log(parameters_of(module)["rope_theta"]) / math.log(float(frequencies[1]))
    return min(even, even - 1, key=lambda d: abs(d - measured))


def _changed(model: Any, config: Any, change: Callable[[Parameters], Parameters]) -> Any:
    """Return config.rope_parameters with those of layers with full attention changed."""
    parameters = config.rope_parameters
    nested = bool(parameters) and all(value is None or isinstance(value, dict) for value in parameters.values())  # None: not rotated
    full = parameters.get("full_attention") if nested else parameters
    if not full or (nested and "full_attention" not in (getattr(config, "layer_types", None) or ["full_attention"])):
        raise SealError(
            f"{type(model).__name__} has no layer with full attention whose rotary embedding could change; choose another method"
        )
    if (kind := full.get("rope_type", "default")) != "default":
        why = f"its rotary embedding already has type '{kind}', which this method would undo"
        raise SealError(f"{type(model).__name__}: {why}; choose another method")
    return {**parameters, "full_attention": change(dict(full))} if nested else change(dict(full))
