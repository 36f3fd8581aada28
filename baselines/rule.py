"""Rule-based head scaling: the first experiment of the SEAL paper, before scales are learned.

Lee et al. 2025, SEAL, section 3: heads whose removal hurts retrieval are multiplied by 1.1, heads whose removal helps it by 0.9.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from seal_eval.core.errors import SealError
from seal_eval.core.files import MAP, read_object
from seal_eval.core.plugins import Method
from seal_eval.core.settings import Index, NonNegative


@dataclass(frozen=True)
class Rule(Method):
    """The outputs of heads that help are multiplied by `up`, those of heads that hurt by `down`.

    heads: folder written by `seal-eval heads`; the exact effects in it count, or the predicted ones if it has no exact ones. top: scale
    only the `top` most helpful and the `top` most harmful heads; 0 for all.
    """

    summary: ClassVar[str] = "scales helpful heads up and harmful heads down"
    citation: ClassVar[str] = "Lee et al. 2025, SEAL (ACL 2025), section 3"
    changes: ClassVar[str] = "scales"
    shares_prefix: ClassVar[bool] = True

    heads: str
    up: NonNegative = 1.1
    down: NonNegative = 0.9
    top: Index = 0

    @contextmanager
    def apply(self, model: Any) -> Iterator[Any]:
        import torch

        from seal_eval.core.files import reading
        from seal_eval.models.adapters import scaled
        from seal_eval.models.modules import head_projections, in_features, n_heads

        head_map = read_map(self.heads)
        with reading(Path(self.heads) / MAP):
            effect = torch.tensor(head_map.get("pruned") or head_map["gradient"])  # [n_layers, n_heads], positive: the head helps
        projections, heads = head_projections(model), n_heads(model)
        if effect.shape != (len(projections), heads):
            raise SealError(
                f"map {self.heads} is for another model: it has {tuple(effect.shape)} layers and heads,"
                f" the model {(len(projections), heads)}"
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
    """Return what heads.json holds, in a folder that `seal-eval heads` wrote. Raises SealError when it is missing or damaged."""
    file = Path(folder) / MAP
    if not file.is_file():
        raise SealError(f"{folder} has no {MAP}; write one with seal-eval heads --out {folder}")
    head_map = read_object(file)
    if not isinstance(head_map.get("gradient"), list):
        raise SealError(f"{file}: no 'gradient' in it; is it a map of heads?")
    return head_map
