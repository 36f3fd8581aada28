"""Answers for methods that read a record before they know the question, such as presses that drop keys of what has been read."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from transformers import DynamicCache, LogitsProcessorList, NoRepeatNGramLogitsProcessor, RepetitionPenaltyLogitsProcessor

from seal_eval.core.errors import SealError
from seal_eval.harness.stopping import is_ours
from seal_eval.models.caches import branch, in_common, keep_logits
from seal_eval.models.modules import device_of
from seal_eval.tasks import get_task

# options of generation that change greedy replies and that `RecordFirst` does not have → the value that changes nothing
OTHERS: dict[str, Any] = {
    "do_sample": False, "num_beams": 1, "min_length": 0, "min_new_tokens": 0, "bad_words_ids": None, "suppress_tokens": None,
    "begin_suppress_tokens": None, "forced_bos_token_id": None, "forced_eos_token_id": None, "sequence_bias": None,
    "exponential_decay_length_penalty": None, "guidance_scale": 1, "encoder_repetition_penalty": 1, "encoder_no_repeat_ngram_size": 0,
}  # fmt: skip


def record_tokens(prompt: str, ids: list[int], doc: Any, encode: Callable[[str], list[int]]) -> int:
    """Return how many of a prompt's tokens come before its question: those of the text before it, as `encode` writes them.

    doc: the document of one of our tasks. A token that holds the record's end and the question's beginning counts as the question's.
    Raises SealError for other documents, and where the question is not found, as with a chat template that changes its text.
    """
    if not is_ours(doc):
        raise SealError("the method reads a record without its question, and only tasks of this project say where a question begins")
    begins = get_task(doc["task"]).question_at(doc)
    at = prompt.rfind(doc["input"][begins:].strip()) if begins else -1
    if at < 0:
        raise SealError(f"sample {doc['sample_id']}: where its question begins is not known; use a method that reads prompts whole")
    return min(in_common(encode(prompt[:at].rstrip()), ids), len(ids) - 1)


def penalties_of(options: Mapping[str, Any]) -> LogitsProcessorList:
    """Return what changes the scores of greedy decoding. Raises SealError for options that it does not have."""
    for key, neutral in OTHERS.items():
        if (value := options.get(key)) is not None and value != neutral:
            raise SealError(f"{key} is {value}: the method reads records first and decodes greedily, without it; leave it out")
    found, penalty = LogitsProcessorList(), options.get("repetition_penalty") or 1
    if penalty != 1:
        found.append(RepetitionPenaltyLogitsProcessor(penalty=float(penalty)))
    if size := options.get("no_repeat_ngram_size"):
        found.append(NoRepeatNGramLogitsProcessor(int(size)))
    return found


class RecordFirst:
    """Reads a record in one forward pass, then each of its questions behind a copy of the cache that the method left of it.

    Tokens keep the positions that they have in the whole prompt, also where the method has dropped keys before them. Greedy decoding of one
    prompt at a time. `sizes`: prompt → tokens of its record, of the prompts that are being answered.
    """

    def __init__(self, model: Any) -> None:
        self.model, self.sizes = model, dict[tuple[int, ...], int]()
        self.record: list[int] = []
        self.cache: Any = None
        ends = model.generation_config.eos_token_id
        self.ends = set(ends if isinstance(ends, Sequence) else [ends])

    @torch.no_grad()
    def generate(
        self, context: torch.Tensor, max_length: int, stopping: Callable[[torch.Tensor, Any], Any], options: Mapping[str, Any]
    ) -> torch.Tensor:  # fmt: skip
        """Return `context` [1, n_tokens] with its reply [1, at most max_length].

        stopping: transformers' stopping criteria. options: of generation, besides those of the checkpoint. Raises SealError for options
        that this decoding does not have.
        """
        prompt, penalties = context[0].tolist(), penalties_of({**self.model.generation_config.to_dict(), **options})
        size = self.sizes[tuple(prompt)]
        if self.cache is None or self.record != prompt[:size]:
            self.cache, read_into = None, DynamicCache(config=self.model.config)  # the one before goes first: two may not fit into memory
            self._read(read_into, prompt[:size], 0)
            self.record, self.cache = prompt[:size], read_into  # not before: what runs out of memory leaves half a record
        cache, out, read = branch(self.cache), prompt, size
        while len(out) < max_length:
            logits = self._read(cache, out[read:], read)
            written: Any = torch.tensor([out], device=context.device)
            scores = penalties(written, logits[None].float())
            read, out = len(out), [*out, int(scores.argmax())]
            if out[-1] in self.ends or bool(stopping(torch.tensor([out], device=context.device), None)):
                break
        return torch.tensor([out], device=context.device)

    def _read(self, cache: Any, ids: list[int], position: int) -> torch.Tensor:
        """Add tokens to the cache, the first of them at `position`; return the logits of the last one [vocabulary]."""
        device = device_of(self.model)
        places = torch.arange(position, position + len(ids), device=device)[None]
        more = keep_logits(self.model, 1)
        read = torch.tensor([ids], device=device)
        logits: torch.Tensor = self.model(input_ids=read, position_ids=places, past_key_values=cache, use_cache=True, **more).logits
        return logits[0, -1]
