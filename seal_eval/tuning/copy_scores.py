"""Which heads copy the answer from the text: retrieval scores by attention alone, without a loss.

Wu et al. 2024, "Retrieval Head Mechanistically Explains Long-Context Factuality", section 2.2 (arXiv 2404.15574): a head copies a token
when its largest attention weight, at the step that writes the token, is on the same token within the needle. The paper lets the model
write its own answer and counts samples that it answers well. Here the right answer is written for it, so that the scores of a model that
often fails come from as many samples; for a sample that it answers rightly both are the same.
"""

from typing import Any

import torch

from seal_eval.core.errors import SealError
from seal_eval.core.types import Sample
from seal_eval.models.attention import attention_function, check_attends_fully, plain_attention
from seal_eval.models.by_head import head_weights
from seal_eval.models.caches import keep_logits
from seal_eval.models.modules import attention_layers, device_of, head_projections, n_heads
from seal_eval.prompts.prompt import PromptFormat


@torch.no_grad()
def by_copying(model: Any, prompt_format: PromptFormat, samples: list[Sample]) -> torch.Tensor:
    """Return [n_layers, n_heads]: the share of the needles' tokens that the head copies, in 0..1, over the tokens of all samples.

    The tokens are those of the targets in the answer that also occur in the prompt's copy of the target. Raises SealError when there are
    none, because the answer is not in the text, and for a model whose attention cannot be replaced.
    """
    check_attends_fully(model)
    total, n_tokens = torch.zeros(len(head_projections(model)), n_heads(model)), 0
    for sample in samples:
        ids, n_prompt = prompt_format.continued(sample.input, sample.prefix, sample.answer)
        needles = needle_tokens(prompt_format, sample, ids, n_prompt)
        if not needles:
            continue
        steps = [at - 1 for at in needles]  # the query before a token writes it
        places = largest_weights(model, ids, steps)  # [n_layers, n_heads, n_steps]
        for step, (at, where) in enumerate(needles.items()):
            same = torch.tensor([place for place in where if ids[place] == ids[at]])
            total += torch.isin(places[:, :, step], same).float()
        n_tokens += len(needles)
    if not n_tokens:
        raise SealError(f"task '{samples[0].task}': no token of its answers is in the text, so no head can copy one; choose another task")
    return total / n_tokens


def needle_tokens(prompt_format: PromptFormat, sample: Sample, ids: list[int], n_prompt: int) -> dict[int, list[int]]:
    """Return {index of an answer's token: indices of the tokens of its needle in the prompt}.

    ids: token ids of the prompt and the answer; n_prompt: how many of them are the prompt's. A needle is a target wherever it stands in
    the prompt. Tokens of the answer that no needle contains are left out.
    """
    text, encoding = prompt_format.encode(sample.input, sample.prefix)
    whole = prompt_format.tokens(text + sample.answer, return_offsets_mapping=True)["offset_mapping"][: len(ids)]
    found: dict[int, list[int]] = {}
    for target in sample.targets:
        where = [i for at in _occurrences(text, target) for i in _overlapping(encoding["offset_mapping"], at, at + len(target))]
        known = {ids[i] for i in where if i < n_prompt}
        for at in _occurrences(sample.answer, target):
            first = len(text) + at
            found |= {i: where for i in _overlapping(whole, first, first + len(target)) if i >= n_prompt and ids[i] in known}
    return dict(sorted(found.items()))


def largest_weights(model: Any, ids: list[int], steps: list[int]) -> torch.Tensor:
    """Return [n_layers, n_heads, n_steps]: the token that each head weighs most when the model reads `ids`, for the queries `steps`.

    Raises SealError when the weights of a layer cannot be seen.
    """
    found: dict[int, torch.Tensor] = {}

    def attend(module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **kwargs: Any) -> tuple[Any, None]:
        rows = torch.tensor(steps, device=query.device)
        mask = torch.arange(key.shape[2], device=query.device)[None] <= rows[:, None]
        mask = mask[None, None] if attention_mask is None else attention_mask[:, :, rows]
        found[module.layer_idx] = head_weights(query[:, :, rows], key, mask, kwargs)[0].argmax(-1).cpu()
        return plain_attention(module, query, key, value, attention_mask, **kwargs), None

    with attention_function(model, attend):
        model(torch.tensor([ids], device=device_of(model)), use_cache=False, **keep_logits(model, 1))
    if sorted(found) != (layers := attention_layers(model)):
        raise SealError(
            f"{type(model).__name__}: attention is computed elsewhere in layers {sorted({*layers} ^ {*found})}; use --by effect"
        )
    return torch.stack([found[layer] for layer in layers])


def _occurrences(text: str, part: str) -> list[int]:
    """Return where `part` stands in `text`, without overlaps."""
    places, at = [], text.find(part)
    while at >= 0 and part:
        places.append(at)
        at = text.find(part, at + len(part))
    return places


def _overlapping(offsets: list[tuple[int, int]], first: int, end: int) -> list[int]:
    """Return the tokens that hold a character of [first, end). offsets: (first, end) of each token's characters."""
    return [i for i, (a, b) in enumerate(offsets) if a < end and b > first]
