"""LoRA and DoRA adapters through peft: apply a folder to a model and remove it again, or merge it into the weights."""

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
    """Context manager: inside it the model runs with a LoRA adapter folder of peft (DoRA if `dora`); afterwards it is removed.

    Raises SealError for an adapter of another kind, one made for another model, one with values that are not finite, and a pickle.
    """
    wrapped = _put_in(model, adapter, dora)
    try:
        yield model
    finally:
        take_out(model, wrapped)


def merged(model: Any, adapter: str, dora: bool) -> Any:
    """Return the model with a LoRA or DoRA adapter merged into its weights. Raises as `applied`."""
    return _put_in(model, adapter, dora).merge_and_unload()


def _put_in(model: Any, adapter: str, dora: bool) -> Any:
    from peft import PeftModel

    _check(model, adapter, dora)
    return PeftModel.from_pretrained(model, adapter)


def _check(model: Any, adapter: str, dora: bool) -> None:
    """Raise SealError unless the folder holds an adapter of the kind that `dora` says, for this model."""
    config, tensors = adapter_tensors(adapter)
    kind = "DORA" if config.get("use_dora") else str(config.get("peft_type"))
    expected = "DORA" if dora else "LORA"
    if kind != expected:
        raise SealError(f"{adapter} is a {kind} adapter, not {expected}; use method={kind.lower()}, or another folder")
    modules = dict(model.named_modules())
    for key, tensor in tensors.items():
        name, _, matrix = key.removeprefix("base_model.model.").partition(".lora_")
        width = in_features(modules[name]) if name in modules else 0
        if not width or (matrix.startswith("A") and tensor.shape[-1] != width):
            have = f"{tensor.shape[-1]} inputs in {name}" if width else f"weights for {name}"
            raise SealError(f"adapter {adapter} is for another model: it has {have}, the model has {width or 'no such projection'}")


def take_out(model: Any, wrapped: Any) -> None:
    """Remove peft's layers from the model, and the attributes that peft leaves behind."""
    wrapped.unload()
    for attribute in ("peft_config", "_hf_peft_config_loaded"):
        vars(model).pop(attribute, None)


@dataclass(frozen=True)
class TunedLowRank(Tuned):
    """Base class of the methods that apply a LoRA or DoRA adapter folder of peft."""

    changes: ClassVar[str] = "weights"
    dora: ClassVar[bool] = False  # True: magnitude and direction are learned separately

    @contextmanager
    def apply(self, model: Any) -> Iterator[Any]:
        with applied(model, self.adapter, self.dora):
            yield model
