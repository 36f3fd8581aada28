"""YaRN: Peng, Quesnelle, Fan, Shippole 2023, "YaRN: Efficient Context Window Extension of Large Language Models"."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from seal_eval.core.errors import SealError
from seal_eval.core.plugins import Method
from seal_eval.core.settings import Factor, Index
from seal_eval.models.rope import rotary_replaced, trained_window


@dataclass(frozen=True)
class Yarn(Method):
    """Low frequencies are interpolated, high ones kept, those in between blended; queries and keys are multiplied by 0.1 ln(factor) + 1.

    Where only a part of each head is rotated (Phi, GLM, GPT-NeoX), that part alone is multiplied, as in transformers.

    beta_fast, beta_slow: a frequency that rotates more than beta_fast times over the trained window is kept, one that rotates less than
    beta_slow times is interpolated (equations 17 to 22; the paper recommends 32 and 1 for Llama). original: the trained window in tokens,
    0 for the model's own.
    """

    title: ClassVar[str] = "YaRN"
    summary: ClassVar[str] = "YaRN: interpolates low rotary frequencies and adjusts the attention temperature"
    citation: ClassVar[str] = "Peng et al. 2023, YaRN, arXiv 2309.00071"
    changes: ClassVar[str] = "rope"
    shares_prefix: ClassVar[bool] = True
    by_training: ClassVar[bool] = True
    neutral: ClassVar[Mapping[str, Any]] = {"factor": 1.0}
    active: ClassVar[Mapping[str, Any]] = {"factor": 4.0, "original": 64}

    factor: Factor = 2.0
    beta_fast: float = 32.0
    beta_slow: float = 1.0
    original: Index = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.beta_slow < self.beta_fast:
            raise SealError(f"method 'yarn': beta_slow is {self.beta_slow}, must lie between 0 and beta_fast, {self.beta_fast}")

    def resolved(self, trained: int) -> dict[str, int]:
        """Return original in tokens, for a model with the window `trained`."""
        return {"original": self.original or trained}

    def window(self, trained: int) -> int:
        """Return the window in tokens with this method, for a model with the window `trained`."""
        return int(self.resolved(trained)["original"] * self.factor)

    @contextmanager
    def apply(self, model: Any) -> Iterator[Any]:
        yarn = {
            "rope_type": "yarn", "factor": float(self.factor), "original_max_position_embeddings": trained_window(model, self.original),
            "beta_fast": float(self.beta_fast), "beta_slow": float(self.beta_slow),
        }  # fmt: skip
        with rotary_replaced(model, lambda old: {"rope_theta": old["rope_theta"], **_partial(old), **yarn}):
            yield model


def _partial(old: dict[str, Any]) -> dict[str, Any]:
    """Return what the model's parameters say besides the base and its scaling: the share of rotated channels, sections for images."""
    return {key: old[key] for key in ("partial_rotary_factor", "mrope_section", "mrope_interleaved") if key in old}
