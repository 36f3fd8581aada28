"""Which heads matter for a task: the exact effect of removing each head, and a prediction of it from one backward pass per sample.

Lee et al. 2025, SEAL, section 3: zeroing one head changes retrieval accuracy by up to 20 points, and the heads that help are stable.
Here the effect is measured on the loss of the answer's tokens, which carries more information per sample than accuracy.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch.utils._pytree import tree_map

from seal_eval import __version__
from seal_eval.core.errors import SealError
from seal_eval.core.files import MAP, write_json, write_text
from seal_eval.core.folders import new_folder
from seal_eval.core.progress import progress as bar_of
from seal_eval.core.settings import Count, Index, check_settings
from seal_eval.core.types import Sample
from seal_eval.models.adapters import input_times
from seal_eval.models.base_weights import FINGERPRINT, weights_fingerprint
from seal_eval.models.hub import resolve, source
from seal_eval.models.loading import load_model
from seal_eval.models.memory import out_of_memory
from seal_eval.models.modules import head_projections, in_features, n_heads
from seal_eval.models.window import window_of
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.prompts.settings import PromptSettings
from seal_eval.tasks import get_task
from seal_eval.tuning.config import Dtype
from seal_eval.tuning.losses import answer_loss
from seal_eval.tuning.parameters import Gains, frozen
from seal_eval.tuning.records import check_window


@dataclass(frozen=True)
class HeadsSpec:
    """Settings of a map of heads. Raises SealError for an unknown task and for a value that is not allowed."""

    task: str = "seal_lines"
    length: Count = 600  # in the task's unit
    samples: Count = 4
    seed: Index = 0
    sweep: bool = True  # also measure the exact effect of removing each head
    by: Literal["effect", "copy", "both"] = "effect"  # what is measured: effects on the loss, copy scores, or both
    chat: bool = False  # render the samples with the model's chat template
    system: str = ""  # system prompt of the samples
    dtype: Dtype = "auto"  # of the weights; auto: as saved

    def __post_init__(self) -> None:
        get_task(self.task)
        check_settings("a map of heads", self)


def head_map(model_name: str, spec: HeadsSpec, out: Path, trust_remote_code: bool = False, device_map: str = "") -> dict[str, Any]:
    """Write heads.json and a picture per theme into the new folder `out`. Return the content of heads.json.

    `gradient` (predicted) and `pruned` (exact, None without `sweep`) are [n_layers][n_heads]: the rise of the answer's loss (nats per
    token) when the head is removed, positive for heads that help. `copy` is the share of the answer's tokens that the head copies. What
    spec.by leaves out is None. With both, `copy_spearman` is the rank correlation of copy scores with the effects, exact ones if measured.
    Raises SealError when `out` exists or the model cannot be loaded.
    """
    from seal_eval.core.figure import THEMES, head_picture
    from seal_eval.tuning.copy_scores import by_copying

    with new_folder(out) as folder:
        model, tokenizer = load_model(model_name, spec.dtype, trust_remote_code, device_map=device_map)
        prompt_format = PromptFormat(tokenizer, PromptSettings(chat_template=spec.chat, system_instruction=spec.system))
        samples = get_task(spec.task).build(prompt_format, spec.length, spec.samples, spec.seed, split="tune")
        check_window(samples, window_of(model_name, trust_remote_code))
        place = resolve(model_name)
        result: dict[str, Any] = {
            "seal_eval": __version__, "model": model_name, "model_source": source(place),
            FINGERPRINT: weights_fingerprint(place), **asdict(spec),
            "gradient": None, "pruned": None, "copy": None,
        }  # fmt: skip
        pictures, effect = {}, None
        if spec.by != "copy":
            effect = gradient = by_gradient(model, prompt_format, samples)
            result["gradient"] = gradient.tolist()
            if spec.sweep:
                effect = by_pruning(model, prompt_format, samples, progress=True)
                result |= {"pruned": effect.tolist(), **agreement(gradient, effect)}
            pictures["heads"] = (effect.tolist(), "rise of the answer's loss without the head (nats)")
        if spec.by != "effect":
            copied = by_copying(model, prompt_format, samples)
            result["copy"] = copied.tolist()
            if effect is not None:
                result["copy_spearman"] = agreement(copied, effect)["spearman"]
            pictures["copy"] = (copied.tolist(), "share of the answer's tokens that the head copies")
        write_json(folder / MAP, result)
        for theme in THEMES:
            for name, (scores, label) in pictures.items():
                write_text(folder / f"{name}-{theme}.svg", head_picture(scores, theme, label))
    return result


def by_gradient(model: Any, prompt_format: PromptFormat, samples: list[Sample]) -> torch.Tensor:
    """Return [n_layers, n_heads]: −∂L/∂s at s = 1, mean over samples.

    This is the first-order estimate of how much the loss (nats per token) rises when a head's scale s goes from 1 to 0. Raises SealError
    when the loss does not go through a layer's scales: then the model computes its heads elsewhere, and nothing is known of them.
    """
    gains = Gains(model, per_head=True)
    with frozen(model):
        for sample in samples:
            with gains.on():
                (answer_loss(model, prompt_format, sample) / len(samples)).backward()
    rows = []
    for (name, _), delta in zip(head_projections(model), gains.delta, strict=True):
        if delta.grad is None:
            raise SealError(f"{type(model).__name__}: {name} is not called in a forward pass, so its heads have no effect to be measured")
        rows.append(-delta.grad.detach().cpu())
    return torch.stack(rows)


@torch.no_grad()
def by_pruning(model: Any, prompt_format: PromptFormat, samples: list[Sample], progress: bool = False) -> torch.Tensor:
    """Return [n_layers, n_heads]: the exact rise of the loss (nats per token) when that head alone is zeroed, mean over samples.

    One forward pass per layer and sample: row h of the batch has head h zeroed. Layers below reuse their outputs of an unpruned pass,
    unless the model's layers pass more on than their outputs: then all layers compute.
    """
    projections, heads = head_projections(model), n_heads(model)
    replays = bool(samples) and can_replay(model, prompt_format, samples[0])
    total = torch.zeros(len(projections), heads)
    with bar_of("heads removed", len(samples) * len(projections), quiet=not progress) as bar:
        for sample in samples:
            with remembered(model) as outputs:
                plain = answer_loss(model, prompt_format, sample)
            for layer, (_, projection) in enumerate(projections):
                keep = 1 - torch.eye(heads).repeat_interleave(in_features(projection) // heads, 1)[:, None]  # [heads, 1, channels]
                with replayed(model, outputs, layer if replays else 0, heads), input_times(projection, keep):
                    try:
                        losses = answer_loss(model, prompt_format, sample, copies=heads)
                    except (RuntimeError, TypeError, ValueError) as error:
                        if out_of_memory(error):
                            raise
                        raise SealError(f"{type(model).__name__}: heads cannot be removed one by one; pass --no-sweep") from error
                total[layer] += (losses - plain).cpu() / len(samples)
                bar.update()
    return total


def agreement(gradient: torch.Tensor, pruned: torch.Tensor) -> dict[str, float | None]:
    """Return Spearman's rank correlation of prediction and exact effect, and the fraction of heads whose sign is predicted correctly.

    The correlation is None where one of the two is the same for all heads, or there is only one head: equal numbers have no ranks.
    """
    from scipy.stats import spearmanr

    a, b = gradient.flatten().numpy(), pruned.flatten().numpy()
    spearman = float(spearmanr(a, b).statistic) if np.ptp(a) > 0 and np.ptp(b) > 0 else None
    return {"spearman": spearman, "sign_agreement": float(((a > 0) == (b > 0)).mean())}


@torch.no_grad()
def can_replay(model: Any, prompt_format: PromptFormat, sample: Sample) -> bool:
    """Return whether a pass of two rows in which all layers but the last return recorded outputs has the loss of a pass that computes."""
    with remembered(model) as outputs:
        plain = answer_loss(model, prompt_format, sample)
    try:
        with replayed(model, outputs, len(outputs) - 1, 2):
            again = answer_loss(model, prompt_format, sample, copies=2)
    except (RuntimeError, TypeError, AttributeError, KeyError, IndexError, ValueError):
        return False
    return bool(((again - plain).abs() <= 1e-2 * plain.abs()).all())


def decoder_layers(model: Any) -> list[Any]:
    """Return the decoder layers, each of which has one attention module, bottom layer first."""
    modules = dict(model.named_modules())
    return [modules[name.rsplit(".", 2)[0]] for name, _ in head_projections(model)]


@contextlib.contextmanager
def remembered(model: Any) -> Iterator[list[Any]]:
    """Context manager: records the outputs of the decoder layers, bottom first. Run one forward pass inside it."""
    outputs: list[Any] = []
    handles = [layer.register_forward_hook(lambda _m, _a, out: outputs.append(out)) for layer in decoder_layers(model)]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


@contextlib.contextmanager
def replayed(model: Any, outputs: list[Any], first: int, copies: int) -> Iterator[None]:
    """Context manager: inside it the layers below `first` return their recorded outputs, repeated for `copies` rows, and compute nothing.

    `outputs`: from `remembered`, of one sequence [1, n_tokens, width].
    """
    layers = decoder_layers(model)[:first]
    before = [vars(layer).get("forward") for layer in layers]

    def constant(output: Any) -> Any:
        repeated = tree_map(rows, output)
        return lambda *args, **kwargs: repeated

    def rows(value: Any) -> Any:
        """Repeat the one row of a tensor [1, n_tokens, width], or [n, 1, n_tokens, width] as in Gemma 3n."""
        if not isinstance(value, torch.Tensor) or value.dim() not in (3, 4):
            return value
        return value.expand(copies, -1, -1) if value.dim() == 3 else value.expand(-1, copies, -1, -1)

    try:
        for layer, output in zip(layers, outputs, strict=False):
            layer.forward = constant(output)
        yield
    finally:
        for layer, forward in zip(layers, before, strict=True):
            if forward is None:
                del layer.forward
            else:
                layer.forward = forward
