"""The lm-eval model class `seal`: lm-eval's HFLM with a method applied, shared prefixes, a reply log, and no truncated prompts."""

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from functools import partial
from types import SimpleNamespace
from typing import Any

from lm_eval.models.utils_hf import stop_sequences_criteria

from seal_eval.baselines import extended, take_method
from seal_eval.core.about import checked_about
from seal_eval.core.applied import method_applied
from seal_eval.core.errors import SealError
from seal_eval.core.home import from_home
from seal_eval.core.names import safe
from seal_eval.core.progress import progress
from seal_eval.core.settings import Count, check_value
from seal_eval.harness.attention_used import attention_used, implementation
from seal_eval.harness.batch_plan import batches, parts
from seal_eval.harness.budget import FROM_USER
from seal_eval.harness.greedy import keep_penalties, say_penalties
from seal_eval.harness.likelihood import Likelihoods
from seal_eval.harness.model_args import clearly, naming, refuse_subfolder
from seal_eval.harness.padding import can_pad
from seal_eval.harness.prefix_cache import SharedPrefix, growing_cache, keeps_all
from seal_eval.harness.processes import sharing_documents
from seal_eval.harness.record_first import RecordFirst, record_tokens
from seal_eval.harness.recorded import recorded
from seal_eval.harness.reply_log import ACTIVE, lookup
from seal_eval.harness.stopping import AnswerEnded, ended_at_answer, is_ours
from seal_eval.harness.task_config import refuse_ambiguous
from seal_eval.harness.throughput import Throughput
from seal_eval.harness.whole_tokens import WholeTokens
from seal_eval.models.base_weights import REVISION
from seal_eval.models.caches import Sharing, sharing
from seal_eval.models.hub import content, resolve, source
from seal_eval.models.layer_windows import check_reach
from seal_eval.models.loading import check_finite, release_memory
from seal_eval.models.memory import out_of_memory
from seal_eval.models.placement import LOW_BITS, keep_as_loaded, low_bits
from seal_eval.models.selftest import check_method
from seal_eval.models.timing import forget
from seal_eval.models.whole_checkpoint import from_whole
from seal_eval.models.window import window_of
from seal_eval.prompts.thinking import check_known

AUTO_BATCH = 8  # batch size for --batch_size auto
PREFILL_CHUNK = 8192  # default of prefill_chunk: most tokens in one forward pass of the prefill, when prefixes are shared


class SealLM(Likelihoods, WholeTokens):
    """`--model seal --model_args pretrained=M,method=NAME,<the method's settings>,<HFLM's arguments>`.

    pretrained: short name, folder or hub id. share_prefixes: reuse the KV cache for prompts that begin alike. prefill_chunk: tokens.
    batch_size: a number, or 'auto' for AUTO_BATCH, at most max_batch_size; halved when memory runs out. selftest: try the method on the
    model first. Attribute `unshared`: why prefixes are not shared, '' when they are. Raises SealError for an unknown method or setting, for
    a method that fails its self-test, and when the model cannot be loaded.
    """

    def __init__(
        self, pretrained: str, method: str = "plain", share_prefixes: bool = True, prefill_chunk: int = PREFILL_CHUNK,
        batch_size: int | str | None = 1, selftest: bool = True, **kwargs: Any,
    ) -> None:  # fmt: skip
        refuse_ambiguous({"method": method, **kwargs})
        self.method_name, self.method, kwargs = take_method(from_home({"method": method, **kwargs}))
        refuse_subfolder(pretrained, kwargs.get("subfolder"))
        self.model_label, location = safe(pretrained), resolve(pretrained)
        self.prefill_chunk = check_value("model_args", "prefill_chunk", prefill_chunk, Count)
        revision = str(kwargs.get("revision") or "")
        trained = window_of(location, bool(kwargs.get("trust_remote_code")), revision)
        if trained and not kwargs.get("max_length"):
            kwargs["max_length"] = extended(self.method, trained)
        kwargs.setdefault("use_safetensors", True)  # never load a pickle
        if kwargs.get("device_map"):
            kwargs["parallelize"] = True  # without it, lm-eval drops the device map
        if kwargs.get("enable_thinking"):
            kwargs.setdefault("think_end_token", "</think>")  # lm-eval wants one; the tasks themselves tell the answer from the thinking
        with clearly(pretrained, self.method_name), sharing_documents(self):
            super().__init__(pretrained=location, batch_size=_batch_size(batch_size, kwargs.get("max_batch_size")), **kwargs)
        # lm-eval would cut the thinking out, and a reply that did not finish it would look like an answer: the tasks find the marks
        mark: Any = getattr(self, "think_end_token", None)
        check_known(self.tokenizer.decode([mark]) if isinstance(mark, int) else mark)
        self.think_end_token = None
        check_finite(self._model, pretrained)
        self.penalties = keep_penalties(self._model)
        say_penalties(self.model_label, self.penalties)
        self.model_source, self.model_content = source(location), content(location, revision) or None
        setattr(self._model, REVISION, revision)
        self.trained_window = trained
        (check_method if selftest else check_reach)(self.method_name, self.method, self._model, self.max_length)
        loaded = implementation(self._model)
        self._method_context = ExitStack()  # keeps the method applied as long as the engine exists
        self._method_context.enter_context(method_applied(self.method_name, self.method, self._model))
        self.attention = attention_used(self._model, self.method_name, self.method, loaded, kwargs.get("attn_implementation"))
        checked_about(self.method_name, self.method)  # before hours of replies, not when their results are read
        self._sharing = sharing(self._model, self.method) if share_prefixes else Sharing("share_prefixes=False")
        self.unshared = self._sharing.why_not
        self._prefix_cache: SharedPrefix | None = None  # the cache for the prompts that are being answered
        self._docs: dict[tuple[int, ...], Any] = {}  # prompt → its document, of the prompts that are being answered
        self._record_first = RecordFirst(self._model) if self.method.record_first else None
        self._journal = ACTIVE.get()
        forget()  # timed choices of an engine before, in a notebook or a suite's worker
        self.throughput = self.together = Throughput()  # of this process, and of all that share the run
        if self.world_size > 1:
            self.together = Throughput()
        self.batch_limit = int(self.batch_size)  # current batch size; halved after an out-of-memory error
        self._pads = self.batch_limit > 1 and can_pad(self._model)

    def _create_model(self, pretrained: str, **kwargs: Any) -> None:
        """Load the model as lm-eval does. Raises SealError for an incomplete checkpoint, which transformers completes at random."""
        auto_class: Any = getattr(self, "AUTO_MODEL_CLASS")  # noqa: B009  lm-eval's class attribute has no type
        self.AUTO_MODEL_CLASS: Any = SimpleNamespace(from_pretrained=partial(from_whole, auto_class, name=self.model_label))
        if kwargs.get("dtype") in LOW_BITS:
            kwargs |= {"dtype": "auto", **low_bits(kwargs["dtype"])}
        try:
            super()._create_model(pretrained, **kwargs)
            keep_as_loaded(self._model)
        finally:
            self.AUTO_MODEL_CLASS = auto_class

    def all_gather(self, tensor: Any) -> Any:
        """Return what each process has, as if all had as much: lm-eval gathers only how many requests each has, to ask as many of all.

        No process waits for another while it answers, so none has to answer more than its own.
        """
        return tensor.repeat(self.world_size)

    def gather_object(self, obj: Any, dst: int = 0) -> Any:
        """Gather an object of each process like lm-eval, which does so when all have answered; their speed with it."""
        if found := super().gather_object((obj, self.throughput), dst=dst):
            self.together.add_others([throughput for _, throughput in found])
        return [one for one, _ in found] if found else found

    def get_model_info(self) -> dict[str, Any]:
        """Return lm-eval's information about the model, and under `seal_eval` ours. lm-eval stores it in the results' `config`."""
        return super().get_model_info() | {"seal_eval": recorded(self)}

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


def _batch_size(value: int | str | None, most: int | None = None) -> int:
    """Return lm-eval's --batch_size as a number: for 'auto' and 'auto:N' AUTO_BATCH or `most`, if that is less; 1 for None.

    most: lm-eval's --max_batch_size. Raises SealError for bad values.
    """
    if isinstance(value, str) and value.startswith("auto"):
        return AUTO_BATCH if most is None else min(AUTO_BATCH, check_value("model_args", "max_batch_size", most, Count))
    number = int(value) if isinstance(value, str) and value.isdecimal() else 1 if value is None else value
    return check_value("model_args", "batch_size", number, Count)
