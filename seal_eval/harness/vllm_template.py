"""How lm-eval's vLLM class renders a chat template, and how it should.

It hands enable_thinking=None to the template where the user does not set it, which many templates (GLM-4.5, SmolLM3, Hunyuan) take for
false; and it drops enable_thinking from chat_template_args.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from seal_eval.core.errors import SealError
from seal_eval.prompts.prompt import PROBE, PromptFormat


def rendered(engine: Any, history: list[dict[str, str]], add_generation_prompt: bool, args: Mapping[str, Any]) -> str:
    """Return the prompt of lm-eval's vLLM class `engine`, with the user's arguments alone."""
    return str(
        engine.tokenizer.apply_chat_template(
            history, tokenize=False, add_generation_prompt=add_generation_prompt, continue_final_message=not add_generation_prompt,
            chat_template=getattr(engine, "hf_chat_template", None), **args,
        )
    )  # fmt: skip


def check_stock(prompt_format: PromptFormat, model_args: Mapping[str, Any]) -> None:
    """Raise SealError where stock `lm_eval --model vllm` renders another prompt than the one whose tokens are counted."""
    settings = prompt_format.settings
    if not settings.chat_template:
        return
    prefix = prompt_format.answer_prefix("Answer")
    given = {**json.loads(settings.template_args), "enable_thinking": model_args.get("enable_thinking")}
    stock = PromptFormat(prompt_format.tokenizer, replace(settings, template_args=json.dumps(given)))
    if stock.render(PROBE, prefix) != prompt_format.render(PROBE, prefix):
        raise SealError(
            f"lm-eval's vLLM class renders the chat template with enable_thinking={given['enable_thinking']}, whatever chat_template_args "
            "say; pass enable_thinking=True (with think_end_token=) or False in --model_args, or use seal-eval run"
        )
