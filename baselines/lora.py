"""LoRA: low-rank updates of the attention's projections, what SEAL is compared with.

Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models", arXiv 2106.09685; SEAL's paper takes rank 4 on q, k, v and o.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from seal_eval.tuned import Tuned


@dataclass(frozen=True)
class Lora(Tuned):
    """W + (α / r) B A with r = 4.  adapter: folder written by `seal-eval tune --method lora`, or any LoRA folder of peft's."""

    summary: ClassVar[str] = "low-rank updates of the attention's projections"
    citation: ClassVar[str] = "Hu et al. 2021, LoRA (arXiv 2106.09685)"
    changes: ClassVar[str] = "weights"

    @contextmanager
    def apply(self, model: Any) -> Iterator[Any]:
        from seal_eval.low_rank import applied

        with applied(model, self.adapter, dora=False):
            yield model
