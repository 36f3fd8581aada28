"""The arguments of a chat template that a user or a results file may name: simple values under names that the template itself reads."""

import json
import re
from collections.abc import Mapping
from typing import Any

from seal_eval.core.errors import SealError
from seal_eval.core.strict_json import short

# what the tokenizer itself passes: under these names an argument would replace the template, the conversation or the way it is rendered
OWN = frozenset({
    "self", "conversation", "conversations", "messages", "tools", "documents", "chat_template", "add_generation_prompt",
    "continue_final_message", "tokenize", "sanitize_control_tokens", "padding", "truncation", "max_length", "return_tensors",
    "return_dict", "return_assistant_tokens_mask", "tokenizer_kwargs", "kwargs", "generation_indices", "raise_exception", "strftime_now",
    "namespace", "range", "dict", "loop", "caller",
})  # fmt: skip
LONGEST = 200  # characters of a text
# words in a system prompt that a template obeys and takes out of it (SmolLM3, Nemotron Nano 2); no end of a block such as </think>
SWITCH = re.compile(r"(?<![\w<])/(?:no_?think|think|system_override)(?![\w>])")
LARGEST = 10**9


def check_template_args(owner: str, args: Any) -> dict[str, Any]:
    """The arguments, when all are allowed: none of the tokenizer's own names, and true, false, a whole number or a short text.

    Raises SealError naming `owner` and the argument.
    """
    if not isinstance(args, dict):
        raise SealError(f"{owner}: chat_template_args is {args!r:.200}, must be an object of the template's arguments")
    for name, value in args.items():
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,99}", str(name)) or name in OWN or str(name).endswith(("_token", "_tokens")):
            raise SealError(f"{owner}: chat_template_args has {short(name)}, which is no argument of a template's own; leave it out")
        text = isinstance(value, str) and len(value) <= LONGEST and value.isprintable()
        if not (text or value is None or isinstance(value, bool) or (isinstance(value, int) and abs(value) <= LARGEST)):
            raise SealError(
                f"{owner}: chat_template_args.{name} is {short(value)}, must be true, false, a whole number or a text of at most {LONGEST} "
                "printable characters"
            )
    return args


def given_args(args: Mapping[str, Any] | None, enable_thinking: bool | None) -> dict[str, Any]:
    """The template's arguments of chat_template_args and, where it is given, enable_thinking, which counts before one among them."""
    return {**(args or {}), **({} if enable_thinking is None else {"enable_thinking": enable_thinking})}


def read_by(template: Any, args: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the arguments whose name occurs in a chat template (text, or name → text; None: no template)."""
    text = json.dumps(template or "", ensure_ascii=False)
    return {name: value for name, value in args.items() if re.search(rf"\b{re.escape(name)}\b", text)}


def without_switches(template: Any, system: str) -> str:
    """A system prompt without the switches that a chat template (text, or name → text) names: they are no text of its prompt."""
    texts = template.values() if isinstance(template, Mapping) else [template or ""]
    known = {switch for text in texts for switch in SWITCH.findall(text)}
    return SWITCH.sub(lambda m: "" if m[0] in known else m[0], system)
