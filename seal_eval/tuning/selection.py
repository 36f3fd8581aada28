"""Measure candidates on validation data and select one: the lowest loss on samples, within a limit for the perplexity of prose."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F

from seal_eval.core.types import Sample
from seal_eval.models.modules import device_of
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.tuning.losses import PROSE_TOKENS, Prose, kl_divergence, log_probabilities, prose_pieces, prose_positions, record_answered
from seal_eval.tuning.parameters import State, Trainable
from seal_eval.tuning.processes import Processes

PROSE_PIECES = 16  # pieces of validation prose
INTERPOLATIONS = (0.85, 0.7, 0.55, 0.4, 0.25)  # fractions of the way from plain, tried when the best candidate exceeds the limit


@dataclass(frozen=True)
class Candidate:
    """Parameters that tuning may keep, as measured on validation samples and validation prose."""

    step: int  # training steps before it was measured
    interpolation: float  # fraction of the way from the plain model to the parameters of that step
    loss: float  # nats per answer token, mean over samples
    accuracy: float  # fraction of samples whose answer greedy decoding produces
    kl: float  # KL(plain ‖ tuned) on prose, nats per token
    perplexity_ratio: float  # of prose, tuned / plain

    def as_json(self) -> dict[str, float]:
        """Return the fields as they are stored in files, where `interpolation` is called `share`."""
        return {"share" if key == "interpolation" else key: value for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "Candidate":
        """Return the candidate of which `as_json` returned `fields`."""
        return cls(**{"interpolation" if key == "share" else key: value for key, value in fields.items()})


class Validator:
    """Evaluates the current parameters on validation samples and prose. Construct it while the model is plain: it measures that first.

    records: lists of samples that ask about one record; share: whether that is read once for all of them. group: processes, each of
    which measures a part; all have the same results. plain: the candidate of the model without tuning.
    """

    def __init__(
        self, model: Any, prompt_format: PromptFormat, records: list[list[Sample]], seed: int, share: bool = True,
        group: Processes | None = None,
    ) -> None:  # fmt: skip
        self.group = group or Processes()
        self.model, self.prompt_format, self.records, self.share = model, prompt_format, self.group.part(records), share
        pieces = prose_pieces(prompt_format.tokenizer, PROSE_PIECES, PROSE_TOKENS, seed, validation=True)
        self.prose, self.plain_nll = list[Prose](), list[float]()
        for ids in self.group.part(pieces):
            nll, log_probs = self._nll(ids.to(device_of(model)))
            where = prose_positions(ids)
            self.prose.append(Prose(ids.to(device_of(model)), where, log_probs[where]))
            self.plain_nll.append(nll)
        loss, accuracy = self._answers()
        self.plain = Candidate(0, 0.0, loss, accuracy, 0.0, 1.0)

    @torch.no_grad()
    def __call__(self, trained: Trainable, step: int, interpolation: float = 1.0) -> Candidate:
        """Measure the current parameters. `step` and `interpolation` say where they come from and are stored in the candidate."""
        with trained.on():
            loss, accuracy = self._answers()
            predictions = [self._nll(piece.ids) for piece in self.prose]
        kl = [float(kl_divergence(piece.plain, now[piece.where])) for piece, (_, now) in zip(self.prose, predictions, strict=True)]
        rise = sum(nll for nll, _ in predictions) - sum(self.plain_nll)
        kls, rise, n_tokens = self.group.add(sum(kl), rise, sum(len(piece.ids) - 1 for piece in self.prose))
        return Candidate(step, interpolation, loss, accuracy, kls / PROSE_PIECES, math.exp(min(rise / n_tokens, 50.0)))  # no overflow

    @torch.no_grad()
    def _nll(self, ids: torch.Tensor) -> tuple[float, torch.Tensor]:
        """Return (negative log-likelihood of a piece in nats, sum over tokens; its log-probabilities [n_tokens - 1, vocab])."""
        log_probs = log_probabilities(self.model, ids, torch.arange(len(ids) - 1, device=ids.device))
        return F.nll_loss(log_probs, ids[1:], reduction="sum").item(), log_probs

    def _answers(self) -> tuple[float, float]:
        """Return (mean loss in nats per token, accuracy) on the validation samples."""
        results = [answer for record in self.records for answer in record_answered(self.model, self.prompt_format, record, self.share)]
        losses, right, n = self.group.add(sum(loss for loss, _ in results), sum(right for _, right in results), len(results))
        return losses / n, right / n


def between(start: State, end: State, interpolation: float) -> State:
    """Return start + interpolation * (end − start) of every parameter (weight-space interpolation: Wortsman et al. 2022, WiSE-FT)."""
    return {name: start[name] + interpolation * (end[name] - start[name]) for name in end}


def choose(
    validator: Validator, trained: Trainable, start: State, candidates: list[tuple[Candidate, State]], limit: float
) -> tuple[Candidate, State, list[Candidate]]:
    """Select a candidate and load its parameters. Return (the candidate, its parameters, every candidate measured).

    The candidate has the lowest loss of those whose perplexity rises by at most the fraction `limit`. When the one with the lowest loss
    exceeds the limit, points between the plain model (`start`) and it are measured too, to find the nearest to it that is within the
    limit. When none is, the candidate with the lowest perplexity is kept.
    """
    measured = list(candidates)
    best, end = min(measured, key=lambda pair: pair[0].loss)

    def within(interpolation: float) -> bool:
        parameters = between(start, end, interpolation)
        trained.load(parameters)
        measured.append((validator(trained, best.step, interpolation), parameters))
        return measured[-1][0].perplexity_ratio <= 1 + limit

    rise = best.perplexity_ratio - 1
    if rise > limit:
        # it rises about with the square of the way from plain: the search begins where that is within the limit, as each point takes time
        far = [s for s in INTERPOLATIONS if s**2 * rise > limit]
        near = [s for s in INTERPOLATIONS if s not in far] or [far.pop()]
        if within(near[0]):
            all(within(s) for s in reversed(far))  # nearer to the best, until one is not
        else:
            any(within(s) for s in near[1:])  # nearer to plain, until one is
    allowed = [pair for pair in measured if pair[0].perplexity_ratio <= 1 + limit]
    kept, parameters = min(allowed, key=lambda pair: pair[0].loss) if allowed else min(measured, key=lambda pair: pair[0].perplexity_ratio)
    trained.load(parameters)
    return kept, parameters, [candidate for candidate, _ in measured]
