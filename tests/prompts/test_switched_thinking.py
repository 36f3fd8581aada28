"""Thinking that a system prompt or the template itself switches off, and dates that no template prints."""

from dataclasses import replace

import pytest

from seal_eval.core.errors import SealError
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.prompts.template_args import without_switches
from seal_eval.prompts.thinking import closed_thinking

from tokenizers_made import CHATML

# SmolLM3's and Nemotron Nano 2's: a word of the system prompt switches thinking off, and is taken out of the prompt
SWITCHED = (
    "{% set s = messages[0].content if messages[0].role == 'system' else '' %}"
    "<system>{{ s.replace('/no_think', '').replace('/think', '') | trim }}\n"
    "{% for m in messages %}{% if m.role != 'system' %}<{{ m.role }}>{{ m.content }}\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{{ '<think></think>' if '/no_think' in s else '<think>\n' }}{% endif %}"
)
# EXAONE 4's: thinking is off unless it is asked for
ON_REQUEST = "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}{% if add_generation_prompt %}<assistant>" + (
    "{{ '<think>\n' if enable_thinking is defined and enable_thinking else '<think>\n\n</think>\n\n' }}{% endif %}"
)


@pytest.mark.parametrize(("system", "shown"), [
    ("/no_think", "<system>\n"), ("Be brief. /no_think", "<system>Be brief.\n"), ("/no_think\nBe brief.", "<system>Be brief.\n"),
])  # fmt: skip
def test_a_switch_in_the_system_prompt_is_obeyed(formatted, system, shown):
    """The template takes it out, so it does not stand in the prompt."""
    off = formatted(SWITCHED, system_instruction=system)
    assert off.render("What?").startswith(shown) and off.render("What?").endswith("<think></think>") and off.think_fields("") == {}
    assert off.render("What?", "It is").endswith("It is")
    assert formatted(SWITCHED, system_instruction="Be brief. /think").think_fields("") == {"think_open": True}


def test_a_switch_that_the_template_does_not_know_is_text(formatted):
    assert without_switches(CHATML, "/no_think") == "/no_think" and without_switches({"a": "x", "b": "/think"}, "/think") == ""
    ends = "{{ content.split('</think>')[-1] }}"  # most templates of thinking models: the end of a block is no switch
    assert without_switches(ends, "Think between <think> and </think>. /think") == "Think between <think> and </think>. /think"
    assert "/no_think" in formatted(CHATML, system_instruction="/no_think").render("What?")
    with pytest.raises(SealError, match="drops the system prompt"):
        formatted(SWITCHED.replace("<system>{{ s.", "{{ ''."), system_instruction="Be brief. /no_think").render("What?")


def test_a_budget_for_thinking_that_the_template_has_switched_off(formatted):
    off = formatted(ON_REQUEST, answer_prefix=False, thinking_tokens=99)
    (told,) = off.remarks()
    assert told.startswith("thinking_tokens=99: the chat template ends the prompt with </think>, so") and "enable_thinking=True" in told
    for settings in ({"template_args": '{"enable_thinking": true}'}, {"thinking_tokens": 0}):
        assert PromptFormat(off.tokenizer, replace(off.settings, **settings)).remarks() == []
    assert (
        closed_thinking("<a><END>\n", [("", "<END>")]) == "<END>" and closed_thinking("</think>x") == closed_thinking("", [("", "")]) == ""
    )


def test_a_date_that_no_template_prints(formatted):
    dated = "{{ strftime_now('%Y') }}" + CHATML
    assert formatted(dated, date="2025-02-01").remarks() == formatted(CHATML).remarks() == []
    (told,) = formatted(CHATML, date="2025-02-01").remarks()
    assert told == "--metadata date=2025-02-01 has no effect: no chat template asks for the date"
