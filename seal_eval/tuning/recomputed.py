"""Activations that are recomputed in the backward pass, to tune on long samples with little memory (gradient checkpointing)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from seal_eval.core.errors import SealError


@contextmanager
def activations_recomputed(model: Any) -> Iterator[None]:
    """Context manager: inside it each decoder layer saves only its input and is recomputed in the backward pass (gradient checkpointing).

    transformers recomputes layers in training mode only. They leave it while they compute, so dropout stays off. Raises SealError for a
    model whose layers do not support it.
    """
    from transformers.modeling_layers import GradientCheckpointingLayer

    layers: list[Any] = [m for m in model.modules() if isinstance(m, GradientCheckpointingLayer)]
    if not layers:
        raise SealError(f"{type(model).__name__} cannot recompute activations; pass --no-checkpointing, or shorter samples")
    before = [layer.training for layer in layers]

    def switch(action: str) -> Any:  # older transformers call it gradient checkpointing
        return getattr(model, f"activation_checkpointing_{action}", None) or getattr(model, f"gradient_checkpointing_{action}")

    switch("enable")({"use_reentrant": False})
    switched: list[Any] = [getattr(layer, "_gradient_checkpointing_func", None) for layer in layers]
    for layer, recompute, training in zip(layers, switched, before, strict=True):
        layer.training = True
        layer._gradient_checkpointing_func = _in_mode(layer, training, recompute)
    try:
        yield
    finally:
        for layer, recompute, training in zip(layers, switched, before, strict=True):
            layer.training = training
            layer._gradient_checkpointing_func = recompute
        switch("disable")()


def _in_mode(layer: Any, training: bool, recompute: Callable[..., Any]) -> Callable[..., Any]:
    """Return transformers' function that runs a layer and recomputes it later, with `training` as the layer's mode both times."""

    def run(forward: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        def in_mode(*inner: Any, **more: Any) -> Any:
            before, layer.training = layer.training, training
            try:
                return forward(*inner, **more)
            finally:
                layer.training = before

        return recompute(in_mode, *args, **kwargs)

    return run
