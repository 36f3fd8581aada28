"""The model as it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class Plain:
    """Nothing changed: what every other method is compared with."""

    summary: ClassVar[str] = "the unchanged model"
    citation: ClassVar[str] = ""
    shares_prefix: ClassVar[bool] = True

    @contextmanager
    def apply(self, model: Any) -> Iterator[Any]:
        yield model
