"""The terms of the training loss: cross-entropy of the answers, and KL divergence from the plain model on prose."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

from seal_eval.core.types import Sample
from seal_eval.models.caches import keep_logits
from seal_eval.models.modules import device_of
from seal_eval.prompts.corpus import prose
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.tuning.shared_record import logits_of_answers

PROSE_TOKENS = 256  # length of the piece of prose in each step
PROSE_STRIDE = 4  # KL is computed at every fourth token: neighbouring tokens add little, and logits cost memory


def answer_logits(model: Any, prompt_format: PromptFormat, sample: Sample, copies: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (logits [copies, n_answer, vocab], token ids [n_answer]) of the answer after the prompt.

    Logits are computed for the answer only. The batch holds the sample `copies` times.
    """
    ids, n_prompt = prompt_format.continued(sample.input, sample.prefix, sample.answer)
    batch = torch.tensor([ids] * copies, device=device_of(model))
    keep = len(ids) - n_prompt + 1
    logits = model(batch, use_cache=False, **keep_logits(model, keep)).logits[:, -keep:-1]
    return logits, batch[0, n_prompt:]


def answer_loss(model: Any, prompt_format: PromptFormat, sample: Sample, copies: int = 0) -> torch.Tensor:
    """Return the mean cross-entropy (nats) of the answer's tokens after the prompt, a scalar.

    With `copies` above 0, the batch holds the sample that many times, for a model that treats rows differently; returns [copies].
    """
    logits, answer = answer_logits(model, prompt_format, sample, copies or 1)
    losses = torch.stack([F.cross_entropy(row.float(), answer) for row in logits])
    return losses if copies else losses[0]


def record_loss(model: Any, prompt_format: PromptFormat, samples: Sequence[Sample], share: bool = True) -> torch.Tensor:
    """Return the mean over `samples`, questions about one record, of `answer_loss`. share: as in `logits_of_answers`."""
    answers = logits_of_answers(model, prompt_format, samples, share)
    return torch.stack([F.cross_entropy(logits.float(), answer) for logits, answer in answers]).mean()


@torch.no_grad()
def record_answered(model: Any, prompt_format: PromptFormat, samples: Sequence[Sample], share: bool = True) -> list[tuple[float, bool]]:
    """Return for each sample (mean cross-entropy of its answer's tokens in nats, whether greedy decoding produces the answer)."""
    answers = logits_of_answers(model, prompt_format, samples, share)
    return [(F.cross_entropy(logits.float(), ids).item(), bool((logits.argmax(-1) == ids).all())) for logits, ids in answers]


def answered(model: Any, prompt_format: PromptFormat, sample: Sample) -> tuple[float, bool]:
    """Return `record_answered` of one sample."""
    return record_answered(model, prompt_format, [sample])[0]


@dataclass(frozen=True)
class Prose:
    """A piece of prose with the plain model's predictions at some of its positions."""

    ids: torch.Tensor  # [n_tokens]
    where: torch.Tensor  # [n_positions] indices into `ids`
    plain: torch.Tensor  # [n_positions, vocab] log-probabilities of the token after each position


@torch.no_grad()
def read_prose(model: Any, ids: torch.Tensor) -> Prose:
    """Return the piece of prose `ids` [n_tokens] with predictions at every PROSE_STRIDE-th position. Call it while the model is plain."""
    ids = ids.to(device_of(model))
    where = prose_positions(ids)
    return Prose(ids, where, log_probabilities(model, ids, where))


def prose_positions(ids: torch.Tensor) -> torch.Tensor:
    """Return the positions [n_positions] of a piece `ids` [n_tokens] at which predictions are compared."""
    return torch.arange(PROSE_STRIDE - 1, len(ids) - 1, PROSE_STRIDE, device=ids.device)


def prose_kl(model: Any, piece: Prose) -> torch.Tensor:
    """Return KL(plain ‖ current model) in nats, mean over the positions."""
    return kl_divergence(piece.plain, log_probabilities(model, piece.ids, piece.where))


def kl_divergence(plain: torch.Tensor, now: torch.Tensor) -> torch.Tensor:
    """Return KL(plain ‖ now) in nats, mean over the positions, from log-probabilities [n_positions, vocab]."""
    return F.kl_div(now, plain, log_target=True, reduction="batchmean")


def log_probabilities(model: Any, ids: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
    """Return [n_positions, vocab]: log-probabilities of the tokens after the positions `where` [n_positions] of `ids` [n_tokens]."""
    kept = keep_logits(model, where)
    logits = model(ids[None], use_cache=False, **kept).logits[0]
    return (logits if kept else logits[where]).float().log_softmax(-1)


def prose_pieces(tokenizer: Any, n: int, n_tokens: int, seed: int, validation: bool = False) -> list[torch.Tensor]:
    """Return `n` tensors [at most n_tokens] of token ids: pieces of prose from the tuning split, drawn with `seed`.

    Each piece is part of one address, and the addresses are used in turn. Validation uses every fourth address, training the others.
    """
    rng = random.Random(f"{seed}:prose{':validation' * validation}")
    documents = [d for d in prose("tune") if len(d.sentences) > 40]
    documents = [d for i, d in enumerate(documents) if (i % 4 == 0) == validation]
    rng.shuffle(documents)
    pieces = []
    for i in range(n):
        sentences = documents[i % len(documents)].sentences
        first = rng.randrange(len(sentences) - 30)
        ids = tokenizer(" ".join(sentences[first : first + 30]))["input_ids"][:n_tokens]
        pieces.append(torch.tensor(ids))
    return pieces
