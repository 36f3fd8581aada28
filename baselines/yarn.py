"""YaRN: Peng, Quesnelle, Fan, Shippole 2023, "YaRN: Efficient Context Window Extension of Large Language Models"."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from seal_eval.core.errors import SealError
from seal_eval.models.rope import check_factor, rotary_replaced, trained_window


@dataclass(frozen=True)
class Yarn:
    """Slow frequencies are interpolated, fast ones kept, those between in proportion; attention is scaled by 0.1 ln(factor) + 1.

    beta_fast, beta_slow: rotations over the trained window above which a frequency is kept and below which it is interpolated
    (equations 17 to 22; the paper recommends 32 and 1 for Llama). original: the trained window, 0 for the model's own.
    """

    summary: ClassVar[str] = "YaRN: rotary frequencies interpolated by parts, attention temperature"
    citation: ClassVar[str] = "Peng et al. 2023, YaRN, arXiv 2309.00071"
    changes: ClassVar[str] = "rope"
    shares_prefix: ClassVar[bool] = True

    factor: float = 2.0
    beta_fast: float = 32.0
    beta_slow: float = 1.0
    original: int = 0

    def __post_init__(self) -> None:
        check_factor("yarn", self.factor, self.original)
        if not 0 < self.beta_slow < self.beta_fast:
            raise SealError(f"method 'yarn': beta_slow is {self.beta_slow}, must lie between 0 and beta_fast, {self.beta_fast}")

    def window(self, trained: int) -> int:
        """Tokens that can be read."""
        return int((self.original or trained) * self.factor)

    @contextmanager
    def apply(self, model: Any) -> Iterator[Any]:
        own = {
            "rope_type": "yarn", "factor": float(self.factor), "original_max_position_embeddings": trained_window(model, self.original),
            "beta_fast": float(self.beta_fast), "beta_slow": float(self.beta_slow),
        }  # fmt: skip
        with rotary_replaced(model, lambda old: {"rope_theta": old["rope_theta"], **_partial(old), **own}):
            yield model


def _partial(old: dict[str, Any]) -> dict[str, Any]:
    return {key: old[key] for key in ("partial_rotary_factor",) if key in old}
