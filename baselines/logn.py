"""Log-n scaling: Chiang & Cholak 2022, "Overcoming a Theoretical Limitation of Self-Attention"; Su 2021 (kexue.fm 8823)."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from seal_eval.models.attention import attention_function, check_attends_fully, plain_attention, query_positions, slides
from seal_eval.models.rope import check_factor, trained_window


@dataclass(frozen=True)
class Logn:
    """Queries beyond the trained window L are multiplied by log(n) / log(L), n the tokens up to and with the query.

    original: L, 0 for the model's own.
    """

    summary: ClassVar[str] = "attention sharpened with the logarithm of the length"
    citation: ClassVar[str] = "Chiang & Cholak 2022, arXiv 2202.12172"
    changes: ClassVar[str] = "attention"
    shares_prefix: ClassVar[bool] = True

    original: int = 0

    def __post_init__(self) -> None:
        check_factor("logn", 1, self.original)

    @contextmanager
    def apply(self, model: Any) -> Iterator[Any]:
        trained = trained_window(model, self.original)
        check_attends_fully(model)

        def attend(module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **kwargs: Any) -> tuple[Any, None]:
            if slides(module, kwargs):
                return plain_attention(module, query, key, value, attention_mask, **kwargs), None
            n = query_positions(query, key, attention_mask) + 1  # [batch, n_queries]
            by = (n.float().log() / math.log(trained)).clamp(min=1.0)[:, None, :, None]
            return plain_attention(module, (query * by).to(query.dtype), key, value, attention_mask, **kwargs), None

        with attention_function(model, attend):
            yield model
