"""Linear layers applied to few rows on a CPU, as in decoding a batch: the weights as the first factor of the product, not as the second.

For a few rows the time of a product is that of reading the weights. With the weights as the first factor MKL reads them once; as the
second, it first copies them into another layout. On two cores with AVX2, eight rows of a 1,536 × 576 layer took 0.55 ms in place of 0.84
(torch 2.13, fp32). Elsewhere it may be otherwise, so the two orders are timed before.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import torch
from torch import nn

from seal_eval.models.timing import chosen, seconds

MOST = 64  # rows: from there on, computing takes longer than reading
ENOUGH = 1.05  # how many times as fast the weights-first order must be to be taken
LARGEST = 2**22  # most weights of the layer that is timed: the largest layer that has no more


@contextmanager
def few_rows(model: nn.Module, rows: int) -> Iterator[None]:
    """Context manager: inside it the linear layers compute 2 to MOST rows in the order that is faster here for `rows` of them.

    Only fp32 layers on the CPU that are of torch's own class, and whose forward pass nobody has replaced; not under autocast, nor where
    gradients are recorded. A model whose layers all have more than LARGEST weights stays as it is.
    """
    layers = [m for m in model.modules() if type(m) is nn.Linear and "forward" not in vars(m)]
    layers = [m for m in layers if m.weight.device.type == "cpu" and m.weight.dtype == torch.float32]
    timed = max((m.weight.shape for m in layers if m.weight.numel() <= LARGEST), key=lambda shape: shape.numel(), default=None)
    if timed is None or not 2 <= rows <= MOST or not chosen("weights first", rows, _faster(rows, *timed, torch.get_num_threads())):
        yield
        return
    try:
        for layer in layers:
            layer.forward = _Weights(layer)  # type: ignore[assignment, method-assign]
        yield
    finally:
        for layer in layers:
            vars(layer).pop("forward", None)


class _Weights:
    """The forward pass of a layer."""

    def __init__(self, layer: nn.Linear) -> None:
        self.layer = layer

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        weight, bias = self.layer.weight, self.layer.bias
        other = x.dtype != torch.float32 or torch.is_grad_enabled() or torch.is_autocast_enabled("cpu")
        if other or not 2 <= x.numel() // x.shape[-1] <= MOST:
            return nn.functional.linear(x, weight, bias)
        return weights_first(x, weight, bias)


def weights_first(x: torch.Tensor, weight: torch.Tensor, bias: Any) -> torch.Tensor:
    """Return x · weightᵀ + bias, [..., n_out], contiguous. x: [..., n_in]. weight: [n_out, n_in]. bias: [n_out], or None."""
    out = torch.mm(weight, x.reshape(-1, x.shape[-1]).t()).t().contiguous().view(*x.shape[:-1], -1)
    return out if bias is None else out + bias


@lru_cache
def _faster(rows: int, n_out: int, n_in: int, _threads: int) -> bool:
    """Whether `weights_first` is at least ENOUGH times as fast as torch's own order, for weights [n_out, n_in].

    Timed on eight such weights in turn, which the processor's cache does not hold together; takes some milliseconds.
    """
    x = torch.ones(rows, n_in)
    weights = torch.ones(8, n_out, n_in)  # zeros would all be one page of memory

    def taken(product: Any) -> float:
        return seconds(lambda: [product(x, weight, None) for weight in weights])

    with torch.no_grad():
        return taken(nn.functional.linear) > ENOUGH * taken(weights_first)
