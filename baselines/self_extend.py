"""Self-Extend: Jin et al. 2024, "LLM Maybe LongLM: Self-Extend LLM Context Window Without Tuning", ICML 2024."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from seal_eval.core.errors import SealError, whole_number
from seal_eval.models.attention import Region, attention_by_region
from seal_eval.models.rope import trained_window


@dataclass(frozen=True)
class SelfExtend:
    """Neighbours within `neighbours` tokens are scored at their distance, those beyond at the distance of their groups (section 3.2).

    Far distance: floor(i / G) - floor(j / G) + w - floor(w / G). The paper used G from 2 to 64 and w from 512 to 1,536 on Llama-2,
    with (1/2 to 2/3) L > w + (N - w) / G for a trained window L and texts of N tokens. w must be a multiple of G; texts of at most w
    tokens are read as ever.

    neighbours: w, 0 for a quarter of the trained window (the middle of the paper's range).
    """

    summary: ClassVar[str] = "exact distances nearby, grouped ones far away; nothing trained"
    citation: ClassVar[str] = "Jin et al. 2024, Self-Extend (ICML 2024), arXiv 2401.01325"
    changes: ClassVar[str] = "attention"
    shares_prefix: ClassVar[bool] = True

    group: int = 4
    neighbours: int = 0

    def __post_init__(self) -> None:
        for setting, least in (("group", 1), ("neighbours", 0)):
            whole_number("method 'self_extend'", setting, getattr(self, setting), least)
        if self.neighbours % self.group:
            raise SealError(f"method 'self_extend': neighbours, {self.neighbours}, is no multiple of group, {self.group}")

    def window(self, trained: int) -> int:
        """Tokens that can be read: (L - w) G + w."""
        w = self._neighbours(trained)
        return (trained - w) * self.group + w

    @contextmanager
    def apply(self, model: Any) -> Iterator[Any]:
        g, w = self.group, self._neighbours(trained_window(model, 0))
        near = Region(holds=lambda i, j: i - j < w, keys=lambda first, last: (first - w + 1, last + 1))
        far = Region(
            holds=lambda i, j: i - j >= w, keys=lambda first, last: (0, last - w + 1),
            shift_query=lambda i: i // g + (w - w // g) - i, shift_key=lambda j: j // g - j,
        )  # fmt: skip
        with attention_by_region(model, (near, far), plain_up_to=w):
            yield model

    def _neighbours(self, trained: int) -> int:
        w = self.neighbours or trained // 4 // self.group * self.group
        if not 0 < w < trained:
            raise SealError(
                f"method 'self_extend': neighbours, {w}, must lie between 0 and the trained window, {trained}; group is {self.group}"
            )
        return w
