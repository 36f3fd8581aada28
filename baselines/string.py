"""STRING: An et al. 2024, "Why Does the Effective Context Length of LLMs Fall Short?", ICLR 2025."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from seal_eval.core.errors import SealError
from seal_eval.core.plugins import Method
from seal_eval.core.settings import Index
from seal_eval.models.attention import Region, attention_by_region
from seal_eval.models.rope import window_at_hand

LOCAL = 128  # tokens; the authors' default


@dataclass(frozen=True)
class String(Method):
    """Tokens less than S apart are scored at their own distance i - j, others at i - j - S + W (section 4).

    Long distances, which are rare in training, are replaced by shorter ones. Within the trained window nothing else changes. Texts of at
    most S tokens are read without a change. The authors' code also multiplies queries and keys by 0.1 ln(2) + 1, and scores distance S both
    ways; this method does neither.

    shift: S in tokens; 0 for a third of the window (the authors' choice). local: W in tokens, at most S; 0 for 128 tokens, or a
    quarter of S if that is less.
    """

    title: ClassVar[str] = "STRING"
    summary: ClassVar[str] = "shifts long distances down to ones that are frequent in training"
    citation: ClassVar[str] = "An et al. 2024, STRING (ICLR 2025), arXiv 2410.18745"
    changes: ClassVar[str] = "attention"
    shares_prefix: ClassVar[bool] = True
    neutral: ClassVar[Mapping[str, Any]] = {"shift": 16, "local": 16}
    active: ClassVar[Mapping[str, Any]] = {"shift": 16, "local": 4}

    shift: Index = 0
    local: Index = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.shift and self.local > self.shift:
            raise SealError(f"method 'string': local, {self.local}, must not exceed shift, {self.shift}")

    def resolved(self, trained: int) -> dict[str, int]:
        """Return shift and local in tokens, for a model with the window `trained`."""
        shift = self.shift or trained // 3
        return {"shift": shift, "local": self.local or min(LOCAL, shift // 4)}

    @contextmanager
    def apply(self, model: Any) -> Iterator[Any]:
        trained = window_at_hand(model)
        resolved = self.resolved(trained)
        s, w = resolved["shift"], resolved["local"]
        if not 0 < s < trained:
            raise SealError(f"method 'string': shift, {s}, must lie between 1 and the window, {trained}; it would change nothing")
        if w > s:
            raise SealError(f"method 'string': local, {w}, must not exceed shift, {s} (a third of the window)")
        near = Region(holds=lambda i, j: i - j < s, keys=lambda first, last: (first - s + 1, last + 1))
        far = Region(
            holds=lambda i, j: i - j >= s, keys=lambda first, last: (0, last - s + 1),
            shift_query=lambda i: i.new_full(i.shape, w - s),
        )  # fmt: skip
        with attention_by_region(model, (near, far), plain_up_to=s):
            yield model
