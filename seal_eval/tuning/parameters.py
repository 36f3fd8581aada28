"""Trainable parameters on a frozen model: SEAL's scales, and the low-rank adapters that they are compared with."""

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from seal_eval.core.errors import SealError
from seal_eval.core.files import CARD, read_json, write_json
from seal_eval.models.adapters import Scales, save_adapter, scaled
from seal_eval.models.lora import take_out
from seal_eval.models.modules import attention_linears, device_of, head_projections, in_features, n_heads, offloaded_weight, weight
from seal_eval.tuning.config import Kind, TuneSpec

State = dict[str, torch.Tensor]  # parameters by name, on the CPU


class Trainable(Protocol):
    """fp32 parameters that are added to a frozen model. They take effect only inside `on`; outside it the model is plain."""

    def parameters(self) -> list[nn.Parameter]: ...

    def on(self) -> contextlib.AbstractContextManager[Any]:
        """Context manager: inside it the model runs with the parameters, which can receive gradients.

        Call backward at most once per block, before the block ends.
        """
        ...

    def state(self) -> State:
        """Return a copy of the parameters, on the CPU."""
        ...

    def load(self, state: State) -> None:
        """Set the parameters to those that `state` returned."""
        ...

    def shrink(self) -> torch.Tensor:
        """Return the mean squared distance of the scales from 1 (a scalar with gradient); 0 for low-rank adapters."""
        ...

    def save(self, folder: Path, card: dict[str, Any]) -> dict[str, Any]:
        """Write a PEFT adapter and its card into an existing folder. Return the card as written, which may have more entries."""
        ...


@contextlib.contextmanager
def trainable(model: Any, spec: TuneSpec) -> Iterator[Trainable]:
    """Context manager: freezes the model and yields the parameters that `spec` trains; afterwards the model is as before."""
    with frozen(model):
        if spec.method == "seal":
            yield Gains(model, spec.granularity == "head")
        else:
            with low_rank(model, spec.method, spec.rank, spec.seed) as adapter:
                yield adapter


@contextlib.contextmanager
def frozen(model: Any) -> Iterator[None]:
    """Context manager: inside it no weight of the model requires a gradient; afterwards each does as before."""
    before = {name: p.requires_grad for name, p in model.named_parameters()}
    model.requires_grad_(False)
    try:
        yield
    finally:
        for name, p in model.named_parameters():
            p.requires_grad_(before[name])


class Gains:
    """SEAL's scales s = 1 + δ. The parameters δ are [n_heads] (per head) or [n_heads * head_dim] (per channel) for each layer.

    A Trainable, see there for its methods.
    """

    def __init__(self, model: Any, per_head: bool) -> None:
        self.model = model
        self.projections = head_projections(model)
        self.repeats = [in_features(m) // n_heads(model) if per_head else 1 for _, m in self.projections]
        places = [weight(m).device if weight(m).device.type != "meta" else device_of(model) for _, m in self.projections]
        self.delta = [
            nn.Parameter(torch.zeros(in_features(m) // r, device=place))
            for (_, m), r, place in zip(self.projections, self.repeats, places, strict=True)
        ]

    def parameters(self) -> list[nn.Parameter]:
        return self.delta

    def on(self) -> contextlib.AbstractContextManager[Any]:
        return scaled(self.model, self._scales())

    def state(self) -> State:
        return {name: delta.detach().cpu().clone() for (name, _), delta in zip(self.projections, self.delta, strict=True)}

    @torch.no_grad()
    def load(self, state: State) -> None:
        for (name, _), delta in zip(self.projections, self.delta, strict=True):
            delta.copy_(state[name])

    def shrink(self) -> torch.Tensor:
        return torch.cat([d.square().to(self.delta[0].device) for d in self.delta]).mean()

    def scales(self) -> Scales:
        """Return the current scales: name of the head-output projection → [n_heads * head_dim], detached."""
        return {name: scale.detach().clone() for name, scale in self._scales().items()}

    def save(self, folder: Path, card: dict[str, Any]) -> dict[str, Any]:
        scales = self.scales()
        values = torch.cat([scale.cpu() for scale in scales.values()])
        card = card | {"scale_min": values.min().item(), "scale_max": values.max().item()}
        with contextlib.suppress(SealError):  # layers that differ in their number of heads have no table of [n_layers][n_heads]
            heads = n_heads(self.model)
            card["mean_scales"] = [[round(float(head.mean()), 4) for head in scale.reshape(heads, -1)] for scale in scales.values()]
        save_adapter(self.model, scales, folder, card)
        return card

    def _scales(self) -> Scales:
        """Return the scales, repeated over each head's channels, with gradients to δ."""
        parts = zip(self.projections, self.delta, self.repeats, strict=True)
        return {name: (1 + delta).repeat_interleave(repeat) for (name, _), delta, repeat in parts}


@contextlib.contextmanager
def low_rank(model: Any, kind: Kind, rank: int, seed: int) -> Iterator["LowRank"]:
    """Context manager: adds LoRA (Hu et al. 2021) or DoRA (Liu et al. 2024) to the attention projections with peft; afterwards removes it.

    `seed` sets the initial parameters; the global random state does not change.
    """
    from peft import LoraConfig, get_peft_model

    if away := offloaded_weight(model):
        raise SealError(f"{kind} cannot be added to {away}, which is not in memory with this device map; use one without cpu and disk")
    targets = attention_linears(model)
    config = LoraConfig(
        task_type="CAUSAL_LM", r=rank, lora_alpha=2 * rank, lora_dropout=0.0, use_dora=kind == "dora", target_modules=targets,
        fan_in_fan_out=hasattr(head_projections(model)[0][1], "nx"),
    )  # fmt: skip
    with torch.random.fork_rng(devices=[device_of(model)] if device_of(model).type == "cuda" else []), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft warns when it cannot look up the base model's name
        torch.manual_seed(seed)
        wrapped: Any = get_peft_model(model, config)
    try:
        wrapped.base_model.disable_adapter_layers()
        yield LowRank(model, wrapped)
    finally:
        take_out(model, wrapped)


class LowRank:
    """LoRA or DoRA adapters of peft on a model, as fp32 parameters. A Trainable, see there for its methods."""

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
        (folder / "README.md").unlink(missing_ok=True)  # peft's empty template of a model card
        config = read_json(folder / "adapter_config.json")
        write_json(folder / "adapter_config.json", config | {"target_modules": sorted(config["target_modules"])})  # its order varies
        write_json(folder / CARD, card)
        return card
