"""lm-eval's own model classes with our log of replies: each group of replies is on disk before the next group is generated."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from seal_eval.core.names import GENERATION_KEY
from seal_eval.core.progress import progress
from seal_eval.harness.greedy import keep_penalties, say_penalties
from seal_eval.harness.processes import sharing_documents
from seal_eval.harness.reply_log import ACTIVE, lookup
from seal_eval.harness.vllm_template import rendered
from seal_eval.prompts.template_args import given_args

GROUP = 64  # prompts handed over at a time to an engine that plans its batches itself (--batch_size auto)


@contextmanager
def replies_logged(name: str, batch_size: Any) -> Iterator[None]:
    """Context manager: inside it lm-eval's model class `name` logs its replies, and does not generate those that the log holds."""
    from lm_eval.api.registry import get_model, model_registry

    plain: Any = get_model(name)
    size = int(batch_size or 1) if str(batch_size or 1).isdecimal() else GROUP

    class Logged(plain):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self._template_args = given_args(kwargs.get("chat_template_args"), kwargs.get("enable_thinking"))
            with sharing_documents(self):
                super().__init__(*args, **kwargs)
            self.penalties: dict[str, Any] = {}
            if hasattr(model := getattr(self, "_model", None), "generation_config"):  # of transformers, which obeys it before the task
                self.penalties = keep_penalties(model)
                say_penalties(name, self.penalties)

        def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> Any:
            if name == "vllm":
                return rendered(self, chat_history, add_generation_prompt, self._template_args)
            return super().apply_chat_template(chat_history, add_generation_prompt)

        def get_model_info(self) -> dict[str, Any]:
            told = super().get_model_info() if hasattr(plain, "get_model_info") else {}
            return told | ({GENERATION_KEY: self.penalties} if self.penalties else {})

        def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
            journal = ACTIVE.get()
            if journal is None or self.world_size > 1:  # processes that must stay in step
                return list(super().generate_until(requests, disable_tqdm=disable_tqdm))
            quiet = {"disable_tqdm": True} if "disable_tqdm" in inspect.signature(plain.generate_until).parameters else {}
            names, replies, left = lookup(journal, requests)
            left.sort(key=lambda i: (-len(str(requests[i].args[0])), str(requests[i].args[0])))  # longest first, as lm-eval does
            with progress("replies", len(requests), done=len(requests) - len(left), quiet=disable_tqdm) as bar:
                for start in range(0, len(left), size):
                    group = left[start : start + size]
                    found = super().generate_until([requests[i] for i in group], **quiet)
                    for i, reply in zip(group, found, strict=True):
                        replies[i] = reply
                    journal.add((names[i], reply) for i, reply in zip(group, found, strict=True))
                    bar.update(len(group))
            return [str(reply) for reply in replies]

    Logged.__name__, Logged.__qualname__ = plain.__name__, plain.__qualname__
    entries: dict[str, Any] = model_registry._objs  # lm-eval's registry refuses a second class under a name
    before = entries[name]
    entries[name] = Logged
    try:
        yield
    finally:
        entries[name] = before
