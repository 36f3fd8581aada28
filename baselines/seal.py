"""SEAL: learned scales on the outputs of the attention heads.

Lee, Seok, Jin, Cho, Park, "SEAL: Scaling to Emphasize Attention for Long-Context Retrieval", ACL 2025, arXiv 2501.15225.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from seal_eval.models.adapters import Tuned


@dataclass(frozen=True)
class Seal(Tuned):
    """Multiply each channel of the head outputs by a learned scale just before the output projection (section 4).

    adapter: folder written by `seal-eval tune` (a PEFT IA3 adapter). Per-head scales are stored repeated over head_dim.
    """

    title: ClassVar[str] = "SEAL"
    summary: ClassVar[str] = "multiplies attention head outputs by learned scales"
    citation: ClassVar[str] = "Lee et al. 2025, SEAL (ACL 2025)"
    changes: ClassVar[str] = "scales"

    @contextmanager
    def apply(self, model: Any) -> Iterator[Any]:
        from seal_eval.models.adapters import load_scales, scaled

        scales = load_scales(self.adapter, model)
        self.check_base(model)
        with scaled(model, scales):
            yield model
