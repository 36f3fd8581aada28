"""SEAL's scales: write and read them as a PEFT adapter folder, apply them to a model, fold them into its weights.

An adapter is PEFT's IA3 on the head-output projection, declared as a feed-forward module so that its INPUT is scaled. Per-head scales are
stored repeated over head_dim. So stock peft, and lm-eval's `peft=`, can run an adapter without this package.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch

from seal_eval.core.checked import check_printable
from seal_eval.core.errors import SealError
from seal_eval.core.files import CARD, card_of, read_object, reading, sha256, write_json
from seal_eval.core.plugins import TOGETHER, Method
from seal_eval.core.streams import warn
from seal_eval.models.base_weights import base_difference
from seal_eval.models.modules import head_projections, in_features, weight
from seal_eval.models.tensors import write_tensors
from seal_eval.models.tuned_on import on_difference, warning

WEIGHTS = "adapter_model.safetensors"
Scales = dict[str, torch.Tensor]  # name of a head-output projection → [n_heads * head_dim], fp32


def save_adapter(model: Any, scales: Scales, folder: Path, card: dict[str, Any]) -> None:
    """Write the scales as a PEFT IA3 adapter, and `card` (settings, costs, training log), into an existing folder."""
    from peft import IA3Config

    projections = head_projections(model)
    leaf = projections[0][0].rsplit(".", 1)[-1]
    # 'dense' or 'c_proj' alone would also match MLP layers, so the attention module's name is included
    target = ".".join(projections[0][0].rsplit(".", 2)[-2:])
    target = leaf if leaf == "o_proj" else target
    # a hybrid's or a vision tower's other layers may have a projection of the same name
    alone = sum(name.endswith(f".{target}") for name, _ in model.named_modules()) == len(projections)
    targets = [target] if alone else [name for name, _ in projections]
    fan_in_fan_out = hasattr(projections[0][1], "nx")
    config = IA3Config(
        task_type="CAUSAL_LM", inference_mode=True, fan_in_fan_out=fan_in_fan_out, base_model_name_or_path=card.get("model"),
        target_modules=targets, feedforward_modules=targets,
    )  # fmt: skip
    tensors = {}
    for name, module in projections:
        tensors[f"base_model.model.{name}.ia3_l"] = scales[name].detach().float().cpu().reshape(1, in_features(module)).contiguous()
    config.save_pretrained(str(folder))
    write_tensors(folder / WEIGHTS, tensors, {"format": "pt"})
    write_json(folder / CARD, card)


def adapter_tensors(adapter: str) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Return (configuration, tensors) of a PEFT adapter folder.

    Raises SealError when the weights are missing, damaged, a pickle or not finite, or the configuration cannot be read.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    folder = Path(adapter)
    file = folder / WEIGHTS
    if not file.is_file():
        pickle = (folder / "adapter_model.bin").is_file()
        why = "only a pickle, which may run any code and is not loaded" if pickle else f"no {WEIGHTS}"
        raise SealError(f"adapter folder {folder} has {why}; name a folder that seal-eval tune wrote")
    config = read_object(folder / "adapter_config.json")
    try:
        tensors = load_file(file)
    except (SafetensorError, OSError) as error:
        raise SealError(f"{file} is damaged: {error}; tune again into a new folder") from error
    check_printable(config, folder / "adapter_config.json")
    check_printable(list(tensors), file)
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise SealError(f"{file}: the values of {name} are not finite; tune again into a new folder")
    return config, tensors


def load_scales(adapter: str, model: Any) -> Scales:
    """Return the scales in an adapter folder.

    Raises SealError for an adapter of another kind, one that does not fit the model (the message shows both shapes), and where
    `adapter_tensors` does.
    """
    config, tensors = adapter_tensors(adapter)
    with reading(Path(adapter) / "adapter_config.json"):
        scales_input = sorted(config.get("feedforward_modules") or []) == sorted(config.get("target_modules") or [])
    if config.get("peft_type") != "IA3" or not scales_input:
        raise SealError(f"{adapter} is a {config.get('peft_type')} adapter, not SEAL scales (IA3 on the head-output projection's input)")
    scales = {key.removeprefix("base_model.model.").removesuffix(".ia3_l"): t.flatten() for key, t in tensors.items()}
    widths = {name: in_features(module) for name, module in head_projections(model)}
    if set(scales) != set(widths) or any(scales[n].numel() != widths[n] for n in widths):
        raise SealError(f"adapter {adapter} is for another model: {misfit(scales, widths)}")
    return scales


def misfit(scales: Scales, widths: dict[str, int]) -> str:
    """Return how scales and the widths of a model's projections differ: in size, or else in the first name that does not match."""
    have = f"{len(scales)} layers × {next(iter(scales.values())).numel() if scales else 0} channels"
    want = f"{len(widths)} layers × {next(iter(widths.values()))} channels"
    if have != want:
        return f"it has {have}, the model needs {want}"
    if odd := [name for name in scales if name not in widths]:
        return f"it has scales for {odd[0]}, the model's projection is {next(name for name in widths if name not in scales)}"
    name = next(name for name in widths if scales[name].numel() != widths[name])
    return f"it has {scales[name].numel()} channels in {name}, the model needs {widths[name]}"


def about(adapter: str) -> dict[str, Any]:
    """Return an adapter's card without its training log and frontier, and the sha256 of its weights."""
    card = {k: v for k, v in card_of(adapter).items() if k not in ("log", "frontier")}
    return card | {"adapter_sha256": sha256(Path(adapter) / WEIGHTS)}


@contextmanager
def scaled(model: Any, scales: Scales) -> Iterator[Any]:
    """Context manager: inside it the input of every head-output projection is multiplied by its scales."""
    with ExitStack() as undo:
        for name, module in head_projections(model):
            undo.enter_context(input_times(module, scales[name]))
        yield model


@contextmanager
def input_times(projection: Any, gain: torch.Tensor) -> Iterator[None]:
    """Context manager: inside it the projection's input [batch, seq, channels] is multiplied by `gain`, which broadcasts."""
    place = weight(projection).device
    gain = gain if place.type == "meta" else gain.to(place)  # weights that are loaded for each pass are nowhere in between

    def hook(_module: Any, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        # multiply in fp32, then round, as PEFT's IA3 does: both give the same bits
        return ((args[0] * gain.to(args[0].device)).to(args[0].dtype), *args[1:])

    handle = projection.register_forward_pre_hook(hook)
    try:
        yield
    finally:
        handle.remove()


@torch.no_grad()
def fold(model: Any, scales: Scales) -> None:
    """Multiply the scales into the projections' weights, in place: W · (s ∘ x) = (W · diag s) · x. Biases do not change.

    Raises SealError, before any change, where layers share their weights (Zamba 2): these cannot hold the scales of each.
    """
    projections, holders = head_projections(model), dict[int, str]()
    for name, module in projections:
        if (first := holders.setdefault(id(weight(module)), name)) != name:
            raise SealError(
                f"{type(model).__name__}: {first} and {name} are one weight, which cannot hold the scales of both; keep the adapter apart, "
                "with method="
            )
    for name, module in projections:
        w = weight(module)
        scale = scales[name].to(w.device)
        # nn.Linear holds [out, in], Conv1D [in, out]; the product is fp32, or float64 for such weights, and is rounded once
        by = scale[:, None] if hasattr(module, "nx") else scale[None, :]
        w.copy_((w * by).to(w.dtype))


@dataclass(frozen=True)
class Tuned(Method):
    """Base class of methods whose parameters are read from an adapter folder."""

    shares_prefix: ClassVar[bool] = True

    adapter: str

    def check_base(self, model: Any) -> None:
        """Warn on stderr when the adapter was tuned on other weights than the model's, or on a method that is not applied here.

        `about` then says so too.
        """
        others = [(name, part) for name, part in vars(self).get(TOGETHER, ()) if part is not self]
        on = on_difference(self.adapter, others, model)
        if on and not vars(self).get("_base", {}).get("on_differs"):  # once: the self-test applies the method too
            warn(warning(self.adapter, on))
        vars(self)["_base"] = base_difference(self.adapter, model) | on  # not a setting, so no field

    def about(self) -> dict[str, Any]:
        """Return what a run's results record: the adapter's card without its log, and the sha256 of its weights.

        After `check_base`, also `base_weights_differ` and `base_weights` when the model has other weights than the adapter was tuned on,
        and `on_differs` and `applied` when the method that it was tuned on is not applied.
        """
        return about(self.adapter) | vars(self).get("_base", {})
