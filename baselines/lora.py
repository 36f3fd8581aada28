"""LoRA: low-rank updates of the attention's projections, what SEAL is compared with.

Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models", arXiv 2106.09685; SEAL's paper takes rank 4 on q, k, v and o.
"""

from dataclasses import dataclass
from typing import ClassVar

from seal_eval.models.lora import TunedLowRank


@dataclass(frozen=True)
class Lora(TunedLowRank):
    """W + (α / r) B A with r = 4.  adapter: folder written by `seal-eval tune --method lora`, or any LoRA folder of peft's."""

    summary: ClassVar[str] = "low-rank updates of the attention's projections"
    citation: ClassVar[str] = "Hu et al. 2021, LoRA (arXiv 2106.09685)"
