"""Low-rank adapters through peft: trained beside a frozen model, or read from a folder and taken out again."""

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from seal_eval.adapters import adapter_tensors
from seal_eval.errors import SealError
from seal_eval.files import CARD, read_json, write_json
from seal_eval.seams import attention_linears, head_projections, in_features
from seal_eval.trainable import State
from seal_eval.tunespec import Kind


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


@contextlib.contextmanager
def low_rank(model: Any, kind: Kind, rank: int, seed: int) -> Iterator["LowRank"]:
    """LoRA (Hu et al. 2021) or DoRA (Liu et al. 2024) on the attention's own projections, through peft, taken out at the end."""
    from peft import LoraConfig, get_peft_model

    targets = attention_linears(model)
    config = LoraConfig(
        task_type="CAUSAL_LM", r=rank, lora_alpha=2 * rank, lora_dropout=0.0, use_dora=kind == "dora", target_modules=targets,
        fan_in_fan_out=hasattr(head_projections(model)[0][1], "nx"),
    )  # fmt: skip
    with torch.random.fork_rng(devices=[model.device] if model.device.type == "cuda" else []), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a model's name that peft would like to look up
        torch.manual_seed(seed)
        wrapped: Any = get_peft_model(model, config)
    try:
        wrapped.base_model.disable_adapter_layers()
        yield LowRank(model, wrapped)
    finally:
        _take_out(model, wrapped)


class LowRank:
    """peft's low-rank adapters on a model."""

    def __init__(self, model: Any, wrapped: Any) -> None:
        self.model, self.wrapped = model, wrapped
        self.named = {n: p for n, p in model.named_parameters() if "lora_" in n}
        for p in self.named.values():
            p.data = p.data.float()

    def parameters(self) -> list[nn.Parameter]:
        return list(self.named.values())

    @contextlib.contextmanager
    def on(self) -> Iterator[Any]:
        self.wrapped.base_model.enable_adapter_layers()
        try:
            yield self.model
        finally:
            self.wrapped.base_model.disable_adapter_layers()

    def state(self) -> State:
        return {name: p.detach().cpu().clone() for name, p in self.named.items()}

    @torch.no_grad()
    def load(self, state: State) -> None:
        for name, p in self.named.items():
            p.copy_(state[name])

    def shrink(self) -> torch.Tensor:
        return torch.zeros(())

    def save(self, folder: Path, card: dict[str, Any]) -> dict[str, Any]:
        self.wrapped.peft_config["default"].base_model_name_or_path = card.get("model")
        self.wrapped.save_pretrained(str(folder), save_embedding_layers=False)
        (folder / "README.md").unlink(missing_ok=True)  # peft's empty form
        config = read_json(folder / "adapter_config.json")
        write_json(folder / "adapter_config.json", config | {"target_modules": sorted(config["target_modules"])})  # peft's order is a set's
        write_json(folder / CARD, card)
        return card
