"""LoRA: low-rank updates of the attention projections, the method that SEAL is compared with.

Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models", arXiv 2106.09685; SEAL's paper takes rank 4 on q, k, v and o.
"""

from dataclasses import dataclass
from typing import ClassVar

from seal_eval.models.lora import TunedLowRank


@dataclass(frozen=True)
class Lora(TunedLowRank):
    """W + (α / r) B A with rank r.

    adapter: folder written by `seal-eval tune --method lora` (r = 4 unless --rank says otherwise), or any LoRA folder of peft.
    """

    title: ClassVar[str] = "LoRA"
    summary: ClassVar[str] = "adds learned low-rank updates to the attention projections"
    citation: ClassVar[str] = "Hu et al. 2021, LoRA (arXiv 2106.09685)"
