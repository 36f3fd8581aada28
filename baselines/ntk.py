"""NTK-aware scaling: bloc97 2023, "NTK-Aware Scaled RoPE allows LLaMA models to have extended (8k+) context size"."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from seal_eval.models.modules import text_config
from seal_eval.models.rope import Parameters, check_factor, rotary_dim, rotary_replaced


@dataclass(frozen=True)
class Ntk:
    """The base of the rotary frequencies becomes base * factor^(d / (d - 2)), d the rotated channels of a head."""

    summary: ClassVar[str] = "NTK-aware rotary base, fixed"
    citation: ClassVar[str] = "bloc97 2023, NTK-aware scaled RoPE; Peng et al. 2023, YaRN, section 3.1"
    changes: ClassVar[str] = "rope"
    shares_prefix: ClassVar[bool] = True

    factor: float = 2.0

    def __post_init__(self) -> None:
        check_factor("ntk", self.factor, 0)

    def window(self, trained: int) -> int:
        """Tokens that can be read."""
        return int(trained * self.factor)

    @contextmanager
    def apply(self, model: Any) -> Iterator[Any]:
        def change(old: Parameters) -> Parameters:
            d = rotary_dim(old, text_config(model))
            return {**old, "rope_type": "default", "rope_theta": old["rope_theta"] * float(self.factor) ** (d / (d - 2))}

        with rotary_replaced(model, change):
            yield model
