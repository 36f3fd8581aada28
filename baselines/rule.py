"""Rule-based head scaling: the trial that SEAL starts from.

Lee et al. 2025, SEAL, section 3: heads whose removal hurts times 1.1, heads whose removal helps times 0.9.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from seal_eval.core.errors import SealError, whole_number
from seal_eval.core.files import MAP, read_json


@dataclass(frozen=True)
class Rule:
    """heads: folder written by `seal-eval heads`; top: so many of the most helpful and of the most hurtful heads (0: all)."""

    summary: ClassVar[str] = "helping heads times 1.1, hurting heads times 0.9"
    citation: ClassVar[str] = "Lee et al. 2025, SEAL (ACL 2025), section 3"
    changes: ClassVar[str] = "scales"
    shares_prefix: ClassVar[bool] = True

    heads: str
    up: float = 1.1
    down: float = 0.9
    top: int = 0

    def __post_init__(self) -> None:
        for setting in ("up", "down"):
            value = getattr(self, setting)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
                raise SealError(f"method 'rule': {setting} is {value!r}, must be a number of at least 0")
        whole_number("method 'rule'", "top", self.top, 0)

    @contextmanager
    def apply(self, model: Any) -> Iterator[Any]:
        import torch

        from seal_eval.core.files import reading
        from seal_eval.models.adapters import scaled
        from seal_eval.models.modules import head_projections, in_features, n_heads

        found = read_map(self.heads)
        with reading(Path(self.heads) / MAP):
            effect = torch.tensor(found.get("pruned") or found["gradient"])  # [n_layers, n_heads], positive: the head helps
        projections, heads = head_projections(model), n_heads(model)
        if effect.shape != (len(projections), heads):
            raise SealError(
                f"map {self.heads} is for another model: {tuple(effect.shape)} heads, the model has {(len(projections), heads)}"
            )
        order = effect.flatten().argsort()
        n = self.top or effect.numel()
        scale = torch.ones(effect.numel())
        scale[[i for i in order[-n:].tolist() if effect.flatten()[i] > 0]] = self.up
        scale[[i for i in order[:n].tolist() if effect.flatten()[i] < 0]] = self.down
        rows = scale.reshape(effect.shape)
        with scaled(
            model, {name: row.repeat_interleave(in_features(m) // heads) for (name, m), row in zip(projections, rows, strict=True)}
        ):
            yield model


def read_map(folder: str) -> dict[str, Any]:
    """heads.json of a folder that `seal-eval heads` wrote."""
    file = Path(folder) / MAP
    if not file.is_file():
        raise SealError(f"{folder} has no {MAP}; write one with seal-eval heads --out {folder}")
    found = read_json(file)
    if not isinstance(found, dict) or not isinstance(found.get("gradient"), list):
        raise SealError(f"{file}: no 'gradient' in it; is it a map of heads?")
    return found
