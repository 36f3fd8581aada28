"""DoRA: LoRA that learns the magnitude and the direction of each weight vector separately.

Liu et al. 2024, "DoRA: Weight-Decomposed Low-Rank Adaptation", arXiv 2402.09353; SEAL's paper takes rank 4 on q, k, v and o.
"""

from dataclasses import dataclass
from typing import ClassVar

from seal_eval.models.lora import TunedLowRank


@dataclass(frozen=True)
class Dora(TunedLowRank):
    """m · (W + (α / r) B A) / ‖W + (α / r) B A‖ with magnitudes m and rank r.

    adapter: folder written by `seal-eval tune --method dora` (r = 4 unless --rank says otherwise), or any DoRA folder of peft.
    """

    title: ClassVar[str] = "DoRA"
    summary: ClassVar[str] = "LoRA that learns magnitude and direction separately"
    citation: ClassVar[str] = "Liu et al. 2024, DoRA (arXiv 2402.09353)"
    dora: ClassVar[bool] = True
