"""The training loop (Lee et al. 2025, section 4): records with one piece of prose each, and regular validation steps."""

import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from seal_eval.baselines import method_of
from seal_eval.core.errors import SealError
from seal_eval.core.progress import progress as bar_of
from seal_eval.core.types import Sample
from seal_eval.models.caches import allows_gradients, sharing
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.tuning.config import CHECKPOINT_FROM, TuneSpec
from seal_eval.tuning.losses import PROSE_TOKENS, prose_kl, prose_pieces, read_prose, record_loss
from seal_eval.tuning.parameters import State, Trainable
from seal_eval.tuning.processes import Processes
from seal_eval.tuning.recomputed import activations_recomputed
from seal_eval.tuning.records import Record, records_within
from seal_eval.tuning.selection import Candidate, Validator, choose

VALIDATE_EVERY = 10  # training steps between validation steps
NEAR_THE_END = 3  # a validation step with fewer training steps left is not taken: the one after the last tells as much
MIN_IMPROVEMENT = 0.02  # early stopping: the last two validation steps must lower the best loss by at least this fraction


@dataclass
class TuningState:
    """Everything that an interrupted run needs to continue."""

    step: int = 0  # training steps done
    parameters: State = field(default_factory=dict)
    optimizer: State = field(default_factory=dict)
    log: list[dict[str, float]] = field(default_factory=list)  # one entry per step, see `_step`
    candidates: list[tuple[Candidate, State]] = field(default_factory=list)  # one per validation step, with its parameters
    seconds: float = 0.0
    good_step: int = 0  # the last step after which the loss was below that of a uniform guess, and its parameters
    good: State = field(default_factory=dict)


@dataclass(frozen=True)
class Learned:
    """The result of `learn`."""

    kept: Candidate  # its parameters are the current ones
    plain: Candidate  # the model without tuning
    measured: list[Candidate]  # every candidate, interpolated ones included
    log: list[dict[str, float]]  # one entry per step, see `_step`
    seconds: float  # of the whole run, validation and interrupted parts included
    diverged: str = ""  # error message when the run diverged
    stopped_early: bool = False


def learn(
    model: Any, prompt_format: PromptFormat, spec: TuneSpec, trained: Trainable, done: TuningState | None = None,
    save: Callable[[TuningState], None] = lambda _: None, window: int | None = None, progress: bool = False,
    group: Processes | None = None, records: tuple[list[Record], list[Record]] | None = None,
) -> Learned:  # fmt: skip
    """Train `trained`, then load the parameters of the candidate that `choose` keeps.

    done: state of an interrupted run to continue; changed in place. save: called with the state every VALIDATE_EVERY // 2 steps.
    window: the model's window in tokens, None when unknown; longer samples raise SealError. group: the processes that share each batch.
    records: those of `records_within`, which are built if there are none.

    Loss of a record: cross-entropy of the answer's tokens (mean, nats) + kl * KL(plain ‖ tuned) on a piece of prose (mean, nats)
    + shrink * mean (s − 1)². A step takes the mean over the records of its batch. Training stops early as `stopped_improving` says. It
    also stops when the run diverges (see `_bad`): then the choice is among the candidates before that. Raises SealError when there is none.
    """
    done, group = done or TuningState(), group or Processes()
    began = time.perf_counter() - done.seconds
    train, validation = records or records_within(prompt_format, spec, window)
    share = not sharing(model, method_of(spec.on)).why_not and allows_gradients(model)
    pieces = prose_pieces(prompt_format.tokenizer, spec.samples, PROSE_TOKENS, spec.seed)
    batches = [list(zip(train[i : i + spec.batch], pieces[i : i + spec.batch], strict=True)) for i in range(0, len(train), spec.batch)]
    if group.n > spec.batch:
        raise SealError(f"batch is {spec.batch}, and {group.n} processes share it: pass --batch {group.n}, or a multiple of it")
    validator = Validator(model, prompt_format, validation, spec.seed, share, group)
    start = trained.state()
    optimizer = torch.optim.AdamW(trained.parameters(), lr=spec.rate(), weight_decay=0.0)  # decay would pull s to 0, not to 1
    if done.step:
        trained.load(done.parameters)
        _load_optimizer(optimizer, done.optimizer)
    diverged = ""
    with bar_of("tuning", len(batches), done=done.step, quiet=not progress) as bar:
        while done.step < len(batches) and not stopped_improving(done.candidates, validator.plain):
            for settings in optimizer.param_groups:
                settings["lr"] = spec.rate() * (1 - done.step / len(batches))
            entry = _step(model, prompt_format, spec, trained, batches[done.step], share, group)
            if diverged := _bad(entry, done.log, model):
                break
            if done.step and entry["loss"] < _uniform(model):
                done.good_step, done.good = done.step, trained.state()
            optimizer.step()
            optimizer.zero_grad()
            done.step += 1
            done.log.append(entry)
            if validates(done.step, len(batches)):
                done.candidates.append((validator(trained, done.step), trained.state()))
            if done.step % (VALIDATE_EVERY // 2) == 0:
                done.parameters, done.optimizer = trained.state(), _optimizer_state(optimizer)
                done.seconds = time.perf_counter() - began
                save(done)
            figures = {"loss": f"{entry['loss']:.2f}", "kl": f"{entry['kl']:.3f}"}
            bar.update(1, **(figures | ({"validation": f"{done.candidates[-1][0].accuracy:.0%}"} if done.candidates else {})))
    if diverged:
        if done.good_step:
            trained.load(done.good)
            done.candidates.append((validator(trained, done.good_step), done.good))
        diverged = f"tuning diverged at step {done.step + 1} of {len(batches)} ({diverged}); lower --lr from {spec.rate():g}"
    finite = [candidate for candidate in done.candidates if math.isfinite(candidate[0].loss)]
    if not finite:
        raise SealError(diverged or "no validation loss is finite; the model's weights may be damaged")
    kept, _, measured = choose(validator, trained, start, finite, spec.cost_limit)
    return Learned(
        kept, validator.plain, measured, done.log, time.perf_counter() - began, diverged, not diverged and done.step < len(batches)
    )


def validates(step: int, n_steps: int) -> bool:
    """Return whether a validation step follows training step `step` (from 1) of `n_steps`."""
    return step == n_steps or (step % VALIDATE_EVERY == 0 and n_steps - step >= NEAR_THE_END)


def stopped_improving(candidates: list[tuple[Candidate, State]], plain: Candidate) -> bool:
    """Return True when the last two validation steps lowered the best loss by less than MIN_IMPROVEMENT; at the earliest after three."""
    losses = [plain.loss, *(candidate.loss for candidate, _ in candidates)]
    return len(losses) > 3 and min(losses[-2:]) > (1 - MIN_IMPROVEMENT) * min(losses[:-2])


def _step(
    model: Any, prompt_format: PromptFormat, spec: TuneSpec, trained: Trainable, batch: list[tuple[list[Sample], torch.Tensor]],
    share: bool, group: Processes,
) -> dict[str, float]:  # fmt: skip
    """Compute the gradients of one step, clipped to norm 1. Return its log entry: losses in nats, the norm before clipping, seconds.

    batch: records, each a list of samples that ask about one text, with a piece of prose; every process computes its part of them. share:
    whether a record can be read once for all its questions; not where activations are recomputed.
    """
    began = time.perf_counter()
    answers = drifts = n_tokens = 0.0
    for record, piece in group.part(batch):
        prose = read_prose(model, piece) if spec.kl else None
        longest = max(sample.n_tokens for sample in record)
        recompute = longest >= CHECKPOINT_FROM if spec.checkpointing is None else spec.checkpointing
        with trained.on(), activations_recomputed(model) if recompute else contextlib.nullcontext():
            answer = record_loss(model, prompt_format, record, share and not recompute)
            ((answer + spec.shrink * trained.shrink() if spec.shrink else answer) / len(batch)).backward()
        if prose is not None:
            with trained.on():
                drift = prose_kl(model, prose)
                (spec.kl * drift / len(batch)).backward()
            drifts += drift.item() / len(batch)
        answers, n_tokens = answers + answer.item() / len(batch), n_tokens + longest
    group.add_gradients(trained.parameters())
    answers, drifts, n_tokens = group.add(answers, drifts, n_tokens)
    norm = nn.utils.clip_grad_norm_(trained.parameters(), 1.0)
    return {
        "loss": answers, "kl": drifts, "grad_norm": float(norm), "n_tokens": int(n_tokens), "seconds": time.perf_counter() - began,
    }  # fmt: skip


def _bad(entry: dict[str, float], log: list[dict[str, float]], model: Any) -> str:
    """Return why the run has diverged at this step, '' if it has not.

    It has when a value is not finite, or three losses in a row are above both the first loss and that of a uniform guess.
    """
    if not all(math.isfinite(entry[key]) for key in ("loss", "kl", "grad_norm")):
        return f"loss {entry['loss']}, kl {entry['kl']}, gradient {entry['grad_norm']}"
    last = [e["loss"] for e in log[-2:]] + [entry["loss"]]
    if len(last) == 3 and min(last) > max(_uniform(model), log[0]["loss"]):
        return f"three losses above {_uniform(model):.1f} nats, a uniform guess's"
    return ""


def _uniform(model: Any) -> float:
    """Return the loss (nats) of a uniform guess over the vocabulary."""
    return math.log(model.config.get_text_config().vocab_size)


def _optimizer_state(optimizer: torch.optim.Optimizer) -> State:
    """Return the optimizer's tensors on the CPU, as 'PARAMETER_INDEX.NAME'."""
    return {f"{i}.{k}": v.detach().cpu().clone() for i, s in optimizer.state_dict()["state"].items() for k, v in s.items()}


def _load_optimizer(optimizer: torch.optim.Optimizer, state: State) -> None:
    """Load what `_optimizer_state` returned."""
    state_dict = optimizer.state_dict()
    state_dict["state"] = {}
    for key, value in state.items():
        i, name = key.split(".")
        state_dict["state"].setdefault(int(i), {})[name] = value
    optimizer.load_state_dict(state_dict)


def course(learned: Learned) -> dict[str, Any]:
    """Return the entries of an adapter's card that describe the run: the candidate kept, the plain model, all candidates, the log."""
    return {
        "kept": learned.kept.as_json(),
        "plain": learned.plain.as_json(),
        "frontier": [candidate.as_json() for candidate in learned.measured],
        "log": learned.log,
    }
