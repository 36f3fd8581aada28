"""The lm-eval model class `seal`: stock HFLM with a method applied and no prompt ever cut."""

import platform
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from lm_eval.models.huggingface import HFLM
from tqdm import tqdm

from seal_eval.errors import SealError
from seal_eval.methods import extended, settings, take_method
from seal_eval.models import resolve, source, window_of
from seal_eval.sharing import SharedPrefix, order, tokens_of, why_not


class SealLM(HFLM):
    """`--model seal --model_args pretrained=M,method=NAME,<the method's settings>,<HFLM's arguments>`.

    `pretrained` may be a short name, a folder or a hub id. Raises SealError for an unknown method or setting, and before
    any generation when a prompt and its answer budget do not fit the window.
    """

    def __init__(self, pretrained: str, method: str = "plain", share_prefixes: bool = True, **kwargs: Any) -> None:
        self.method_name, self.method, kwargs = take_method({"method": method, **kwargs})
        self.model_label = pretrained
        place = resolve(pretrained)
        trained = window_of(place)
        if trained and not kwargs.get("max_length") and (window := extended(self.method, trained)) != trained:
            kwargs["max_length"] = window
        kwargs.setdefault("use_safetensors", True)  # never a pickle
        try:
            super().__init__(pretrained=place, **kwargs)
        except (OSError, ValueError) as error:
            raise SealError(f"model '{pretrained}' could not be loaded: {str(error).splitlines()[0]}") from error
        self.model_source = source(place)
        self._undo = ExitStack()
        self._undo.enter_context(self.method.apply(self._model))
        self.unshared = why_not(self._model, self.method, self.batch_size) if share_prefixes else "share_prefixes=False"
        self._shared: SharedPrefix | None = None

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
            },
        }

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        """lm-eval's, with each document's own answer budget, after every prompt has been seen to fit.

        Prompts that begin alike are asked one after the other and read only where they differ, unless the model, the method or the
        batch size forbids it (`unshared` says which).
        """
        for request in requests:
            prompt, options = request.args
            if budget := (request.doc or {}).get("answer_tokens"):
                request.arguments = (prompt, {**options, "max_gen_toks": budget})
        prompts = self._check_lengths(requests)
        if self.unshared:
            return super().generate_until(requests, disable_tqdm)
        replies = [""] * len(requests)
        self._shared = SharedPrefix(self._model)
        try:
            for i in tqdm(order(prompts), desc="replies, prefixes shared", disable=disable_tqdm or self.rank != 0):
                (replies[i],) = super().generate_until([requests[i]], disable_tqdm=True)
        finally:
            self._shared = None
        return replies

    def _model_generate(self, context: Any, max_length: int, stop: list[str], **options: Any) -> Any:
        """lm-eval's, with the cache of the prompt before."""
        if self._shared is None or options.get("num_beams", 1) != 1:
            return super()._model_generate(context, max_length, stop, **options)
        cache = self._shared.begin(tokens_of(context))
        out = super()._model_generate(context, max_length, stop, past_key_values=cache, **options)
        self._shared.end(tokens_of(out))
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
