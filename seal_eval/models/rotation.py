"""Rotate keys and queries further, to other positions than those they were computed at."""

from typing import Any

import torch

from seal_eval.models.rope import frequency_names, rotary_modules


def rotate(x: torch.Tensor, by: torch.Tensor, frequencies: torch.Tensor) -> torch.Tensor:
    """Return x [..., n, head_dim] with its first rotary_dim channels rotated by `by` more positions; computed in fp32.

    by: [n] (or [1]), positions; or [batch, n_heads, n], where each head of x is rotated by its own. frequencies: [rotary_dim / 2],
    radians per position. Channels are paired in halves, as in Llama.
    """
    angle = by.float()[..., None] * frequencies  # [..., n, rotary_dim / 2]
    cos, sin, half = angle.cos(), angle.sin(), angle.shape[-1]
    first, second = x[..., :half].float(), x[..., half : 2 * half].float()
    rotated = (first * cos - second * sin, second * cos + first * sin)
    return torch.cat((*(part.to(x.dtype) for part in rotated), x[..., 2 * half :]), -1)


class Frequencies:
    """The current rotary frequencies of a model's layers with full attention.

    They are read at every call, because another method may replace or change the rotary embedding in between. Raises SealError for a
    model without one.
    """

    def __init__(self, model: Any) -> None:
        (self._parent, self._name, _), *_ = rotary_modules(model)

    def __call__(self) -> torch.Tensor:
        """Return the frequencies [rotary_dim / 2], fp32, in radians per position; [0] where only layers with a sliding window rotate."""
        module: Any = getattr(self._parent, self._name)
        names = frequency_names(module)
        return getattr(module, names[0]).float() if names else torch.empty(0)
