"""What tuning minimises: the answer's loss on samples, and the distance from the plain model on prose."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import torch
import torch.nn.functional as F

from seal_eval.core.types import Sample
from seal_eval.models.rope import following_length
from seal_eval.prompts.corpus import prose
from seal_eval.prompts.prompt import PromptFormat

PROSE_TOKENS = 256  # a piece of prose per step,
PROSE_STRIDE = 4  # compared at every fourth token: neighbours say much the same, logits are dear


def answer_logits(model: Any, prompt_format: PromptFormat, sample: Sample, copies: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """(logits [copies, n_answer, vocab], answer ids [n_answer]) of the answer's tokens after the prompt; no other logits are computed."""
    ids, n_prompt = prompt_format.continued(sample.input, sample.prefix, sample.answer)
    batch = torch.tensor([ids] * copies, device=model.device)
    logits = model(batch, logits_to_keep=len(ids) - n_prompt + 1, use_cache=False).logits[:, :-1]
    return logits, batch[0, n_prompt:]


def answer_loss(model: Any, prompt_format: PromptFormat, sample: Sample, copies: int = 0) -> torch.Tensor:
    """Mean cross-entropy (nats) of the answer's tokens after the prompt.

    With `copies`, the sample is asked that many times in one batch, for a model whose rows differ: [copies].
    """
    logits, answer = answer_logits(model, prompt_format, sample, copies or 1)
    losses = torch.stack([F.cross_entropy(row.float(), answer) for row in logits])
    return losses if copies else losses[0]


@torch.no_grad()
def answered(model: Any, prompt_format: PromptFormat, sample: Sample) -> tuple[float, bool]:
    """(mean cross-entropy of the answer's tokens in nats, whether each is the likeliest: greedy decoding gives the answer)."""
    logits, answer = answer_logits(model, prompt_format, sample)
    return F.cross_entropy(logits[0].float(), answer).item(), bool((logits[0].argmax(-1) == answer).all())


@torch.no_grad()
def answered_in_turn(model: Any, prompt_format: PromptFormat, samples: Sequence[Sample]) -> list[bool]:
    """For each sample what `answered` says of its answer; tokens that a prompt shares with the one before are not read again.

    For samples that ask several questions of one record. Where rotary frequencies follow a text's length, each sample is read whole.
    """
    from transformers import DynamicCache

    if following_length(model):
        return [answered(model, prompt_format, sample)[1] for sample in samples]
    found: list[bool] = []
    cache = DynamicCache(config=model.config)
    before: list[int] = []
    for sample in samples:
        ids, n_prompt = prompt_format.continued(sample.input, sample.prefix, sample.answer)
        same = len([*takewhile(lambda pair: pair[0] == pair[1], zip(before, ids[: n_prompt - 1], strict=False))])
        if same < len(before):
            cache.crop(same - len(before))  # a negative number of tokens is taken off the end
        rest = torch.tensor([ids[same:]], device=model.device)
        logits = model(rest, past_key_values=cache, use_cache=True, logits_to_keep=len(ids) - n_prompt + 1).logits[0, :-1]
        found.append(bool((logits.argmax(-1) == rest[0, n_prompt - same :]).all()))
        before = ids
    return found


@dataclass(frozen=True)
class Prose:
    """A piece of prose with what the plain model says at some of its tokens."""

    ids: torch.Tensor  # [n_tokens]
    where: torch.Tensor  # positions compared
    plain: torch.Tensor  # [n_positions, vocab] log-probabilities


@torch.no_grad()
def read_prose(model: Any, ids: torch.Tensor) -> Prose:
    """What the model, still plain, says of a piece of prose at every PROSE_STRIDE-th token."""
    ids = ids.to(model.device)
    where = torch.arange(PROSE_STRIDE - 1, len(ids) - 1, PROSE_STRIDE, device=ids.device)
    return Prose(ids, where, log_probabilities(model, ids, where))


def prose_kl(model: Any, piece: Prose) -> torch.Tensor:
    """KL(plain ‖ the model as it is now) in nats, mean over the positions."""
    return kl_divergence(piece.plain, log_probabilities(model, piece.ids, piece.where))


def kl_divergence(plain: torch.Tensor, now: torch.Tensor) -> torch.Tensor:
    """KL(plain ‖ now) in nats of log-probabilities [n_positions, vocab], mean over the positions."""
    return F.kl_div(now, plain, log_target=True, reduction="batchmean")


def log_probabilities(model: Any, ids: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
    """[n_positions, vocab] of the tokens after the positions `where` of `ids` [n_tokens]."""
    return model(ids[None], use_cache=False, logits_to_keep=where).logits[0].float().log_softmax(-1)


def prose_pieces(tokenizer: Any, n: int, n_tokens: int, seed: int, validation: bool = False) -> list[torch.Tensor]:
    """`n` pieces of at most `n_tokens` ids each from the tuning part's prose, one address each in turn; validation's are others."""
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
