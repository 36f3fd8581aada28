"""Self-Extend: Jin et al. 2024, "LLM Maybe LongLM: Self-Extend LLM Context Window Without Tuning", ICML 2024."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from seal_eval.attention import Part, attention_in_parts
from seal_eval.errors import SealError, whole_number


@dataclass(frozen=True)
class SelfExtend:
    """Neighbours within `neighbours` tokens are scored at their distance, those beyond at the distance of their groups (section 3.2).

    Far distance: floor(i / G) - floor(j / G) + w - floor(w / G). The paper used G from 2 to 64 and w from 512 to 1,536 on Llama-2,
    with (1/2 to 2/3) L > w + (N - w) / G for a trained window L and texts of N tokens. w must be a multiple of G.
    """

    summary: ClassVar[str] = "exact distances nearby, grouped ones far away; nothing trained"
    citation: ClassVar[str] = "Jin et al. 2024, Self-Extend (ICML 2024), arXiv 2401.01325"
    changes: ClassVar[str] = "attention"

    group: int = 4
    neighbours: int = 1024

    def __post_init__(self) -> None:
        for setting in ("group", "neighbours"):
            whole_number("method 'self_extend'", setting, getattr(self, setting), 1)
        if self.neighbours % self.group:
            raise SealError(f"method 'self_extend': neighbours, {self.neighbours}, is no multiple of group, {self.group}")

    def window(self, trained: int) -> int:
        """Tokens that can be read: (L - w) G + w."""
        return max((trained - self.neighbours) * self.group + self.neighbours, trained)

    @contextmanager
    def apply(self, model: Any) -> Iterator[Any]:
        g, w = self.group, self.neighbours
        near = Part(holds=lambda i, j: i - j < w, keys=lambda first, last: (first - w + 1, last + 1))
        far = Part(
            holds=lambda i, j: i - j >= w, keys=lambda first, last: (0, last - w + 1),
            shift_query=lambda i: i // g + (w - w // g) - i, shift_key=lambda j: j // g - j,
        )  # fmt: skip
        with attention_in_parts(model, (near, far), plain_up_to=w):
            yield model
