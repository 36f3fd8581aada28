"""What a method costs elsewhere: perplexity of prose that no tuning has seen."""

import math
from typing import Any

import torch
import torch.nn.functional as F

from seal_eval.text import prose


@torch.no_grad()
def perplexity(model: Any, tokenizer: Any, n_documents: int = 8, n_tokens: int = 512, progress: str = "") -> float:
    """exp of the mean negative log-likelihood (nats per token) of the first `n_tokens` of `n_documents` addresses.

    The addresses belong to the evaluation part and are spread over the years. `progress` is the bar's name, "" for none.
    """
    from tqdm import tqdm

    documents = prose("eval")
    total, count = 0.0, 0
    for i in tqdm(range(n_documents), desc=progress, unit="text", disable=None if progress else True):
        text = " ".join(documents[i * len(documents) // n_documents].sentences[: n_tokens // 4])
        ids = torch.tensor([tokenizer(text)["input_ids"][:n_tokens]], device=model.device)
        logits = model(ids, use_cache=False).logits[0, :-1].float()
        total += F.cross_entropy(logits, ids[0, 1:], reduction="sum").item()
        count += ids.shape[1] - 1
    return math.exp(total / count)
