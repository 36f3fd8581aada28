"""The lm-eval model class `seal`: lm-eval's HFLM with a method applied, shared prefixes, a reply log, and no truncated prompts."""

from contextlib import ExitStack
from functools import partial
from types import SimpleNamespace
from typing import Any

from seal_eval.baselines import extended, take_method
from seal_eval.core.about import checked_about
from seal_eval.core.applied import method_applied
from seal_eval.core.home import from_home
from seal_eval.core.names import safe
from seal_eval.core.settings import Count, check_value
from seal_eval.harness.attention_used import attention_used, implementation
from seal_eval.harness.cached import KeptApart
from seal_eval.harness.greedy import keep_penalties, say_penalties
from seal_eval.harness.likelihood import Likelihoods
from seal_eval.harness.model_args import check_names_reached, clearly, refuse_subfolder
from seal_eval.harness.padding import can_pad
from seal_eval.harness.processes import sharing_documents
from seal_eval.harness.record_first import RecordFirst
from seal_eval.harness.recorded import recorded
from seal_eval.harness.replies import Replies
from seal_eval.harness.reply_log import ACTIVE
from seal_eval.harness.task_config import refuse_ambiguous
from seal_eval.harness.throughput import Throughput
from seal_eval.models.base_weights import REVISION
from seal_eval.models.caches import Sharing, sharing
from seal_eval.models.hub import content, resolve, source
from seal_eval.models.layer_windows import check_reach
from seal_eval.models.loading import check_finite
from seal_eval.models.placement import LOW_BITS, keep_as_loaded, low_bits
from seal_eval.models.selftest import check_method
from seal_eval.models.timing import forget
from seal_eval.models.whole_checkpoint import from_whole
from seal_eval.models.window import window_of
from seal_eval.prompts.thinking import check_known

AUTO_BATCH = 8  # batch size for --batch_size auto
PREFILL_CHUNK = 8192  # default of prefill_chunk: most tokens in one forward pass of the prefill, when prefixes are shared


class SealLM(KeptApart, Likelihoods, Replies):
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
        check_names_reached({"pretrained": pretrained, **kwargs})
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
        self._docs = {}
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


def _batch_size(value: int | str | None, most: int | None = None) -> int:
    """Return lm-eval's --batch_size as a number: for 'auto' and 'auto:N' AUTO_BATCH or `most`, if that is less; 1 for None.

    most: lm-eval's --max_batch_size. Raises SealError for bad values.
    """
    if isinstance(value, str) and value.startswith("auto"):
        return AUTO_BATCH if most is None else min(AUTO_BATCH, check_value("model_args", "max_batch_size", most, Count))
    number = int(value) if isinstance(value, str) and value.isdecimal() else 1 if value is None else value
    return check_value("model_args", "batch_size", number, Count)
