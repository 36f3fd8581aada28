"""The steps of a tuning run (Lee et al. 2025, section 4): samples in turn, prose beside them, looks from time to time."""

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from seal_eval.core.errors import SealError
from seal_eval.core.progress import progress as bar_of
from seal_eval.core.types import Sample
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.tasks import get_task
from seal_eval.tuning.config import CHECKPOINT_FROM, TuneSpec
from seal_eval.tuning.losses import PROSE_TOKENS, answer_loss, prose_kl, prose_pieces, read_prose
from seal_eval.tuning.parameters import State, Trainable
from seal_eval.tuning.selection import Candidate, Validator, choose

VALIDATE_EVERY = 10  # steps between looks at the validation samples
MIN_IMPROVEMENT = 0.02  # a look that lowers the validation loss by less than this fraction is one in vain; two in a row end the run


@dataclass
class TuningState:
    """How far a run has come; all that it needs to go on."""

    step: int = 0
    parameters: State = field(default_factory=dict)
    optimizer: State = field(default_factory=dict)
    log: list[dict[str, float]] = field(default_factory=list)
    candidates: list[tuple[Candidate, State]] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True)
class Learned:
    """What learning gives, the parameters being those kept: where they stand, every point seen, the steps, and why it ended."""

    kept: Candidate
    plain: Candidate
    measured: list[Candidate]
    log: list[dict[str, float]]
    seconds: float  # of the whole run, looks and interrupted parts included
    diverged: str = ""
    stopped_early: bool = False


def samples_of(prompt_format: PromptFormat, spec: TuneSpec) -> tuple[list[Sample], list[Sample]]:
    """(training samples with the tasks in turn, validation samples): all from the tuning part, all distinct."""
    mixture = spec.mixture()
    each = -(-spec.samples // len(mixture))
    built = [get_task(task).build(prompt_format, size, each + max(spec.validation, 1), spec.seed, split="tune") for task, size in mixture]
    train = [samples[i] for i in range(each) for samples in built][: spec.samples]
    return train, [sample for samples in built for sample in samples[each:]]


def learn(
    model: Any, prompt_format: PromptFormat, spec: TuneSpec, trained: Trainable, done: TuningState | None = None,
    save: Callable[[TuningState], None] = lambda _: None, window: int | None = None, progress: bool = False,
) -> Learned:  # fmt: skip
    """Train `trained` from where `done` left; it ends with the parameters that are kept. `save` is called from time to time.

    Loss of a step: cross-entropy of the answer's tokens (mean, nats) + kl * KL(plain ‖ tuned) on a piece of prose + shrink * mean (s − 1)².
    A run whose loss is no longer finite, or worse than a uniform guess, ends and keeps the best setting before that.
    """
    done = done or TuningState()
    began = time.perf_counter() - done.seconds
    train, validation = samples_of(prompt_format, spec)
    _check_window(window, [*train, *validation])
    pieces = prose_pieces(prompt_format.tokenizer, spec.samples, PROSE_TOKENS, spec.seed)
    validator = Validator(model, prompt_format, validation, spec.seed)
    start = trained.state()
    optimizer = torch.optim.AdamW(trained.parameters(), lr=spec.rate(), weight_decay=0.0)  # decay would pull s to 0, not to 1
    if done.step:
        trained.load(done.parameters)
        _load_optimizer(optimizer, done.optimizer)
    diverged, good = "", (done.step, trained.state())
    with bar_of("tuning", spec.samples, done=done.step, quiet=not progress) as bar:
        while done.step < len(train) and not stopped_improving(done.candidates, validator.plain):
            for group in optimizer.param_groups:
                group["lr"] = spec.rate() * (1 - done.step / spec.samples)
            entry = _step(model, prompt_format, spec, trained, train[done.step], pieces[done.step])
            if diverged := _bad(entry, done.log, model):
                break
            if done.step and entry["loss"] < _uniform(model):
                good = (done.step, trained.state())
            optimizer.step()
            optimizer.zero_grad()
            done.step += 1
            done.log.append(entry)
            if done.step % VALIDATE_EVERY == 0 or done.step == len(train):
                done.candidates.append((validator(trained, done.step), trained.state()))
            if done.step % (VALIDATE_EVERY // 2) == 0:
                done.parameters, done.optimizer = trained.state(), _optimizer_state(optimizer)
                done.seconds = time.perf_counter() - began
                save(done)
            shown = {"loss": f"{entry['loss']:.2f}", "kl": f"{entry['kl']:.3f}"}
            bar.update(1, **(shown | ({"validation": f"{done.candidates[-1][0].accuracy:.0%}"} if done.candidates else {})))
    if diverged:
        if good[0]:
            trained.load(good[1])
            done.candidates.append((validator(trained, good[0]), good[1]))
        diverged = f"tuning diverged at step {done.step + 1} of {spec.samples} ({diverged}); lower --lr from {spec.rate():g}"
    sane = [p for p in done.candidates if math.isfinite(p[0].loss)]
    if not sane:
        raise SealError(diverged or "no validation loss is finite; the model's weights may be damaged")
    kept, _, measured = choose(validator, trained, start, sane, spec.cost_limit)
    return Learned(
        kept, validator.plain, measured, done.log, time.perf_counter() - began, diverged, not diverged and done.step < len(train)
    )


def stopped_improving(candidates: list[tuple[Candidate, State]], plain: Candidate) -> bool:
    """True when the last two looks lowered the best validation loss by too little to go on."""
    losses = [plain.loss, *(point.loss for point, _ in candidates)]
    return len(losses) > 3 and min(losses[-2:]) > (1 - MIN_IMPROVEMENT) * min(losses[:-2])


def _step(
    model: Any, prompt_format: PromptFormat, spec: TuneSpec, trained: Trainable, sample: Sample, piece: torch.Tensor
) -> dict[str, float]:
    began = time.perf_counter()
    said = read_prose(model, piece) if spec.kl else None
    again = sample.n_tokens >= CHECKPOINT_FROM if spec.checkpointing is None else spec.checkpointing
    with trained.on(), activations_recomputed(model) if again else contextlib.nullcontext():
        answer = answer_loss(model, prompt_format, sample)
        (answer + spec.shrink * trained.shrink() if spec.shrink else answer).backward()
    drift = torch.zeros(())
    if said is not None:
        with trained.on():
            drift = prose_kl(model, said)
            (spec.kl * drift).backward()
    norm = nn.utils.clip_grad_norm_(trained.parameters(), 1.0)
    return {
        "loss": answer.item(), "kl": drift.item(), "grad_norm": float(norm), "n_tokens": sample.n_tokens,
        "seconds": time.perf_counter() - began,
    }  # fmt: skip


def _bad(entry: dict[str, float], log: list[dict[str, float]], model: Any) -> str:
    """Why this step's loss shows a run gone wrong, '' when it does not."""
    if not all(math.isfinite(entry[key]) for key in ("loss", "kl", "grad_norm")):
        return f"loss {entry['loss']}, kl {entry['kl']}, gradient {entry['grad_norm']}"
    last = [e["loss"] for e in log[-2:]] + [entry["loss"]]
    if len(last) == 3 and min(last) > max(_uniform(model), log[0]["loss"]):
        return f"three losses above {_uniform(model):.1f} nats, a uniform guess's"
    return ""


def _uniform(model: Any) -> float:
    """Loss of a model that finds every token equally likely, nats."""
    return math.log(model.config.get_text_config().vocab_size)


@contextlib.contextmanager
def activations_recomputed(model: Any) -> Iterator[None]:
    """Inside the block every decoder layer keeps its input alone and is computed again in the backward pass.

    Only the layers are put in training mode, their dropouts are not.
    """
    from transformers.modeling_layers import GradientCheckpointingLayer

    layers = [m for m in model.modules() if isinstance(m, GradientCheckpointingLayer)]
    if not layers:
        raise SealError(f"{type(model).__name__} cannot recompute activations; pass --no-checkpointing, or shorter samples")
    before = [layer.training for layer in layers]

    def turn(what: str) -> Any:  # older transformers call it gradient checkpointing
        return getattr(model, f"activation_checkpointing_{what}", None) or getattr(model, f"gradient_checkpointing_{what}")

    turn("enable")({"use_reentrant": False})
    for layer in layers:
        layer.training = True
    try:
        yield
    finally:
        for layer, training in zip(layers, before, strict=True):
            layer.training = training
        turn("disable")()


def _check_window(window: int | None, samples: list[Sample]) -> None:
    longest = max(s.n_tokens + s.answer_tokens for s in samples)
    if window and longest > window:
        raise SealError(f"samples of {longest} tokens do not fit the window of {window}; choose a smaller --length, or extend it with --on")


def _optimizer_state(optimizer: torch.optim.Optimizer) -> State:
    return {f"{i}.{k}": v.detach().cpu().clone() for i, s in optimizer.state_dict()["state"].items() for k, v in s.items()}


def _load_optimizer(optimizer: torch.optim.Optimizer, state: State) -> None:
    whole = optimizer.state_dict()
    whole["state"] = {}
    for key, value in state.items():
        i, name = key.split(".")
        whole["state"].setdefault(int(i), {})[name] = value
    optimizer.load_state_dict(whole)


def course(learned: Learned) -> dict[str, Any]:
    """A run's points and steps as they go into its card."""
    return {
        "kept": learned.kept.as_json(),
        "plain": learned.plain.as_json(),
        "frontier": [p.as_json() for p in learned.measured],
        "log": learned.log,
    }
