"""Keys and queries turned to other positions than they were rotated by."""

from typing import Any

import torch

from seal_eval.models.rope import frequency_names, rotary_modules


def rotate(x: torch.Tensor, by: torch.Tensor, frequencies: torch.Tensor) -> torch.Tensor:
    """Rotate the first rotary_dim channels of x [..., n, head_dim] by `by` [n] positions more; computed in fp32."""
    angle = by.float()[:, None] * frequencies  # [n, rotary_dim / 2]
    cos, sin = angle.cos().repeat(1, 2), angle.sin().repeat(1, 2)
    d = cos.shape[-1]
    rotated = x[..., :d].float()
    half = torch.cat((-rotated[..., d // 2 :], rotated[..., : d // 2]), -1)
    return torch.cat(((rotated * cos + half * sin).to(x.dtype), x[..., d:]), -1)


class Frequencies:
    """The rotary frequencies of a model's full layers, as they are when asked for: another method may exchange them meanwhile."""

    def __init__(self, model: Any) -> None:
        (self._parent, self._name, _), *_ = rotary_modules(model)

    def __call__(self) -> torch.Tensor:
        """[rotary_dim / 2], radians per position"""
        module: Any = getattr(self._parent, self._name)
        found: torch.Tensor = getattr(module, frequency_names(module)[0])
        return found.float()
