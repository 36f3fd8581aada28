"""Which heads matter for a task: the exact effect of removing each, and one backward pass that predicts it.

Lee et al. 2025, SEAL, section 3: zeroing a head moves retrieval by up to 20 points, and which heads help is stable. There the effect is
on accuracy; here it is on the loss of the answer's tokens, which says more per sample.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from seal_eval import __version__
from seal_eval.core.errors import SealError, whole_number
from seal_eval.core.files import MAP, new_folder, write_json, write_text
from seal_eval.core.progress import progress as bar_of
from seal_eval.core.types import Sample
from seal_eval.models.adapters import input_times
from seal_eval.models.hub import resolve, source
from seal_eval.models.loading import load_model
from seal_eval.models.modules import head_projections, in_features, n_heads
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.tasks import get_task
from seal_eval.tuning.losses import answer_loss
from seal_eval.tuning.parameters import Gains, frozen


@dataclass(frozen=True)
class HeadsSpec:
    """What a map of heads depends on, besides the model's weights. Raises SealError for an unknown task and a value it cannot have."""

    task: str = "seal_lines"
    length: int = 600  # in the task's unit
    samples: int = 4
    seed: int = 0
    sweep: bool = True  # also the exact effect of each head's removal

    def __post_init__(self) -> None:
        get_task(self.task)
        for name, least in (("length", 1), ("samples", 1), ("seed", 0)):
            whole_number("a map of heads", name, getattr(self, name), least)
        if not isinstance(self.sweep, bool):
            raise SealError(f"a map of heads: sweep is {self.sweep!r}, must be true or false")


def head_map(model_name: str, spec: HeadsSpec, out: Path) -> dict[str, Any]:
    """Write heads.json and pictures into the new folder `out`; returns what heads.json holds.

    `gradient` and `pruned` are [n_layers][n_heads]: how much the answer's loss (nats per token) rises when the head is removed, predicted
    and exact; positive for heads that help.
    """
    from seal_eval.core.figure import THEMES, head_picture

    with new_folder(out) as folder:
        model, tokenizer = load_model(model_name)
        prompt_format = PromptFormat(tokenizer)
        samples = get_task(spec.task).build(prompt_format, spec.length, spec.samples, spec.seed, split="tune")
        gradient = by_gradient(model, prompt_format, samples)
        found: dict[str, Any] = {
            "seal_eval": __version__, "model": model_name, "model_source": source(resolve(model_name)), **asdict(spec),
            "gradient": gradient.tolist(), "pruned": None,
        }  # fmt: skip
        if spec.sweep:
            pruned = by_pruning(model, prompt_format, samples, progress=True)
            found |= {"pruned": pruned.tolist(), **agreement(gradient, pruned)}
        write_json(folder / MAP, found)
        for theme in THEMES:
            write_text(folder / f"heads-{theme}.svg", head_picture(found["pruned"] or found["gradient"], theme))
    return found


def by_gradient(model: Any, prompt_format: PromptFormat, samples: list[Sample]) -> torch.Tensor:
    """[n_layers, n_heads] −∂L/∂s at s = 1, mean over samples: the first-order rise of the loss when a head goes from 1 to 0."""
    gains = Gains(model, per_head=True)
    with frozen(model):
        for sample in samples:
            with gains.on():
                (answer_loss(model, prompt_format, sample) / len(samples)).backward()
    return -torch.stack([delta.grad.detach().cpu() for delta in gains.delta if delta.grad is not None])


@torch.no_grad()
def by_pruning(model: Any, prompt_format: PromptFormat, samples: list[Sample], progress: bool = False) -> torch.Tensor:
    """[n_layers, n_heads] exact rise of the loss when each head alone is zeroed, mean over samples.

    The heads of a layer are rows of one batch; layers below take their outputs from the unpruned pass.
    """
    projections, heads = head_projections(model), n_heads(model)
    total = torch.zeros(len(projections), heads)
    with bar_of("heads removed", len(samples) * len(projections), quiet=not progress) as bar:
        for sample in samples:
            with remembered(model) as outputs:
                plain = answer_loss(model, prompt_format, sample)
            for layer, (_, projection) in enumerate(projections):
                keep = 1 - torch.eye(heads).repeat_interleave(in_features(projection) // heads, 1)[:, None]  # [heads, 1, channels]
                with replayed(model, outputs, layer, heads), input_times(projection, keep):
                    losses = answer_loss(model, prompt_format, sample, copies=heads)
                total[layer] += (losses - plain).cpu() / len(samples)
                bar.update()
    return total


def agreement(gradient: torch.Tensor, pruned: torch.Tensor) -> dict[str, float]:
    """Spearman's rank correlation of prediction and exact effect, and the share of heads on whose sign they agree."""
    from scipy.stats import spearmanr

    a, b = gradient.flatten().numpy(), pruned.flatten().numpy()
    return {"spearman": float(spearmanr(a, b).statistic), "sign_agreement": float(((a > 0) == (b > 0)).mean())}


def decoder_layers(model: Any) -> list[Any]:
    """The modules that hold one attention each, bottom first."""
    modules = dict(model.named_modules())
    return [modules[name.rsplit(".", 2)[0]] for name, _ in head_projections(model)]


@contextlib.contextmanager
def remembered(model: Any) -> Iterator[list[Any]]:
    """Every decoder layer's output in the pass inside the block."""
    outputs: list[Any] = []
    handles = [layer.register_forward_hook(lambda _m, _a, out: outputs.append(out)) for layer in decoder_layers(model)]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


@contextlib.contextmanager
def replayed(model: Any, outputs: list[Any], first: int, copies: int) -> Iterator[None]:
    """Inside the block the layers below `first` give what they gave, `copies` times over, without computing."""
    layers = decoder_layers(model)[:first]
    before = [vars(layer).get("forward") for layer in layers]

    def answer(output: Any) -> Any:
        if isinstance(output, tuple):
            return lambda *args, **kwargs: (output[0].expand(copies, -1, -1), *output[1:])
        return lambda *args, **kwargs: output.expand(copies, -1, -1)

    try:
        for layer, output in zip(layers, outputs, strict=False):
            layer.forward = answer(output)
        yield
    finally:
        for layer, own in zip(layers, before, strict=True):
            if own is None:
                del layer.forward
            else:
                layer.forward = own
