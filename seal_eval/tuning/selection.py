"""Which of the settings that tuning passed through is kept: generated validation samples against the cost on prose."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F

from seal_eval.core.types import Sample
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.tuning.losses import PROSE_TOKENS, answered, kl_divergence, log_probabilities, prose_pieces, read_prose
from seal_eval.tuning.parameters import State, Trainable

PROSE_PIECES = 16
INTERPOLATIONS = (0.85, 0.7, 0.55, 0.4, 0.25)  # of the way from plain, tried when the whole way costs too much


@dataclass(frozen=True)
class Candidate:
    """A setting on the frontier of gain and cost, measured on validation samples and validation prose."""

    step: int  # after so many steps
    interpolation: float  # of the way from the plain model to the parameters of that step
    loss: float  # nats per answer token
    accuracy: float  # of whole answers, every token the likeliest: what greedy decoding gives
    kl: float  # KL(plain ‖ tuned), nats per token
    perplexity_ratio: float

    def as_json(self) -> dict[str, float]:
        """As files hold it: `interpolation` is called `share` there."""
        return {"share" if key == "interpolation" else key: value for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> "Candidate":
        """The inverse of `as_json`."""
        return cls(**{"interpolation" if key == "share" else key: value for key, value in found.items()})


class Validator:
    """Measures what is trained on samples and prose that it does not learn from. Make it while the model is plain."""

    def __init__(self, model: Any, prompt_format: PromptFormat, samples: list[Sample], seed: int) -> None:
        self.model, self.prompt_format, self.samples = model, prompt_format, samples
        pieces = prose_pieces(prompt_format.tokenizer, PROSE_PIECES, PROSE_TOKENS, seed, validation=True)
        self.prose = [read_prose(model, ids) for ids in pieces]
        self.plain_nll = [self._nll(piece.ids)[0] for piece in self.prose]
        loss, accuracy = self._answers()
        self.plain = Candidate(0, 0.0, loss, accuracy, 0.0, 1.0)

    @torch.no_grad()
    def __call__(self, trained: Trainable, step: int, interpolation: float = 1.0) -> Candidate:
        """The point of the parameters as they are."""
        with trained.on():
            loss, accuracy = self._answers()
            read = [self._nll(piece.ids) for piece in self.prose]
        kl = [float(kl_divergence(piece.plain, now[piece.where])) for piece, (_, now) in zip(self.prose, read, strict=True)]
        rise = sum(nll for nll, _ in read) - sum(self.plain_nll)
        rise /= sum(len(piece.ids) - 1 for piece in self.prose)
        return Candidate(step, interpolation, loss, accuracy, sum(kl) / len(kl), math.exp(min(rise, 50.0)))

    @torch.no_grad()
    def _nll(self, ids: torch.Tensor) -> tuple[float, torch.Tensor]:
        """(negative log-likelihood of a piece in nats, its log-probabilities [n_tokens - 1, vocab])."""
        said = log_probabilities(self.model, ids, torch.arange(len(ids) - 1, device=ids.device))
        return F.nll_loss(said, ids[1:], reduction="sum").item(), said

    def _answers(self) -> tuple[float, float]:
        found = [answered(self.model, self.prompt_format, sample) for sample in self.samples]
        return sum(loss for loss, _ in found) / len(found), sum(right for _, right in found) / len(found)


def between(start: State, end: State, interpolation: float) -> State:
    """The setting `interpolation` of the way from `start` to `end` (weight-space interpolation: Wortsman et al. 2022, WiSE-FT)."""
    return {name: start[name] + interpolation * (end[name] - start[name]) for name in end}


def choose(
    validator: Validator, trained: Trainable, start: State, candidates: list[tuple[Candidate, State]], limit: float
) -> tuple[Candidate, State, list[Candidate]]:
    """(the point kept, its parameters, every point measured): the lowest loss among those that cost at most `limit`.

    Each step that was looked at counts as it is; for the best of them that costs too much, shares of the way to it are measured until one
    fits. When nothing fits, the smallest share is kept: it came furthest down.
    """
    measured = list(candidates)
    best, end = min(measured, key=lambda p: p[0].loss)
    if best.perplexity_ratio > 1 + limit:
        for interpolation in INTERPOLATIONS:
            state = between(start, end, interpolation)
            trained.load(state)
            measured.append((validator(trained, best.step, interpolation), state))
            if measured[-1][0].perplexity_ratio <= 1 + limit:
                break
    fitting = [p for p in measured if p[0].perplexity_ratio <= 1 + limit]
    kept, state = min(fitting, key=lambda p: p[0].loss) if fitting else min(measured, key=lambda p: p[0].perplexity_ratio)
    trained.load(state)
    return kept, state, [p for p, _ in measured]
