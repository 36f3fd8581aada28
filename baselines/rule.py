"""Rule-based head scaling: the first experiment of the SEAL paper, before scales are learned.

Lee et al. 2025, SEAL, section 3: heads whose removal hurts retrieval are multiplied by 1.1, heads whose removal helps it by 0.9.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

from seal_eval.core.errors import SealError
from seal_eval.core.files import MAP, read_object, sha256
from seal_eval.core.plugins import Method
from seal_eval.core.settings import Index, NonNegative

By = Literal["", "pruned", "gradient", "copy"]  # scores of a map: exact and predicted rise of the loss, share of tokens copied
KINDS = get_args(By)[1:]
WRITTEN_BY = {"pruned": "effect", "gradient": "effect", "copy": "copy"}


class FromMap(Method):
    """Base class of methods that choose heads by a map; their setting `heads` is its folder, `by` the scores that count."""

    def scores(self, model: Any) -> Any:
        """`head_scores` of the map. When it was measured on other weights than the model's, stderr and then `about` say so."""
        from seal_eval.models.base_weights import base_difference

        heads, by = vars(self)["heads"], vars(self)["by"]
        found = head_scores(heads, by, model)
        # not a setting, so no field
        vars(self)["_about"] = base_difference(heads, model, MAP) | {"heads_sha256": sha256(Path(heads) / MAP)}
        return found

    def about(self) -> dict[str, Any]:
        """After `scores`: the map's SHA-256, and `base_weights_differ` and `base_weights` when the map is of other weights."""
        return dict(vars(self).get("_about", {}))


@dataclass(frozen=True)
class Rule(FromMap):
    """The outputs of heads that help are multiplied by `up`, those of heads that hurt by `down`.

    heads: folder written by `seal-eval heads`. by: the scores in it that count; '' for the exact effects, else the predicted ones, else the
    copy scores, which are never negative. top: scale only the `top` most helpful and the `top` most harmful heads; 0 for all.
    """

    title: ClassVar[str] = "head rule"
    summary: ClassVar[str] = "scales helpful heads up and harmful heads down"
    citation: ClassVar[str] = "Lee et al. 2025, SEAL (ACL 2025), section 3"
    changes: ClassVar[str] = "scales"
    shares_prefix: ClassVar[bool] = True

    heads: str
    up: NonNegative = 1.1
    down: NonNegative = 0.9
    top: Index = 0
    by: By = ""

    @contextmanager
    def apply(self, model: Any) -> Iterator[Any]:
        import torch

        from seal_eval.models.adapters import scaled
        from seal_eval.models.modules import head_projections, in_features, n_heads

        effect = self.scores(model)  # positive: the head helps
        projections, heads = head_projections(model), n_heads(model)
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


def head_scores(folder: str, by: str, model: Any) -> Any:
    """Return the scores [n_layers, n_heads] of a map of heads, the kind `by`, or the first of KINDS that it has if `by` is ''.

    Raises SealError for a map without these scores, a damaged one, one of a model with other layers or heads, and one in which all
    heads are equal.
    """
    import torch

    from seal_eval.core.files import reading
    from seal_eval.models.modules import head_projections, n_heads

    head_map = read_map(folder)
    kinds = [kind for kind in KINDS if head_map.get(kind)]
    if by and by not in kinds:
        raise SealError(f"map {folder} has no scores '{by}', only {', '.join(kinds)}; write one with seal-eval heads --by {WRITTEN_BY[by]}")
    with reading(Path(folder) / MAP):
        scores = torch.tensor(head_map[by or kinds[0]])
    needed = (len(head_projections(model)), n_heads(model))
    if scores.shape != needed:
        raise SealError(f"map {folder} is for another model: it has {tuple(scores.shape)} layers and heads, the model {needed}")
    if scores.min() == scores.max():
        raise SealError(f"map {folder}: all heads have the same score '{by or kinds[0]}', so none can be chosen; use other scores")
    return scores


def read_map(folder: str) -> dict[str, Any]:
    """Return what heads.json holds, in a folder that `seal-eval heads` wrote. Raises SealError when it is missing or damaged."""
    file = Path(folder) / MAP
    if not file.is_file():
        raise SealError(f"{folder} has no {MAP}; write one with seal-eval heads --out {folder}")
    head_map = read_object(file)
    if not any(isinstance(head_map.get(kind), list) and head_map[kind] for kind in KINDS):
        raise SealError(f"{file}: no 'pruned', 'gradient' or 'copy' scores in it; is it a map of heads?")
    return head_map
