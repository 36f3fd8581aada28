"""StreamingLLM: Xiao et al. 2024, "Efficient Streaming Language Models with Attention Sinks", ICLR 2024."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from seal_eval.attention import Part, attention_in_parts
from seal_eval.errors import whole_number


@dataclass(frozen=True)
class Streaming:
    """Each token attends to the first `sinks` tokens and to the last `recent`, at their places in such a cache (section 3.2).

    What lies between is not seen: the method keeps a model fluent without end, it does not retrieve. The paper uses 4 sinks. Any length
    can be read: pass max_length.
    """

    summary: ClassVar[str] = "attention sinks and a window of recent tokens"
    citation: ClassVar[str] = "Xiao et al. 2024, StreamingLLM (ICLR 2024), arXiv 2309.17453"
    changes: ClassVar[str] = "attention"

    sinks: int = 4
    recent: int = 1020

    def __post_init__(self) -> None:
        for setting, least in (("sinks", 0), ("recent", 1)):
            whole_number("method 'streaming'", setting, getattr(self, setting), least)

    @contextmanager
    def apply(self, model: Any) -> Iterator[Any]:
        s, w = self.sinks, self.recent
        recent = Part(holds=lambda i, j: i - j < w, keys=lambda first, last: (first - w + 1, last + 1))
        sinks = Part(
            holds=lambda i, j: (j < s) & (i - j >= w), keys=lambda first, last: (0, s),
            shift_query=lambda i: i.clamp(max=s + w - 1) - i,
        )  # fmt: skip
        with attention_in_parts(model, (recent, sinks) if s else (recent,), plain_up_to=w):
            yield model
