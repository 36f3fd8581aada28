"""Log-n scaling: Chiang & Cholak 2022, "Overcoming a Theoretical Limitation of Self-Attention"; Su 2021 (kexue.fm 8823)."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from seal_eval.core.errors import SealError
from seal_eval.core.plugins import Method
from seal_eval.core.settings import Index
from seal_eval.models.query_scale import scaled_queries
from seal_eval.models.rope import trained_window


@dataclass(frozen=True)
class Logn(Method):
    """Queries beyond the trained window L are multiplied by log(n) / log(L), where n is the number of tokens up to and with the query.

    original: L in tokens, 0 for the model's own.
    """

    title: ClassVar[str] = "log-n scaling"
    summary: ClassVar[str] = "scales queries beyond the trained window with the logarithm of their position"
    citation: ClassVar[str] = "Chiang & Cholak 2022, arXiv 2202.12172"
    changes: ClassVar[str] = "attention"
    shares_prefix: ClassVar[bool] = True
    by_training: ClassVar[bool] = True
    neutral: ClassVar[Mapping[str, Any]] = {"original": 1024}
    active: ClassVar[Mapping[str, Any]] = {"original": 4}

    original: Index = 0

    def resolved(self, trained: int) -> dict[str, int]:
        """Return original in tokens, for a model with the window `trained`."""
        return {"original": self.original or trained}

    @contextmanager
    def apply(self, model: Any) -> Iterator[Any]:
        trained = trained_window(model, self.original)
        if trained < 2:
            raise SealError(f"method 'logn': original is {trained}, must be at least 2: log(original) divides")
        with scaled_queries(model, lambda n: (n.log() / math.log(trained)).clamp(min=1.0)):
            yield model
