"""The unchanged model."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from seal_eval.core.plugins import Method


@dataclass(frozen=True)
class Plain(Method):
    """Changes nothing: the baseline that every other method is compared with."""

    summary: ClassVar[str] = "the unchanged model"
    citation: ClassVar[str] = ""
    shares_prefix: ClassVar[bool] = True
    neutral: ClassVar[Mapping[str, Any]] = {}

    @contextmanager
    def apply(self, model: Any) -> Iterator[Any]:
        yield model
