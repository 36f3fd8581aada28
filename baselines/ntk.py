"""NTK-aware scaling: bloc97 2023, "NTK-Aware Scaled RoPE allows LLaMA models to have extended (8k+) context size"."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from seal_eval.core.plugins import Method
from seal_eval.core.settings import Factor
from seal_eval.models.rope import Parameters, rotary_dim, rotary_modules, rotary_replaced


@dataclass(frozen=True)
class Ntk(Method):
    """The base of the rotary frequencies becomes base * factor^(d / (d - 2)), where d is the number of rotated channels of a head."""

    title: ClassVar[str] = "NTK"
    summary: ClassVar[str] = "NTK-aware scaling with one larger rotary base for all texts"
    citation: ClassVar[str] = "bloc97 2023, NTK-aware scaled RoPE; Peng et al. 2023, YaRN, section 3.1"
    changes: ClassVar[str] = "rope"
    shares_prefix: ClassVar[bool] = True
    neutral: ClassVar[Mapping[str, Any]] = {"factor": 1.0}
    active: ClassVar[Mapping[str, Any]] = {"factor": 4.0}

    factor: Factor = 2.0

    def window(self, trained: int) -> int:
        """Return the window in tokens with this method, for a model with the window `trained`."""
        return int(trained * self.factor)

    @contextmanager
    def apply(self, model: Any) -> Iterator[Any]:
        def change(old: Parameters) -> Parameters:
            d = rotary_dim(rotary_modules(model)[0][2])
            return {**old, "rope_type": "default", "rope_theta": old["rope_theta"] * float(self.factor) ** (d / (d - 2))}

        with rotary_replaced(model, change):
            yield model
