"""LoRA and DoRA adapters through peft: apply a folder to a model and remove it again, or merge it into the weights."""

import contextlib
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from seal_eval.core.errors import SealError, first_line
from seal_eval.models.adapters import Tuned, adapter_tensors
from seal_eval.models.modules import in_features, offloaded_weight


@contextlib.contextmanager
def applied(model: Any, adapter: str, dora: bool) -> Iterator[Any]:
    """Context manager: inside it the model runs with a LoRA adapter folder of peft (DoRA if `dora`); afterwards it is removed.

    What else the folder carries (whole modules, tokens, biases) counts too, as with stock peft. Raises SealError for an adapter of another
    kind, one made for another model, one with values that are not finite, and a pickle.
    """
    config, tensors = adapter_tensors(adapter)
    changed = [key.partition(".lora_")[0] + ".weight" for key in tensors] if changes_base(config) else []
    with restored(model, [*tensors, *changed]):
        _put_in(model, adapter, dora)
        yield model


def merged(model: Any, adapter: str, dora: bool) -> Any:
    """Return the model with a LoRA or DoRA adapter merged into its weights. Raises as `applied`, and for what cannot be merged."""
    if both := _changes_shared(model, adapter):
        raise SealError(f"adapter {adapter} changes {both} by a low rank; merged, it would change both, so keep it with method=")
    wrapped = _put_in(model, adapter, dora)
    try:
        found = wrapped.merge_and_unload()
    except (RuntimeError, ValueError, NotImplementedError) as error:
        raise SealError(f"peft cannot merge adapter {adapter} ({first_line(error)}); keep it with method=") from error
    if (
        head := found.get_output_embeddings()
    ) is not None and head.weight is not found.get_input_embeddings().weight:  # else the head would not be saved
        found.config.tie_word_embeddings = found.config.get_text_config().tie_word_embeddings = False
    return found


@contextlib.contextmanager
def restored(model: Any, tensors: Iterable[str]) -> Iterator[None]:
    """Context manager: afterwards the model has the modules it had, and the weights that are named like an adapter's `tensors`.

    Taking an adapter out with peft would leave whole modules and biases of it in the model.
    """
    modules = dict(model.named_modules(remove_duplicate=False))
    own = {key.removeprefix("base_model.model.").replace(".base_layer", "") for key in tensors}
    weights = {name: p for name, p in model.named_parameters(remove_duplicate=False) if name in own}
    values = {name: p.detach().clone() for name, p in weights.items()}
    try:
        yield
    finally:
        for name, module in modules.items():
            parent, _, leaf = name.rpartition(".")
            if name:
                modules[parent]._modules[leaf] = module
        with torch.no_grad():
            for name, value in values.items():
                weights[name].copy_(value)
        forget_peft(model)


def changes_base(config: dict[str, Any]) -> bool:
    """Whether peft changes the base weights when it loads an adapter: PiSSA and its like take what the adapter begins with out of them."""
    return str(config.get("init_lora_weights")).lower().startswith(("pissa", "olora", "corda", "loftq", "lora_ga"))


def _put_in(model: Any, adapter: str, dora: bool) -> Any:
    from peft import PeftModel, set_peft_model_state_dict

    tensors = _check(model, adapter, dora)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of missing keys: refused below
            wrapped = PeftModel.from_pretrained(model, adapter)
        loaded: Any = set_peft_model_state_dict(wrapped, dict(tensors))
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SealError(f"adapter {adapter} is for another model, or peft cannot load it: {first_line(error)}") from error
    own = (".lora_", ".modules_to_save.", ".trainable_tokens_")  # all other missing keys are the base model's
    tied = _tied(wrapped, loaded.missing_keys)
    missing = sorted(key.replace(".default", "") for key in loaded.missing_keys if any(part in key for part in own) and key not in tied)
    if (unused := loaded.unexpected_keys) or missing:
        what = f"the model has no place for its {unused[0]}" if unused else f"it has no {missing[0]}, which its configuration names"
        raise SealError(f"adapter {adapter} is for another model: {what}")
    return wrapped


def _tied(wrapped: Any, missing: list[str]) -> set[str]:
    """Return the missing keys whose parameters are those of other keys: of tied embeddings, an adapter folder has one."""
    parameters = dict(wrapped.named_parameters(remove_duplicate=False))
    loaded = {id(parameter) for key, parameter in parameters.items() if key not in missing}
    return {key for key in missing if id(parameters.get(key)) in loaded}


def _changes_shared(model: Any, adapter: str) -> str:
    """Return which weight an adapter's low-rank matrices change that another module holds too; '' if there is none.

    Such are tied embeddings, and layers that share their weights (Zamba 2).
    """
    holders: dict[int, list[str]] = {}
    for name, module in model.named_modules():
        if isinstance(held := getattr(module, "weight", None), torch.Tensor):
            holders.setdefault(id(held), []).append(name)
    changed = {key.removeprefix("base_model.model.").partition(".lora_")[0] for key in adapter_tensors(adapter)[1] if ".lora_" in key}
    for names in holders.values():
        for name in names if len(names) > 1 else []:
            if name in changed:
                return f"{name}, whose weight is tied to that of {next(other for other in names if other != name)} in this model,"
    return ""


def _check(model: Any, adapter: str, dora: bool) -> dict[str, torch.Tensor]:
    """Return the adapter's tensors. Raise SealError unless it is of the kind that `dora` says and its low-rank matrices fit the model."""
    config, tensors = adapter_tensors(adapter)
    kind = "DORA" if config.get("use_dora") else str(config.get("peft_type"))
    expected = "DORA" if dora else "LORA"
    if kind != expected:
        raise SealError(f"{adapter} is a {kind} adapter, not {expected}; use method={kind.lower()}, or another folder")
    if config.get("alora_invocation_tokens"):
        raise SealError(
            f"{adapter} is an activated LoRA, which works only behind its invocation tokens; peft itself can run it, no method here can"
        )
    if away := offloaded_weight(model):  # peft would write copies into the working directory, and fail on the way
        raise SealError(
            f"adapter {adapter} cannot be added to {away}, which is not in memory with this device map; use one without cpu and disk, or "
            "merge the adapter first"
        )
    if config.get("layer_replication"):
        raise SealError(f"{adapter} repeats layers of the model (layer_replication), which no method here can do")
    modules = dict(model.named_modules())
    for key, tensor in tensors.items():
        name, _, matrix = key.removeprefix("base_model.model.").partition(".lora_")
        if not matrix.startswith(("A.", "B.")):
            continue  # whole modules, biases, embeddings and magnitudes: peft finds their places
        if "experts" in name:
            continue  # peft renames those of other versions of transformers, and says below what does not fit
        width = in_features(modules[name]) if name in modules else 0
        if name not in modules or (width and matrix.startswith("A.") and tensor.shape[-1] != width):
            have = f"{tensor.shape[-1]} inputs in {name}" if width else f"weights for {name}"
            raise SealError(f"adapter {adapter} is for another model: it has {have}, the model has {width or 'no such projection'}")
    return tensors


def take_out(model: Any, wrapped: Any) -> None:
    """Remove peft's layers from the model, and the attributes that peft leaves behind."""
    wrapped.unload()
    forget_peft(model)


def forget_peft(model: Any) -> None:
    """Remove the attributes that peft leaves on a model."""
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
            self.check_base(model)
            yield model
