"""How far layers see: sliding windows and chunks by a text configuration, and whether they hide some of what a run is to read."""

import sys
from typing import Any

import torch

from seal_eval.core.errors import SealError
from seal_eval.core.plugins import Method
from seal_eval.models.modules import text_config, text_decoder
from seal_eval.models.window import window_in

WINDOWED = ("sliding_attention", "chunked_attention", "hybrid_sliding")  # kinds of layers that do not see the whole text
MASKS = ("create_sliding_window_causal_mask", "create_chunked_causal_mask")  # of transformers, imported by models that use a window


def slides(module: Any, kwargs: dict[str, Any]) -> bool:
    """True for a layer that attends within a sliding window or a chunk (Llama 4). `kwargs`: those of the attention call.

    The layer's type is checked first, because layers with full attention may carry a `sliding_window` too (EXAONE 4). A window as long as
    the model's own (Phi-3) hides nothing, unless other layers see further (Ministral): then it slides, in texts within the window too,
    else what is cached of a text's beginning would depend on what follows it.
    """
    config = getattr(module, "config", None)
    if covers_all(config) and all_slide(config):
        return False
    if (is_sliding := getattr(module, "is_sliding", None)) is not None:
        return bool(is_sliding)
    kinds, index = getattr(config, "layer_types", None), getattr(module, "layer_idx", None)
    if kinds and index is not None:
        return kinds[index] in WINDOWED
    return bool(kwargs.get("sliding_window") or getattr(module, "sliding_window", None))


def window_of_layers(config: Any) -> int | None:
    """Return the window (tokens) of layers with a sliding window or chunks, by a text configuration; None if it names none."""
    window = getattr(config, "sliding_window", None) if getattr(config, "use_sliding_window", True) else None
    window = window or getattr(config, "attention_chunk_size", None)
    return window if isinstance(window, int) and window > 0 else None


def covers_all(config: Any) -> bool:
    """True where the window of the layers is at least as long as the model's own."""
    window, longest = window_of_layers(config), getattr(config, "max_position_embeddings", None)
    return bool(window and isinstance(longest, int) and window >= longest)


def all_slide(config: Any) -> bool:
    """True where every layer has a window, by a text configuration, however long it is."""
    kinds = getattr(config, "layer_types", None) or (["sliding_attention"] if window_of_layers(config) else ["full_attention"])
    return all(kind in WINDOWED for kind in kinds)


def check_attends_fully(model: Any) -> None:
    """Raise SealError for a model whose attention a method cannot replace.

    Two kinds: every layer has a sliding window, so there is nothing to change; or the model has learned attention sinks (gpt-oss), which
    a replaced attention function would ignore.
    """
    if any(isinstance(getattr(module, "sinks", None), torch.Tensor) for module in text_decoder(model)[1].modules()):
        raise SealError(f"{type(model).__name__} has learned attention sinks, which this method would ignore; choose another method")
    config = model.config.get_text_config()
    if all_slide(config) and not covers_all(config):
        window = window_of_layers(config)
        raise SealError(f"{type(model).__name__}: every layer attends within a window of {window} tokens; this method needs full attention")


def check_reach(name: str, method: Method, model: Any, tokens: int | None = None) -> None:
    """Raise SealError when a method that changes rope or attention is to reach further than any layer of the model sees.

    tokens: the longest text of the run; None for the window that the method claims. A window as long as the model's own hides nothing of
    texts within it (Phi-3, Mistral), and the beginning of longer ones, which such a method is for.
    """
    parts: Any = getattr(method, "parts", None) or ((name, method),)
    config, trained = text_config(model), window_in(model.config)
    window = window_of_layers(config)
    if not (window and covers_all(config) and all_slide(config) and any(part.changes in ("rope", "attention") for _, part in parts)):
        return
    code = sys.modules[type(text_decoder(model)[1]).__module__]
    if code.__name__.startswith("transformers.models.") and not any(hasattr(code, mask) for mask in MASKS):
        return  # a field that this kind of model does not use
    if tokens is None:
        tokens = method.window(trained) if trained else 0
    if tokens > window:
        raise SealError(
            f"method '{name}' on {type(model).__name__}: texts of up to {tokens} tokens are to be read, and every layer attends to the "
            f"last {window} alone (sliding_window), which cuts the beginning off; set max_length={window}, or a smaller factor or "
            "--length, or choose a model with a longer window in its layers"
        )
