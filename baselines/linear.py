"""Position interpolation: Chen, Wong, Chen, Tian 2023, "Extending Context Window of Large Language Models via Positional Interpolation"."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from seal_eval.models.rope import check_factor, rotary_replaced


@dataclass(frozen=True)
class Linear:
    """Position m becomes m / factor (equation 4). The paper fine-tunes afterwards; here nothing is trained."""

    summary: ClassVar[str] = "position interpolation: positions divided by a factor"
    citation: ClassVar[str] = "Chen et al. 2023, Position Interpolation, arXiv 2306.15595"
    changes: ClassVar[str] = "rope"
    shares_prefix: ClassVar[bool] = True

    factor: float = 2.0

    def __post_init__(self) -> None:
        check_factor("linear", self.factor, 0)

    def window(self, trained: int) -> int:
        """Tokens that can be read."""
        return int(trained * self.factor)

    @contextmanager
    def apply(self, model: Any) -> Iterator[Any]:
        with rotary_replaced(model, lambda old: {**old, "rope_type": "linear", "factor": float(self.factor)}):
            yield model
