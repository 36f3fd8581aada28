"""Replies: the prompts are checked and put in batches, prefixes are shared, and each batch's replies are kept before the next one."""

import json
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

from lm_eval.models.utils_hf import stop_sequences_criteria

from seal_eval.core.errors import SealError
from seal_eval.core.plugins import Method
from seal_eval.core.progress import progress
from seal_eval.harness.batch_plan import batches, parts
from seal_eval.harness.budget import FROM_USER
from seal_eval.harness.model_args import naming
from seal_eval.harness.prefix_cache import SharedPrefix, growing_cache, keeps_all
from seal_eval.harness.record_first import RecordFirst, record_tokens
from seal_eval.harness.reply_log import Journal, lookup
from seal_eval.harness.stopping import AnswerEnded, ended_at_answer, is_ours
from seal_eval.harness.throughput import Throughput
from seal_eval.harness.whole_tokens import WholeTokens
from seal_eval.models.caches import Sharing
from seal_eval.models.loading import release_memory
from seal_eval.models.memory import out_of_memory


class Replies(WholeTokens):
    """lm-eval's HFLM with our way to make replies. The engine sets the attributes."""

    method_name: str
    method: Method
    prefill_chunk: int  # most tokens in one forward pass of the prefill, when prefixes are shared
    unshared: str  # why prefixes are not shared, '' when they are
    batch_limit: int  # current batch size; halved after an out-of-memory error
    throughput: Throughput
    _sharing: Sharing
    _record_first: RecordFirst | None
    _journal: Journal | None
    _pads: bool  # whether prompts of different lengths can share a batch
    _prefix_cache: SharedPrefix | None = None  # the cache for the prompts that are being answered
    _docs: dict[tuple[int, ...], Any]  # prompt → its document, of the prompts that are being answered

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        """Return the replies to `requests`, in their order; overrides lm-eval's method.

        The answer budget is the user's (--gen_kwargs), else the document's `answer_tokens`, else lm-eval's. A begun answer ends where
        prompts/stops.py says, unless the user gives stop strings. Raises SealError before any generation when a prompt and its budget do
        not fit the window, and when one prompt alone does not fit into memory. Prompts that begin alike share the prefill of their common
        prefix, unless `unshared`. Replies found in the journal are not generated again; new ones are written to it after each batch.
        """
        for request in requests:
            if not FROM_USER.get() and (budget := (request.doc or {}).get("answer_tokens")):
                request.arguments = (request.args[0], {**request.args[1], "max_gen_toks": budget})
        self._keep_marks(requests)
        prompts = self._check_lengths(requests)
        keys, replies, left = lookup(self._journal, requests)
        kinds = [json.dumps(requests[i].args[1], sort_keys=True, default=str) for i in left]
        rows = self._sharing.in_rows
        joins = rows and not self.unshared and keeps_all(growing_cache(self._model.config))
        shares, size = not self.unshared, int(self.batch_size)
        if self._record_first:  # in an order in which questions about one record follow each other
            self._record_first.sizes = {
                tuple(prompts[i]): record_tokens(requests[i].args[0], prompts[i], requests[i].doc, self.tok_encode) for i in left
            }
            shares, size = True, 1
        plan = batches([prompts[i] for i in left], kinds, size, shares, self._pads, rows=rows, joins=joins)
        quiet, tokens = disable_tqdm or self.rank != 0, sum(len(prompts[i]) for i in left)
        with self.throughput.over(tokens), progress("replies", len(requests), done=len(requests) - len(left), quiet=quiet) as bar:
            ahead = [prompts[left[i]] for batch, through_cache in plan if through_cache for i in batch]
            cache = None if self.unshared else SharedPrefix(self._model, self.prefill_chunk, self._sharing, ahead)
            for planned, through_cache in plan:
                for batch in parts([left[i] for i in planned], self.batch_limit):
                    for answered in self._answer(batch, requests, prompts, cache if through_cache else None):
                        for i, reply in answered:
                            replies[i] = reply
                        if self._journal:
                            self._journal.add((keys[i], reply) for i, reply in answered)
                        bar.update(len(answered))
        return [reply or "" for reply in replies]

    def _answer(
        self, batch: list[int], requests: list[Any], prompts: list[list[int]], cache: SharedPrefix | None
    ) -> Iterator[list[tuple[int, str]]]:
        """Yield lists of (index, reply): one for the whole batch, or one for each smaller batch that fits into memory.

        `batch` and the indices refer to `requests`. Raises SealError when a single prompt does not fit into memory.
        """
        self._prefix_cache = cache
        self._docs = {
            tuple(prompts[i]): requests[i].doc for i in batch if not requests[i].args[1].get("until") and is_ours(requests[i].doc)
        }
        try:
            with naming(self.method_name, self.method):
                replies = super().generate_until([requests[i] for i in batch], disable_tqdm=True)
            yield [(i, self._ended(reply, prompts[i])) for i, reply in zip(batch, replies, strict=True)]
            return
        except (RuntimeError, MemoryError) as error:  # the first includes torch.OutOfMemoryError
            if not out_of_memory(error):
                raise
            longest = max(len(prompts[i]) for i in batch)
            if len(batch) == 1:
                raise SealError(
                    f"{requests[batch[0]].task_name} document {requests[batch[0]].doc_id}: {longest} tokens do not fit into the memory of "
                    f"{self.device}; try dtype=bfloat16, a smaller prefill_chunk than {self.prefill_chunk}, or shorter lengths"
                ) from None
        finally:
            self._prefix_cache = None
        self.batch_limit = len(batch) // 2
        print(f"{len(batch)} prompts of {longest} tokens do not fit into memory; the batch size is halved", file=sys.stderr)
        if cache:
            cache.forget()
        release_memory()
        for half in parts(batch, self.batch_limit):
            yield from self._answer(half, requests, prompts, cache)

    def _ended(self, reply: str, prompt: list[int]) -> str:
        return ended_at_answer(reply, doc) if (doc := self._docs.get(tuple(prompt))) else reply

    def _model_generate(self, context: Any, max_length: int, stop: list[str], **options: Any) -> Any:
        """Generate like lm-eval, but from the prefix cache if there is one, and until begun answers have ended.

        context: [batch, prompt], padded on the left. Beam search uses neither the cache nor the ends of answers.
        """
        import torch

        if options.get("num_beams", 1) != 1 and not self._record_first:
            return super()._model_generate(context, max_length, stop, **options)
        if not options.get("temperature"):  # greedy unless sampling is asked for, as in lm-eval
            options = {"do_sample": False, **{key: value for key, value in options.items() if key != "temperature"}}
        mask = options.get("attention_mask")
        kept = torch.ones_like(context, dtype=torch.bool) if mask is None else mask.bool()
        docs = [self._docs.get(tuple(row[keep].tolist())) for row, keep in zip(context, kept, strict=True)]
        criteria = stop_sequences_criteria(self.tokenizer, stop, context.shape[1], context.shape[0])
        if any(docs):
            criteria.append(AnswerEnded(self.tok_decode, docs, context.shape[1]))
        with torch.autocast(self.device.type, self.mixed_precision_dtype, enabled=self.mixed_precision_dtype is not None):
            if self._record_first:
                return self._record_first.generate(context, max_length, criteria, options)
            if self._prefix_cache is not None:
                options["past_key_values"] = self._prefix_cache.begin(context, mask)
            with self._prefix_cache.generating(len(context)) if self._prefix_cache else nullcontext():
                out = self.model.generate(
                    input_ids=context, max_length=max_length, stopping_criteria=criteria, pad_token_id=self.tokenizer.pad_token_id,
                    use_cache=True, **options,
                )  # fmt: skip
        if self._prefix_cache is not None:
            self._prefix_cache.end(out)
        return out

    def _check_lengths(self, requests: list[Any]) -> list[list[int]]:
        """Return the token ids of each prompt. Raises SealError when a prompt and its answer budget do not fit the window."""
        prompts = []
        for request in requests:
            prompt, options = request.args
            budget = options.get("max_gen_toks") or self.max_gen_toks
            prompts.append(self.tok_encode(prompt))
            n_tokens = len(prompts[-1])
            if n_tokens + budget > self.max_length:
                raise SealError(
                    f"{request.task_name} document {request.doc_id}: prompt of {n_tokens} tokens + {budget} for the answer do not fit "
                    f"the window of {self.max_length}; choose shorter lengths in --metadata, or max_length=… with a method that extends it"
                )
        return prompts
