"""Scales ⇄ PEFT adapter folder; scales on a model; scales folded into its weights.

SEAL-C is PEFT's IA3 on the head-output projection declared as a feed-forward module: its INPUT is scaled. Per-head scales
are stored repeated over head_dim. So stock peft, and lm-eval's `peft=`, run an adapter without this package.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch

from seal_eval.core.errors import SealError
from seal_eval.core.files import CARD, read_json, reading, sha256, write_json
from seal_eval.models.modules import head_projections, in_features, weight

WEIGHTS = "adapter_model.safetensors"
Scales = dict[str, torch.Tensor]  # projection's name → [n_heads * head_dim], fp32


def save_adapter(model: Any, scales: Scales, folder: Path, card: dict[str, Any]) -> None:
    """Write a PEFT IA3 adapter and its card (settings, costs, log) into an existing folder."""
    from peft import IA3Config
    from safetensors.torch import save_file

    projections = head_projections(model)
    leaf = projections[0][0].rsplit(".", 1)[-1]
    # a bare 'dense' or 'c_proj' would also match MLP layers: the attention module's name goes with it
    target = ".".join(projections[0][0].rsplit(".", 2)[-2:])
    fan_in_fan_out = hasattr(projections[0][1], "nx")
    config = IA3Config(
        task_type="CAUSAL_LM", inference_mode=True, fan_in_fan_out=fan_in_fan_out, base_model_name_or_path=card.get("model"),
        target_modules=[leaf if leaf == "o_proj" else target], feedforward_modules=[leaf if leaf == "o_proj" else target],
    )  # fmt: skip
    tensors = {}
    for name, module in projections:
        tensors[f"base_model.model.{name}.ia3_l"] = scales[name].detach().float().cpu().reshape(1, in_features(module)).contiguous()
    config.save_pretrained(str(folder))
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    write_json(folder / CARD, card)


def adapter_tensors(adapter: str) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """(configuration, tensors) of a PEFT adapter's folder. Raises SealError when it is missing, damaged, a pickle or not finite."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    folder = Path(adapter)
    file = folder / WEIGHTS
    if not file.is_file():
        pickle = (folder / "adapter_model.bin").is_file()
        why = "only a pickle, which may run any code and is not loaded" if pickle else f"no {WEIGHTS}"
        raise SealError(f"adapter folder {folder} has {why}; name a folder that seal-eval tune wrote")
    config = read_json(folder / "adapter_config.json")
    if not isinstance(config, dict):
        raise SealError(f"{folder / 'adapter_config.json'}: not a configuration of PEFT; name a folder that seal-eval tune wrote")
    try:
        tensors = load_file(file)
    except (SafetensorError, OSError) as error:
        raise SealError(f"{file} is damaged: {error}; tune again into a new folder") from error
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise SealError(f"{file}: the values of {name} are not finite; tune again into a new folder")
    return config, tensors


def load_scales(adapter: str, model: Any) -> Scales:
    """Read an adapter's scales for this model. Raises SealError naming the file, and both shapes when they differ."""
    config, tensors = adapter_tensors(adapter)
    with reading(Path(adapter) / "adapter_config.json"):
        scales_input = sorted(config.get("feedforward_modules") or []) == sorted(config.get("target_modules") or [])
    if config.get("peft_type") != "IA3" or not scales_input:
        raise SealError(f"{adapter} is a {config.get('peft_type')} adapter, not SEAL scales (IA3 on the head-output projection's input)")
    found = {key.removeprefix("base_model.model.").removesuffix(".ia3_l"): t.flatten() for key, t in tensors.items()}
    wanted = {name: in_features(module) for name, module in head_projections(model)}
    have = f"{len(found)} layers × {next(iter(found.values())).numel() if found else 0} channels"
    want = f"{len(wanted)} layers × {next(iter(wanted.values()))} channels"
    if set(found) != set(wanted) or any(found[n].numel() != wanted[n] for n in wanted):
        raise SealError(f"adapter {adapter} is for another model: it has {have}, the model needs {want}")
    return found


def about(adapter: str) -> dict[str, Any]:
    """An adapter's card without its course, and the sha256 of its weights."""
    card = Path(adapter) / CARD
    known = {k: v for k, v in read_json(card).items() if k not in ("log", "frontier")} if card.is_file() else {}
    return known | {"adapter_sha256": sha256(Path(adapter) / WEIGHTS)}


@contextmanager
def scaled(model: Any, scales: Scales) -> Iterator[Any]:
    """Inside the block every head-output projection sees its input times the scales."""
    with ExitStack() as undo:
        for name, module in head_projections(model):
            undo.enter_context(input_times(module, scales[name]))
        yield model


@contextmanager
def input_times(projection: Any, gain: torch.Tensor) -> Iterator[None]:
    """Inside the block the projection's input [batch, seq, channels] is multiplied by `gain`, which broadcasts."""
    gain = gain.to(weight(projection).device)

    def hook(_module: Any, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        # the product in fp32, then back: what PEFT's IA3 does, so both give the same bits
        return ((args[0] * gain).to(args[0].dtype), *args[1:])

    handle = projection.register_forward_pre_hook(hook)
    try:
        yield
    finally:
        handle.remove()


@torch.no_grad()
def fold(model: Any, scales: Scales) -> None:
    """Multiply the scales into the projections' weights: W · (s ∘ x) = (W · diag s) · x. Biases stay."""
    for name, module in head_projections(model):
        w = weight(module)
        scale = scales[name].to(w.device)
        # nn.Linear holds [out, in], Conv1D [in, out]; the product in fp32, rounded once
        by = scale[:, None] if hasattr(module, "nx") else scale[None, :]
        w.copy_((w.float() * by).to(w.dtype))


@dataclass(frozen=True)
class Tuned:
    """A method read from an adapter's folder."""

    shares_prefix: ClassVar[bool] = True

    adapter: str

    def about(self) -> dict[str, Any]:
        """What the adapter's card says of its tuning (without the log), and the hash of its weights; for the run's results."""
        return about(self.adapter)
