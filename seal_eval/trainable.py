"""What can be trained on a frozen model: SEAL's scales, and the low-rank adapters they are compared with."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from seal_eval.adapters import Scales, save_adapter, scaled
from seal_eval.seams import head_projections, in_features, n_heads, weight
from seal_eval.tunespec import TuneSpec

State = dict[str, torch.Tensor]


class Trainable(Protocol):
    """fp32 parameters beside a frozen model. They act inside `on` alone; elsewhere the model is plain."""

    def parameters(self) -> list[nn.Parameter]: ...

    def on(self) -> contextlib.AbstractContextManager[Any]:
        """Inside the block the model runs with the parameters, differentiably: one backward pass a block, within it."""
        ...

    def state(self) -> State:
        """A copy of the parameters, on the CPU."""
        ...

    def load(self, state: State) -> None:
        """Set the parameters."""
        ...

    def shrink(self) -> torch.Tensor:
        """Mean squared distance of the scales from 1; 0 for adapters."""
        ...

    def save(self, folder: Path, card: dict[str, Any]) -> dict[str, Any]:
        """Write a PEFT adapter and its card into an existing folder. Returns the card as written."""
        ...


@contextlib.contextmanager
def trainable(model: Any, spec: TuneSpec) -> Iterator[Trainable]:
    """The frozen model with what `spec` trains beside it; afterwards the model is as before."""
    with frozen(model):
        if spec.method == "seal":
            yield Gains(model, spec.granularity == "head")
        else:
            from seal_eval.low_rank import low_rank

            with low_rank(model, spec.method, spec.rank, spec.seed) as adapter:
                yield adapter


@contextlib.contextmanager
def frozen(model: Any) -> Iterator[None]:
    """Inside the block no weight of the model asks for a gradient."""
    before = {name: p.requires_grad for name, p in model.named_parameters()}
    model.requires_grad_(False)
    try:
        yield
    finally:
        for name, p in model.named_parameters():
            p.requires_grad_(before[name])


class Gains:
    """SEAL's scales, learned as δ with s = 1 + δ: [n_heads] or [n_heads * head_dim] per layer."""

    def __init__(self, model: Any, per_head: bool) -> None:
        self.model = model
        self.projections = head_projections(model)
        heads = n_heads(model)
        self.repeats = [in_features(m) // heads if per_head else 1 for _, m in self.projections]
        self.delta = [
            nn.Parameter(torch.zeros(in_features(m) // r, device=weight(m).device))
            for (_, m), r in zip(self.projections, self.repeats, strict=True)
        ]

    def parameters(self) -> list[nn.Parameter]:
        return self.delta

    def on(self) -> contextlib.AbstractContextManager[Any]:
        return scaled(self.model, self._live())

    def state(self) -> State:
        return {name: delta.detach().cpu().clone() for (name, _), delta in zip(self.projections, self.delta, strict=True)}

    @torch.no_grad()
    def load(self, state: State) -> None:
        for (name, _), delta in zip(self.projections, self.delta, strict=True):
            delta.copy_(state[name])

    def shrink(self) -> torch.Tensor:
        return torch.cat([d.square() for d in self.delta]).mean()

    def scales(self) -> Scales:
        """The scales as they are now, by projection's name."""
        return {name: scale.detach().clone() for name, scale in self._live().items()}

    def save(self, folder: Path, card: dict[str, Any]) -> dict[str, Any]:
        scales = self.scales()
        values = torch.cat(list(scales.values()))
        heads = [[round(float(h.mean()), 4) for h in scale.reshape(n_heads(self.model), -1)] for scale in scales.values()]
        card = card | {"scale_min": values.min().item(), "scale_max": values.max().item(), "mean_scales": heads}  # [n_layers][n_heads]
        save_adapter(self.model, scales, folder, card)
        return card

    def _live(self) -> Scales:
        parts = zip(self.projections, self.delta, self.repeats, strict=True)
        return {name: (1 + delta).repeat_interleave(repeat) for (name, _), delta, repeat in parts}
