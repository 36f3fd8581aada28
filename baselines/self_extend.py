"""Self-Extend: Jin et al. 2024, "LLM Maybe LongLM: Self-Extend LLM Context Window Without Tuning", ICML 2024."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from seal_eval.core.errors import SealError
from seal_eval.core.plugins import Method
from seal_eval.core.settings import Count, Index
from seal_eval.models.attention import Region, attention_by_region
from seal_eval.models.rope import window_at_hand


@dataclass(frozen=True)
class SelfExtend(Method):
    """Tokens less than `neighbours` apart are scored at their own distance, others at the distance of their groups (section 3.2).

    Group distance: floor(i / G) - floor(j / G) + w - floor(w / G), with G = group and w = neighbours. The paper used G from 2 to 64 and w
    from 512 to 1,536 on Llama-2, with (1/2 to 2/3) L > w + (N - w) / G for a trained window L and texts of N tokens. Texts of at most w
    tokens are read without a change.

    group: G. neighbours: w in tokens, a multiple of G; 0 for a quarter of the window (the middle of the paper's range).
    """

    title: ClassVar[str] = "Self-Extend"
    summary: ClassVar[str] = "keeps short distances exact and groups long ones, without training"
    citation: ClassVar[str] = "Jin et al. 2024, Self-Extend (ICML 2024), arXiv 2401.01325"
    changes: ClassVar[str] = "attention"
    shares_prefix: ClassVar[bool] = True
    neutral: ClassVar[Mapping[str, Any]] = {"group": 1, "neighbours": 16}
    active: ClassVar[Mapping[str, Any]] = {"group": 4, "neighbours": 16}

    group: Count = 4
    neighbours: Index = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.neighbours % self.group:
            raise SealError(f"method 'self_extend': neighbours, {self.neighbours}, is no multiple of group, {self.group}")

    def resolved(self, trained: int) -> dict[str, int]:
        """Return neighbours in tokens, for a model with the window `trained`."""
        return {"neighbours": self.neighbours or trained // 4 // self.group * self.group}

    def window(self, trained: int) -> int:
        """Return the window in tokens with this method, (L - w) G + w, for a model with the window L = `trained`."""
        w = self._neighbours(trained)
        return (trained - w) * self.group + w

    @contextmanager
    def apply(self, model: Any) -> Iterator[Any]:
        g, w = self.group, self._neighbours(window_at_hand(model))
        near = Region(holds=lambda i, j: i - j < w, keys=lambda first, last: (first - w + 1, last + 1))
        far = Region(
            holds=lambda i, j: i - j >= w, keys=lambda first, last: (0, last - w + 1),
            shift_query=lambda i: i // g + (w - w // g) - i, shift_key=lambda j: j // g - j,
        )  # fmt: skip
        with attention_by_region(model, (near, far), plain_up_to=w):
            yield model

    def _neighbours(self, trained: int) -> int:
        """Return w in tokens. Raises SealError unless it lies between 0 and the window `trained`."""
        w = self.resolved(trained)["neighbours"]
        if not 0 < w < trained:
            raise SealError(f"method 'self_extend': neighbours, {w}, must lie between 0 and the window, {trained}; group is {self.group}")
        return w
