"""The answers to several questions about one record, whose tokens are read once, also where gradients are wanted."""

from collections.abc import Sequence
from typing import Any

import torch
from transformers.cache_utils import DynamicCache

from seal_eval.core.types import Sample
from seal_eval.models.caches import branch, in_common, keep_logits
from seal_eval.models.modules import device_of
from seal_eval.prompts.prompt import PromptFormat

WORTH = 64  # tokens; a shorter common beginning is read with each question


def logits_of_answers(
    model: Any, prompt_format: PromptFormat, samples: Sequence[Sample], share: bool = True
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Return for each sample (logits [n_answer, vocab] of the answer after the prompt, token ids [n_answer]).

    The samples' common beginning is read once, into a cache from whose copies each sample goes on; its gradients are those of reading it
    with each. share=False reads every sample whole, for a model or a method that allows nothing else (`sharing`, `allows_gradients`).
    """
    rows = [prompt_format.continued(sample.input, sample.prefix, sample.answer) for sample in samples]
    texts = [ids for ids, _ in rows]
    alike = in_common(min(texts), max(texts))  # what the first and the last in order begin with, all do
    common = min(alike, *(n_prompt - 1 for _, n_prompt in rows))
    cache = None
    if share and len(rows) > 1 and common >= WORTH:
        read = torch.tensor([texts[0][:common]], device=device_of(model))
        cache = model(read, past_key_values=DynamicCache(config=model.config), use_cache=True, **keep_logits(model, 1)).past_key_values
    answers = []
    for ids, n_prompt in rows:
        keep = len(ids) - n_prompt + 1
        batch = torch.tensor([ids[common:] if cache is not None else ids], device=device_of(model))
        past = {} if cache is None else {"past_key_values": branch(cache)}
        logits = model(batch, **past, use_cache=cache is not None, **keep_logits(model, keep)).logits[0, -keep:-1]
        answers.append((logits, torch.tensor(ids[n_prompt:], device=device_of(model))))
    return answers
