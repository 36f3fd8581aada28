"""Settings of the prompt that a chat template does not obey: said on stderr, because nothing else would show it."""

import json
from typing import Any

from seal_eval.prompts.dates import CLOCK, DATE
from seal_eval.prompts.settings import PromptSettings
from seal_eval.prompts.template_args import read_by
from seal_eval.prompts.thinking import closed_thinking


def no_effect(settings: PromptSettings, templates: Any, end: str) -> list[str]:
    """Return a remark for each setting without effect. templates: the tokenizer's; end: what is rendered behind a question."""
    found, applied = [], templates if settings.chat_template else None
    args = json.loads(settings.template_args)
    if unread := [name for name in args if name not in read_by(applied, args)]:
        why = "the chat template does not read it" if settings.chat_template else "no chat template is applied"
        found.append(f"the template argument {', '.join(unread)} has no effect: {why}")
    if settings.date != DATE and not read_by(applied, {CLOCK: True}):
        found.append(f"--metadata date={settings.date} has no effect: no chat template asks for the date")
    mark = closed_thinking(end, [(settings.think_start, settings.think_end)])
    if settings.thinking_tokens and settings.chat_template and mark:
        found.append(
            f"thinking_tokens={settings.thinking_tokens}: the chat template ends the prompt with {mark}, so the model is asked to "
            "answer at once; switch its thinking on (enable_thinking=True in --model_args, for most), or leave thinking_tokens out"
        )
    return found
