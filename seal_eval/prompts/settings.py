"""Settings of the prompt: chat template, system prompt, answer prefix, special tokens. One value, recorded with every run."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from seal_eval.core.errors import SealError
from seal_eval.core.settings import Count, Index, check_value
from seal_eval.prompts.dates import DATE
from seal_eval.prompts.template_args import check_template_args

KEYS = (
    "chat_template", "system_instruction", "answer_prefix", "add_bos_token", "chat_template_args", "enable_thinking", "date",
    "answer_tokens", "thinking_tokens", "think_start_token", "think_end_token", "think_stripped",
)  # fmt: skip


@dataclass(frozen=True)
class PromptSettings:
    """The fields of lm-eval's metadata and model arguments that decide how a question is rendered."""

    chat_template: bool | str = False  # render through the tokenizer's chat template; a string selects one of several
    system_instruction: str = ""
    answer_prefix: bool = True  # begin the answer for the model (lm-eval's gen_prefix)
    add_bos_token: bool | None = None  # None leaves it to the tokenizer
    date: str = DATE  # ISO; what a chat template prints as today's date
    template_args: str = "{}"  # JSON object: further arguments of the chat template
    answer_tokens: int = 0  # budget of an answer in place of the task's; 0: the task's
    thinking_tokens: int = 0  # budget for what the model thinks before its answer
    think_start: str = ""  # what begins the thinking, where it is none of `thinking.PAIRS`
    think_end: str = ""  # what ends it
    think_stripped: bool = False  # the engine takes the thinking out of the replies

    @classmethod
    def read(cls, owner: str, metadata: Mapping[str, Any]) -> "PromptSettings":
        """The settings in a task's metadata, into which lm-eval mixes the model arguments. Raises SealError naming `owner` and the key."""
        chat = metadata.get("chat_template", False)
        if not isinstance(chat, bool | str):
            raise SealError(f"{owner}: chat_template is {chat!r}, must be true, false or the name of a template")
        args = check_template_args(owner, metadata.get("chat_template_args") or {})
        if metadata.get("enable_thinking") is not None:
            args = {**args, "enable_thinking": _flag(owner, "enable_thinking", metadata["enable_thinking"])}
        if metadata.get("think_start_token") and not metadata.get("think_end_token"):
            raise SealError(f"{owner}: think_start_token={metadata['think_start_token']} needs think_end_token")
        thinking = check_value(owner, "thinking_tokens", metadata.get("thinking_tokens", 0), Index)
        begun = _flag(owner, "answer_prefix", metadata.get("answer_prefix", not thinking))
        if thinking and begun:
            raise SealError(f"{owner}: a begun answer leaves no room to think; leave out answer_prefix, or thinking_tokens={thinking}")
        return cls(
            chat_template=chat,
            system_instruction=str(metadata.get("system_instruction") or ""),
            answer_prefix=begun,
            add_bos_token=None if (bos := metadata.get("add_bos_token")) is None else _flag(owner, "add_bos_token", bos),
            date=_date(owner, metadata.get("date", DATE)),
            template_args=json.dumps(args, sort_keys=True),
            answer_tokens=check_value(owner, "answer_tokens", metadata["answer_tokens"], Count) if "answer_tokens" in metadata else 0,
            thinking_tokens=thinking,
            think_start=_text(owner, "think_start_token", metadata.get("think_start_token")),
            think_end=_text(owner, "think_end_token", metadata.get("think_end_token")),
            think_stripped=bool(metadata.get("think_stripped")),
        )

    def budget(self, answer_tokens: int) -> int:
        """Tokens of a reply: those of the answer, by default `answer_tokens`, and those of the thinking before it."""
        return (self.answer_tokens or answer_tokens) + self.thinking_tokens


DEFAULT_SETTINGS = PromptSettings()


def recorded_settings(results: Mapping[str, Any], task: str) -> dict[str, Any]:
    """The metadata keys of `PromptSettings` that an lm-eval results file records for a task, ready for `PromptSettings.read`.

    `seal-eval run` hands the chat template and system prompt to the tasks, so they are in the task's metadata. Stock lm_eval does not: it
    records them at the top of the file, where `chat_template` is the template's text, or null when none was applied.
    """
    metadata = results["configs"][task].get("metadata") or {}
    settings = {key: metadata[key] for key in KEYS if key in metadata}
    settings.setdefault("chat_template", bool(results.get("chat_template")))
    settings.setdefault("system_instruction", results.get("system_instruction") or "")
    return settings


def _text(owner: str, key: str, value: Any) -> str:
    """A text; '' for None and for the id of a token, at which the engine itself cuts."""
    if value is None or isinstance(value, int) or str(value).isdecimal():
        return ""
    if not isinstance(value, str) or not value.strip():
        raise SealError(f"{owner}: {key} is {value!r}, must be the text that begins or ends the model's thinking, such as </think>")
    return value


def _date(owner: str, value: Any) -> str:
    try:
        return date.fromisoformat(value).isoformat()
    except (TypeError, ValueError):
        raise SealError(f"{owner}: date is {value!r}, must be a day such as {DATE}") from None


def _flag(owner: str, key: str, value: Any) -> bool:
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise SealError(f"{owner}: {key} is {value!r}, must be true or false")
    return value
