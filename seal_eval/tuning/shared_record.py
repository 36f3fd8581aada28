"""The answers to several questions about one record, whose tokens are read once, also where gradients are wanted."""

from collections.abc import Sequence
from typing import Any

import torch
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from seal_eval.core.types import Sample
from seal_eval.models.caches import branch
from seal_eval.prompts.prompt import PromptFormat

KEEP_KEYS = (DynamicLayer, DynamicSlidingWindowLayer)  # layers of a cache that never change a tensor in place, so copies can share it
WORTH = 64  # tokens; a shorter common beginning is read with each question


def logits_of_answers(
    model: Any, prompt_format: PromptFormat, samples: Sequence[Sample], share: bool = True
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Return for each sample (logits [n_answer, vocab] of the answer after the prompt, token ids [n_answer]).

    The samples' common beginning is read once, into a cache from whose copies each sample goes on; its gradients are those of reading it
    with each. share=False, or a model whose cache cannot be copied so, reads every sample whole.
    """
    rows = [prompt_format.continued(sample.input, sample.prefix, sample.answer) for sample in samples]
    common = common_beginning([ids for ids, _ in rows], min(n_prompt for _, n_prompt in rows) - 1) if len(rows) > 1 else 0
    cache = None
    if share and common >= WORTH:
        read = model(torch.tensor([rows[0][0][:common]], device=model.device), use_cache=True, logits_to_keep=1)
        cache = getattr(read, "past_key_values", None)
        if not all(type(layer) in KEEP_KEYS for layer in getattr(cache, "layers", None) or [None]):
            cache = None
    answers = []
    for ids, n_prompt in rows:
        keep = len(ids) - n_prompt + 1
        batch = torch.tensor([ids[common:] if cache is not None else ids], device=model.device)
        past = {} if cache is None else {"past_key_values": branch(cache)}
        logits = model(batch, **past, use_cache=cache is not None, logits_to_keep=keep).logits[0, -keep:-1]
        answers.append((logits, torch.tensor(ids[n_prompt:], device=model.device)))
    return answers


def common_beginning(rows: Sequence[Sequence[int]], limit: int) -> int:
    """Return the number of tokens that all rows begin with, at most `limit`."""
    limit = min(limit, *map(len, rows))
    return next((i for i in range(limit) if any(row[i] != rows[0][i] for row in rows)), limit)
