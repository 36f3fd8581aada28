"""Dynamic NTK: emozilla 2023, "Dynamically Scaled RoPE further increases performance of long context LLaMA"."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from seal_eval.models.modules import text_config
from seal_eval.models.rope import check_factor, frequency_names, rotary_dim, rotary_replaced, trained_window


@dataclass(frozen=True)
class DynamicNtk:
    """Beyond the trained window L, the base of n tokens becomes base * (factor * n / L - (factor - 1))^(d / (d - 2)).

    n is rounded up to a multiple of L / 4, and is that of the tokens at hand alone: nothing is kept from one prompt to the
    next (transformers' own version keeps the longest seen), and cached keys keep their rotation until n passes such a multiple.
    original: L, 0 for the model's own.
    """

    summary: ClassVar[str] = "NTK-aware rotary base that grows with the prompt, without state"
    citation: ClassVar[str] = "emozilla 2023, dynamically scaled RoPE; Peng et al. 2023, YaRN, section 3.3"
    changes: ClassVar[str] = "rope"

    factor: float = 2.0
    original: int = 0

    def __post_init__(self) -> None:
        check_factor("dynamic_ntk", self.factor, self.original)

    def window(self, trained: int) -> int:
        """Tokens that can be read."""
        return int((self.original or trained) * self.factor)

    @contextmanager
    def apply(self, model: Any) -> Iterator[Any]:
        import torch

        trained = trained_window(model, self.original)
        block = max(trained // 4, 1)
        with rotary_replaced(model, lambda old: {**old, "rope_type": "default"}) as modules:
            config = text_config(model)

            def before(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
                positions = kwargs["position_ids"] if "position_ids" in kwargs else args[1]
                n = -(-(int(positions.max()) + 1) // block) * block
                parameters = module.config.rope_parameters
                parameters = parameters.get("full_attention", parameters)
                d = rotary_dim(parameters, config)
                by = max(self.factor * n / trained - (self.factor - 1), 1.0)
                base = parameters["rope_theta"] * by ** (d / (d - 2))
                exponents = torch.arange(0, d, 2, dtype=torch.int64).to(torch.float32) / d
                for name in frequency_names(module):
                    setattr(module, name, (1.0 / base**exponents).to(getattr(module, name).device))

            handles = [module.register_forward_pre_hook(before, with_kwargs=True) for module in modules]
            try:
                yield model
            finally:
                for handle in handles:
                    handle.remove()
