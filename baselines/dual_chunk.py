"""Dual chunk attention: An et al. 2024, "Training-Free Long-Context Scaling of Large Language Models", ICML 2024."""

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
class DualChunk(Method):
    """The text is cut into chunks of s = C - local tokens; keys are at position j mod s.

    A query is at i mod s for keys of its own chunk, at min(i mod s + s, C) for the chunk before, and at C for earlier ones (section 3 and
    the authors' code; the paper writes C - 1 for the last). Distances never exceed C, so texts of any length can be read: set max_length.

    chunk: C in tokens; 0 for three quarters of the window. local: in tokens; 0 for an eighth of the window (the authors'
    choice for Llama-2), or a sixth of `chunk` when that is set.
    """

    title: ClassVar[str] = "DualChunk"
    summary: ClassVar[str] = "dual chunk attention: counts positions within chunks, so that distances stay bounded"
    citation: ClassVar[str] = "An et al. 2024, Dual Chunk Attention (ICML 2024), arXiv 2402.17463"
    changes: ClassVar[str] = "attention"
    shares_prefix: ClassVar[bool] = True
    neutral: ClassVar[Mapping[str, Any]] = {"chunk": 600, "local": 100}
    active: ClassVar[Mapping[str, Any]] = {"chunk": 18, "local": 6}

    chunk: Index = 0
    local: Index = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.chunk and self.local >= self.chunk:
            raise SealError(f"method 'dual_chunk': local, {self.local}, must be below chunk, {self.chunk}")

    def resolved(self, trained: int) -> dict[str, int]:
        """Return chunk and local in tokens, for a model with the window `trained`."""
        chunk = self.chunk or trained * 3 // 4
        return {"chunk": chunk, "local": self.local or (chunk // 6 if self.chunk else trained // 8)}

    @contextmanager
    def apply(self, model: Any) -> Iterator[Any]:
        resolved = self.resolved(window_at_hand(model))
        c = resolved["chunk"]
        s = c - resolved["local"]
        if s < 1:
            raise SealError(f"method 'dual_chunk': local, {self.local}, must be below chunk, {c} (three quarters of the window)")

        def at_key(j: Any) -> Any:
            return j % s - j

        regions = (
            Region(lambda i, j: i // s == j // s, lambda first, last: (first // s * s, last + 1), lambda i: i % s - i, at_key),
            Region(
                lambda i, j: i // s - 1 == j // s, lambda first, last: ((first // s - 1) * s, last // s * s),
                lambda i: (i % s + s).clamp(max=c) - i, at_key,
            ),
            Region(lambda i, j: i // s - 1 > j // s, lambda first, last: (0, (last // s - 1) * s), lambda i: c - i, at_key),
        )  # fmt: skip
        with attention_by_region(model, regions, plain_up_to=s):
            yield model
