"""Position interpolation: Chen, Wong, Chen, Tian 2023, "Extending Context Window of Large Language Models via Positional Interpolation"."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from seal_eval.core.plugins import Method
from seal_eval.core.settings import Factor
from seal_eval.models.rope import rotary_replaced


@dataclass(frozen=True)
class Linear(Method):
    """Position m becomes m / factor (equation 4). The paper fine-tunes the model afterwards; here nothing is trained."""

    title: ClassVar[str] = "linear interpolation"
    summary: ClassVar[str] = "position interpolation: divides every position by a factor"
    citation: ClassVar[str] = "Chen et al. 2023, Position Interpolation, arXiv 2306.15595"
    changes: ClassVar[str] = "rope"
    shares_prefix: ClassVar[bool] = True
    neutral: ClassVar[Mapping[str, Any]] = {"factor": 1.0}
    active: ClassVar[Mapping[str, Any]] = {"factor": 4.0}

    factor: Factor = 2.0

    def window(self, trained: int) -> int:
        """Return the window in tokens with this method, for a model with the window `trained`."""
        return int(trained * self.factor)

    @contextmanager
    def apply(self, model: Any) -> Iterator[Any]:
        with rotary_replaced(model, lambda old: {**old, "rope_type": "linear", "factor": float(self.factor)}):
            yield model
