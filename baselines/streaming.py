"""StreamingLLM: Xiao et al. 2024, "Efficient Streaming Language Models with Attention Sinks", ICLR 2024."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from seal_eval.core.errors import SealError
from seal_eval.core.plugins import Method
from seal_eval.core.settings import Index
from seal_eval.models.attention import Region, attention_by_region
from seal_eval.models.rope import window_at_hand


@dataclass(frozen=True)
class Streaming(Method):
    """Each token attends to the first `sinks` and the last `recent` tokens, at their positions in a cache of those alone (section 3.2).

    Tokens in between are not seen: the method keeps a model fluent at any length, but cannot retrieve from them. The paper uses 4 sinks.
    Texts of any length can be read: set max_length.

    recent: in tokens, 0 for a quarter of the window minus the sinks (the paper's 4 + 1,020 for 4,096).
    """

    title: ClassVar[str] = "StreamingLLM"
    summary: ClassVar[str] = "attends only to the first few and the most recent tokens"
    citation: ClassVar[str] = "Xiao et al. 2024, StreamingLLM (ICLR 2024), arXiv 2309.17453"
    changes: ClassVar[str] = "attention"
    shares_prefix: ClassVar[bool] = True
    neutral: ClassVar[Mapping[str, Any]] = {"sinks": 4, "recent": 46}
    active: ClassVar[Mapping[str, Any]] = {"sinks": 4, "recent": 16}

    sinks: Index = 4
    recent: Index = 0

    def resolved(self, trained: int) -> dict[str, int]:
        """Return recent in tokens, for a model with the window `trained`."""
        return {"recent": self.recent or trained // 4 - self.sinks}

    @contextmanager
    def apply(self, model: Any) -> Iterator[Any]:
        trained = window_at_hand(model)
        s, w = self.sinks, self.resolved(trained)["recent"]
        if not 0 < w <= trained:
            raise SealError(f"method 'streaming': recent, {w}, must lie between 1 and the window, {trained}; sinks are {s}")
        recent = Region(holds=lambda i, j: i - j < w, keys=lambda first, last: (first - w + 1, last + 1))
        sinks = Region(
            holds=lambda i, j: (j < s) & (i - j >= w), keys=lambda first, last: (0, s),
            shift_query=lambda i: i.clamp(max=s + w - 1) - i,
        )  # fmt: skip
        with attention_by_region(model, (recent, sinks) if s else (recent,), plain_up_to=w):
            yield model
