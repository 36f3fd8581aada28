"""DoRA: LoRA with the size and the direction of each weight column learned apart.

Liu et al. 2024, "DoRA: Weight-Decomposed Low-Rank Adaptation", arXiv 2402.09353; SEAL's paper takes rank 4 on q, k, v and o.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from seal_eval.tuned import Tuned


@dataclass(frozen=True)
class Dora(Tuned):
    """m · (W + (α / r) B A) / ‖W + (α / r) B A‖ with r = 4.  adapter: folder written by `seal-eval tune --method dora`, or peft's own."""

    summary: ClassVar[str] = "low-rank updates, size and direction apart"
    citation: ClassVar[str] = "Liu et al. 2024, DoRA (arXiv 2402.09353)"
    changes: ClassVar[str] = "weights"

    @contextmanager
    def apply(self, model: Any) -> Iterator[Any]:
        from seal_eval.low_rank import applied

        with applied(model, self.adapter, dora=True):
            yield model
