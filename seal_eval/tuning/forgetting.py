"""What a method costs elsewhere: perplexity of prose that no tuning has seen, and short questions answered from memory."""

import math
from typing import Any

import torch
import torch.nn.functional as F

from seal_eval.core.progress import steps
from seal_eval.prompts.corpus import prose
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.tuning.short_questions import questions

BATCH = 16


@torch.no_grad()
def perplexity(model: Any, tokenizer: Any, n_documents: int = 16, n_tokens: int = 512, progress: str = "") -> float:
    """exp of the mean negative log-likelihood (nats per token) of the first `n_tokens` of `n_documents` addresses.

    The addresses belong to the evaluation part and are spread over the years. `progress` is the bar's name, "" for none.
    """
    documents = prose("eval")
    total, count = 0.0, 0
    for i in steps(progress, range(n_documents), n_documents, quiet=not progress):
        text = " ".join(documents[i * len(documents) // n_documents].sentences[: n_tokens // 4])
        ids = torch.tensor([tokenizer(text)["input_ids"][:n_tokens]], device=model.device)
        logits = model(ids, use_cache=False).logits[0, :-1].float()
        total += F.cross_entropy(logits, ids[0, 1:], reduction="sum").item()
        count += ids.shape[1] - 1
    return math.exp(total / count)


@torch.no_grad()
def short_questions_right(model: Any, tokenizer: Any) -> list[bool]:
    """For each question of facts.py: is every token of its answer the model's likeliest, as greedy decoding would have it?"""
    prompt_format = PromptFormat(tokenizer)
    asked = sorted(((i, *prompt_format.continued(q, "", a)) for i, (q, a) in enumerate(questions())), key=lambda item: len(item[1]))
    right = [False] * len(asked)
    for first in range(0, len(asked), BATCH):
        group = asked[first : first + BATCH]
        width = max(len(ids) for _, ids, _ in group)
        # padded on the right: what follows the answer cannot reach back to it
        batch = torch.tensor([ids + [ids[-1]] * (width - len(ids)) for _, ids, _ in group], device=model.device)
        likeliest = model(batch, use_cache=False).logits.argmax(-1)  # [batch, width]
        for row, (i, ids, n_prompt) in enumerate(group):
            right[i] = likeliest[row, n_prompt - 1 : len(ids) - 1].tolist() == ids[n_prompt:]
    return right
