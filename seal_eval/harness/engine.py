"""The lm-eval model class `seal`: stock HFLM with a method applied and no prompt ever cut."""

import gc
import json
import platform
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from lm_eval.models.huggingface import HFLM
from safetensors import SafetensorError

from seal_eval.baselines import extended, settings, take_method
from seal_eval.core.errors import SealError, whole_number
from seal_eval.core.names import safe
from seal_eval.core.progress import progress
from seal_eval.harness.prefix_cache import SharedPrefix, batches, parts, why_not
from seal_eval.harness.reply_log import ACTIVE
from seal_eval.harness.reply_log import keys as journal_keys
from seal_eval.harness.throughput import Throughput
from seal_eval.models.hub import resolve, source
from seal_eval.models.loading import check_finite, first_line, window_of

AUTO_BATCH = 8  # --batch_size auto
PREFILL_CHUNK = 8192  # tokens read at once at most


class SealLM(HFLM):
    """`--model seal --model_args pretrained=M,method=NAME,<the method's settings>,<HFLM's arguments>`.

    `pretrained` may be a short name, a folder or a hub id. Raises SealError for an unknown method or setting, and before
    any generation when a prompt and its answer budget do not fit the window.
    """

    def __init__(
        self, pretrained: str, method: str = "plain", share_prefixes: bool = True, prefill_chunk: int = PREFILL_CHUNK,
        batch_size: int | str | None = 1, **kwargs: Any,
    ) -> None:  # fmt: skip
        self.method_name, self.method, kwargs = take_method({"method": method, **kwargs})
        self.model_label = safe(pretrained)
        self.prefill_chunk = whole_number("model_args", "prefill_chunk", prefill_chunk, 1)
        place = resolve(pretrained)
        trained = window_of(place)
        if trained and not kwargs.get("max_length") and (window := extended(self.method, trained)) != trained:
            kwargs["max_length"] = window
        kwargs.setdefault("use_safetensors", True)  # never a pickle
        try:
            super().__init__(pretrained=place, batch_size=_batch_size(batch_size), **kwargs)
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            if isinstance(error, RuntimeError) and out_of_memory(error):
                raise SealError(f"model '{pretrained}' does not fit into memory; try dtype=bfloat16") from error
            raise SealError(f"model '{pretrained}' could not be loaded: {first_line(error)}") from error
        check_finite(self._model, pretrained)
        self.model_source = source(place)
        self._undo = ExitStack()
        self._undo.enter_context(self.method.apply(self._model))
        self.unshared = why_not(self._model, self.method) if share_prefixes else "share_prefixes=False"
        self._shared: SharedPrefix | None = None
        self._journal = ACTIVE.get()
        self._pace = Throughput()
        self._fits = int(self.batch_size)  # prompts at once, until memory teaches otherwise

    def get_model_info(self) -> dict[str, Any]:
        """lm-eval's information and ours, kept in the results' `config` under `seal_eval`."""
        import torch

        from seal_eval import __version__

        attention = getattr(self._model.config, "_attn_implementation", None)
        return super().get_model_info() | {
            "seal_eval": {
                "version": __version__,
                "model": self.model_label,
                "model_source": self.model_source,
                "method": self.method_name,
                "settings": settings(self.method),
                "about": getattr(self.method, "about", dict)(),
                "attention": attention,
                "max_length": self.max_length,
                "prefix_sharing": self.unshared or True,
                "torch": torch.__version__,
                "device": str(self.device),
                "threads": torch.get_num_threads(),
                "hardware": hardware(),
                "pace": self._pace.told(),
            },
        }

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        """lm-eval's, with each document's own answer budget, after every prompt has been seen to fit.

        Prompts that begin alike are read once up to where they differ and, up to the batch size, answered together, unless the model or
        the method forbids it (`unshared` says why). Every reply is in the journal before the next is asked for.
        """
        for request in requests:
            prompt, options = request.args
            if budget := (request.doc or {}).get("answer_tokens"):
                request.arguments = (prompt, {**options, "max_gen_toks": budget})
        prompts = self._check_lengths(requests)
        keys = journal_keys(request.args for request in requests)
        known = self._journal.replies if self._journal else {}
        replies = [known.get(key) for key in keys]
        left = [i for i, reply in enumerate(replies) if reply is None]
        kinds = [json.dumps(requests[i].args[1], sort_keys=True, default=str) for i in left]
        plan = batches([prompts[i] for i in left], kinds, int(self.batch_size), shares=not self.unshared)
        quiet, tokens = disable_tqdm or self.rank != 0, sum(len(prompts[i]) for i in left)
        with self._pace.over(tokens), progress("replies", len(requests), done=len(requests) - len(left), quiet=quiet) as bar:
            cache = None if self.unshared else SharedPrefix(self._model, self.prefill_chunk)
            for part, shared in plan:
                for piece in parts([left[i] for i in part], self._fits):
                    for some in self._answer(piece, requests, prompts, cache if shared else None):
                        for i, reply in some:
                            replies[i] = reply
                        if self._journal:
                            self._journal.add((keys[i], reply) for i, reply in some)
                        bar.update(len(some))
        return [reply or "" for reply in replies]

    def _answer(
        self, part: list[int], requests: list[Any], prompts: list[list[int]], cache: SharedPrefix | None
    ) -> Iterator[list[tuple[int, str]]]:
        """(index, reply)s of some requests at once; of one half after the other when they do not fit into memory."""
        self._shared = cache
        try:
            yield list(zip(part, super().generate_until([requests[i] for i in part], disable_tqdm=True), strict=True))
            return
        except RuntimeError as error:  # torch.OutOfMemoryError is one
            if not out_of_memory(error):
                raise
            longest = max(len(prompts[i]) for i in part)
            if len(part) == 1:
                raise SealError(
                    f"{requests[part[0]].task_name} document {requests[part[0]].doc_id}: {longest} tokens do not fit into the memory of "
                    f"{self.device}; try dtype=bfloat16, a smaller prefill_chunk than {self.prefill_chunk}, or shorter lengths"
                ) from None
        finally:
            self._shared = None
        self._fits = len(part) // 2
        print(f"{len(part)} prompts of {longest} tokens do not fit into memory at once; trying halves", file=sys.stderr)
        if cache:
            cache.forget()
        release_memory()
        for half in parts(part, self._fits):
            yield from self._answer(half, requests, prompts, cache)

    def _model_generate(self, context: Any, max_length: int, stop: list[str], **options: Any) -> Any:
        """lm-eval's, with the cache of the prompt before."""
        if self._shared is None or options.get("num_beams", 1) != 1:
            return super()._model_generate(context, max_length, stop, **options)
        cache = self._shared.begin(context, options.get("attention_mask"))
        out = super()._model_generate(context, max_length, stop, past_key_values=cache, **options)
        self._shared.end(out)
        return out

    def tok_batch_encode(self, strings: list[str], *args: Any, left_truncate_len: int | None = None, **kwargs: Any) -> Any:
        """lm-eval's, which would silently cut a long prompt from the left: here that is an error."""
        ids, mask = super().tok_batch_encode(strings, *args, left_truncate_len=None, **kwargs)
        if left_truncate_len is not None and ids.shape[1] > left_truncate_len:
            raise SealError(f"a prompt of {ids.shape[1]} tokens does not fit; {left_truncate_len} are left in the window")
        return ids, mask

    def _check_lengths(self, requests: list[Any]) -> list[list[int]]:
        """The prompts' tokens, when all of them fit."""
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


def _batch_size(asked: int | str | None) -> int:
    """lm-eval's --batch_size; 'auto' starts at AUTO_BATCH, halved where memory does not suffice."""
    if isinstance(asked, str) and asked.startswith("auto"):
        return AUTO_BATCH
    return whole_number("model_args", "batch_size", int(asked) if isinstance(asked, str) and asked.isdigit() else asked or 1, 1)


def out_of_memory(error: RuntimeError) -> bool:
    """Whether torch could not allocate, on any device."""
    import torch

    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error) or "not enough memory" in str(error)


def release_memory() -> None:
    """Give back what caches hold."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def hardware() -> str:
    """The processor or GPU this runs on, in words."""
    import os

    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), name)
    except OSError:
        pass
    return f"{name}, {os.cpu_count()} cores"
