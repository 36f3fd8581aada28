"""Dynamic NTK: emozilla 2023, "Dynamically Scaled RoPE further increases performance of long context LLaMA"."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from seal_eval.core.plugins import Method
from seal_eval.core.settings import Factor, Index
from seal_eval.models.rope import frequency_names, parameters_of, rotary_dim, rotary_replaced, trained_window


@dataclass(frozen=True)
class DynamicNtk(Method):
    """For texts of n > L tokens, the rotary base becomes base * (factor * n / L - (factor - 1))^(d / (d - 2)).

    L is the trained window and d the number of rotated channels of a head. n is rounded up to a multiple of L / 4; in a batch it is that of
    the longest text. Nothing is kept from one prompt to the next (transformers' own version keeps the longest n). Cached keys keep the
    rotation they were computed with: they agree with new ones until n passes the next multiple of L / 4.

    original: L in tokens, 0 for the model's own.
    """

    title: ClassVar[str] = "dynamic NTK"
    summary: ClassVar[str] = "NTK-aware scaling with a rotary base that grows with the text"
    citation: ClassVar[str] = "emozilla 2023, dynamically scaled RoPE; Peng et al. 2023, YaRN, section 3.3"
    changes: ClassVar[str] = "rope"
    one_at_a_time = True
    by_training: ClassVar[bool] = True
    neutral: ClassVar[Mapping[str, Any]] = {"factor": 1.0}
    active: ClassVar[Mapping[str, Any]] = {"factor": 4.0, "original": 16}

    factor: Factor = 2.0
    original: Index = 0

    def resolved(self, trained: int) -> dict[str, int]:
        """Return original in tokens, for a model with the window `trained`."""
        return {"original": self.original or trained}

    def window(self, trained: int) -> int:
        """Return the window in tokens with this method, for a model with the window `trained`."""
        return int(self.resolved(trained)["original"] * self.factor)

    @contextmanager
    def apply(self, model: Any) -> Iterator[Any]:
        import torch

        trained = trained_window(model, self.original)
        block = max(trained // 4, 1)
        with rotary_replaced(model, lambda old: {**old, "rope_type": "default"}) as modules:
            widths = {module: rotary_dim(module) for module in modules}

            def set_frequencies(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
                positions = kwargs["position_ids"] if "position_ids" in kwargs else args[1]
                longest = int(positions.max()) + 1
                n = -(-longest // block) * block
                d = widths[module]
                scale = self.factor * n / trained - (self.factor - 1) if longest > trained else 1.0
                base = parameters_of(module)["rope_theta"] * scale ** (d / (d - 2))
                exponents = torch.arange(0, d, 2, dtype=torch.int64).to(torch.float32) / d
                for name in frequency_names(module):
                    setattr(module, name, (1.0 / base**exponents).to(getattr(module, name).device))

            handles = [module.register_forward_pre_hook(set_frequencies, with_kwargs=True) for module in modules]
            try:
                yield model
            finally:
                for handle in handles:
                    handle.remove()
