"""Forgetting checks: perplexity on prose that tuning never uses, and accuracy on short questions answered without a context."""

import math
from typing import Any

import torch
import torch.nn.functional as F

from seal_eval.core.progress import steps
from seal_eval.models.modules import device_of
from seal_eval.models.window import window_in
from seal_eval.prompts.corpus import prose
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.tuning.short_questions import questions

BATCH = 16  # short questions per forward pass


@torch.no_grad()
def perplexity(model: Any, tokenizer: Any, n_documents: int = 16, n_tokens: int = 512, progress: str = "") -> float:
    """Return exp of the mean negative log-likelihood (nats per token) of the first `n_tokens` of `n_documents` presidential addresses.

    The addresses belong to the evaluation split and are spread over the years. A model with a shorter window reads as many as fit.
    `progress` is the name of a progress bar, "" for none.
    """
    documents = prose("eval")
    n_tokens = min(n_tokens, window_in(model.config) or n_tokens)
    total, count = 0.0, 0
    for i in steps(progress, range(n_documents), n_documents, quiet=not progress):
        text = " ".join(documents[i * len(documents) // n_documents].sentences[: n_tokens // 4])
        ids = torch.tensor([tokenizer(text)["input_ids"][:n_tokens]], device=device_of(model))
        logits = model(ids, use_cache=False).logits[0, :-1].float()
        total += F.cross_entropy(logits, ids[0, 1:], reduction="sum").item()
        count += ids.shape[1] - 1
    return math.exp(total / count)


@torch.no_grad()
def short_questions_right(model: Any, tokenizer: Any) -> list[bool]:
    """Return for each of `short_questions.questions` whether greedy decoding produces its answer, in their order.

    That is the case if every token of the answer has the highest logit after the tokens before it.
    """
    prompt_format = PromptFormat(tokenizer)
    # (index, token ids of question and answer, number of tokens of the question), shortest first
    encoded = sorted(((i, *prompt_format.continued(q, "", a)) for i, (q, a) in enumerate(questions())), key=lambda item: len(item[1]))
    right = [False] * len(encoded)
    for first in range(0, len(encoded), BATCH):
        group = encoded[first : first + BATCH]
        width = max(len(ids) for _, ids, _ in group)
        # padded on the right without a mask: with causal attention, no token of the answer attends to the padding
        batch = torch.tensor([ids + [ids[-1]] * (width - len(ids)) for _, ids, _ in group], device=device_of(model))
        likeliest = model(batch, use_cache=False).logits.argmax(-1)  # [batch, width]
        for row, (i, ids, n_prompt) in enumerate(group):
            right[i] = likeliest[row, n_prompt - 1 : len(ids) - 1].tolist() == ids[n_prompt:]
    return right
