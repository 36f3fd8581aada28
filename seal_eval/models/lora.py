"""Low-rank adapters through peft: trained beside a frozen model, or read from a folder and taken out again."""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from seal_eval.core.errors import SealError
from seal_eval.models.adapters import Tuned, adapter_tensors
from seal_eval.models.modules import in_features


@contextlib.contextmanager
def applied(model: Any, adapter: str, dora: bool) -> Iterator[Any]:
    """Inside the block the model runs with a LoRA (or DoRA) folder of peft's.

    Raises SealError for a folder of another kind, made for another model, with values that are not finite, or a pickle.
    """
    wrapped = _put_in(model, adapter, dora)
    try:
        yield model
    finally:
        _take_out(model, wrapped)


def merged(model: Any, adapter: str, dora: bool) -> Any:
    """The model with a LoRA or DoRA folder's product in its weights; raises as `applied`."""
    return _put_in(model, adapter, dora).merge_and_unload()


def _put_in(model: Any, adapter: str, dora: bool) -> Any:
    from peft import PeftModel

    _check(model, adapter, dora)
    return PeftModel.from_pretrained(model, adapter)


def _check(model: Any, adapter: str, dora: bool) -> None:
    config, tensors = adapter_tensors(adapter)
    found = "DORA" if config.get("use_dora") else str(config.get("peft_type"))
    wanted = "DORA" if dora else "LORA"
    if found != wanted:
        raise SealError(f"{adapter} is a {found} adapter, not {wanted}; use method={found.lower()}, or another folder")
    modules = dict(model.named_modules())
    for key, tensor in tensors.items():
        name, _, kind = key.removeprefix("base_model.model.").partition(".lora_")
        width = in_features(modules[name]) if name in modules else 0
        if not width or (kind.startswith("A") and tensor.shape[-1] != width):
            have = f"{tensor.shape[-1]} inputs in {name}" if width else f"a part for {name}"
            raise SealError(f"adapter {adapter} is for another model: it has {have}, the model {width or 'no such projection'}")


def _take_out(model: Any, wrapped: Any) -> None:
    wrapped.unload()
    for left in ("peft_config", "_hf_peft_config_loaded"):
        vars(model).pop(left, None)


@dataclass(frozen=True)
class TunedLowRank(Tuned):
    """A LoRA or DoRA folder of peft's."""

    changes: ClassVar[str] = "weights"
    dora: ClassVar[bool] = False  # size and direction apart

    @contextmanager
    def apply(self, model: Any) -> Iterator[Any]:
        with applied(model, self.adapter, self.dora):
            yield model
