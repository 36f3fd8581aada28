"""DoRA: LoRA with the size and the direction of each weight column learned apart.

Liu et al. 2024, "DoRA: Weight-Decomposed Low-Rank Adaptation", arXiv 2402.09353; SEAL's paper takes rank 4 on q, k, v and o.
"""

from dataclasses import dataclass
from typing import ClassVar

from seal_eval.models.lora import TunedLowRank


@dataclass(frozen=True)
class Dora(TunedLowRank):
    """m · (W + (α / r) B A) / ‖W + (α / r) B A‖ with r = 4.  adapter: folder written by `seal-eval tune --method dora`, or peft's own."""

    summary: ClassVar[str] = "low-rank updates, size and direction apart"
    citation: ClassVar[str] = "Liu et al. 2024, DoRA (arXiv 2402.09353)"
    dora: ClassVar[bool] = True
