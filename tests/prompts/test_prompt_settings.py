"""What is asked for stands in the prompt or is refused; the prompt does not depend on the day."""

from datetime import datetime

import pytest

from seal_eval.core.errors import SealError
from seal_eval.prompts.dates import DATE, fix_date
from seal_eval.prompts.settings import PromptSettings, recorded_settings

from tokenizers_made import CHATML

LAST_ONLY = (  # Mistral's, version 3: the system prompt goes into the last turn, if that is the user's
    "{% if messages[0]['role'] == 'system' %}{% set s = messages[0]['content'] %}{% set messages = messages[1:] %}{% endif %}"
    "{% for m in messages %}{% if m['role'] == 'user' %}[INST] {% if loop.last and s is defined %}{{ s }}\n\n{% endif %}"
    "{{ m['content'] }}[/INST]{% else %} {{ m['content'] }}{% endif %}{% endfor %}"
)
RAISES = (  # Gemma's: a system turn is an error
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] | trim }}{% endfor %}"
)
SKIPS = "{% for m in messages %}{% if m['role'] != 'system' %}<{{ m['role'] }}>{{ m['content'] }}{% endif %}{% endfor %}"
PARTS = "{% for m in messages %}{% for part in m['content'] %}{% if part is mapping %}{{ part['text'] }}{% endif %}{% endfor %}{% endfor %}"
DATED = "{% if not date_string is defined %}{% set date_string = strftime_now('%d %b %Y') %}{% endif %}Today: {{ date_string }}\n" + CHATML


@pytest.mark.parametrize(
    ("template", "prefix", "message"),
    [
        (RAISES, "", "cannot render a system prompt: System role not supported"),
        (RAISES, "It is", "cannot render a system prompt: System role not supported"),
        (SKIPS, "", "drops the system prompt"),
        (LAST_ONLY, "It is", "drops the system prompt"),
    ],
)
def test_a_system_prompt_is_shown_or_refused(formatted, template, prefix, message):
    with pytest.raises(SealError, match=message):
        formatted(template, system_instruction="Answer briefly.").render("What is it?", prefix)
    assert "What is it?" in formatted(template).render("What is it?", prefix)
    assert "Answer briefly." in formatted(CHATML, system_instruction="Answer briefly.").render("What is it?", prefix)


def test_where_the_system_prompt_is_shown_it_may_stay(formatted):
    assert "Answer briefly.\n\nWhat" in formatted(LAST_ONLY, system_instruction="Answer briefly.").render("What is it?", "")


@pytest.mark.parametrize("prefix", ["", "It is"])
def test_a_template_that_wants_parts_drops_the_question(formatted, prefix):
    with pytest.raises(SealError, match=r"chat template (drops the question|cannot render the prompt)"):
        formatted(PARTS).locate("What is it?", prefix, ["What"])


def test_the_date_is_the_same_on_every_day(formatted, monkeypatch):
    from transformers.utils import chat_template_utils

    monkeypatch.setattr(chat_template_utils, "datetime", datetime)  # whatever an earlier test has fixed
    dated = formatted(DATED)
    assert "Today: 26 Jul 2024" in dated.render("x")
    assert "Today: 01 Feb 2025" in formatted(DATED, date="2025-02-01").render("x")
    assert dated.fingerprint != formatted(DATED, date="2025-02-01").fingerprint
    # outside of our own rendering the clock goes on, until a task is built
    tokenizer, turns = dated.tokenizer, [{"role": "user", "content": "x"}]
    before = datetime.now()
    shown, days = tokenizer.apply_chat_template(turns, tokenize=False), (before, datetime.now())  # two days at midnight
    assert any(f"Today: {day:%d %b %Y}" in shown for day in days)
    fix_date(DATE)
    assert "Today: 26 Jul 2024" in tokenizer.apply_chat_template(turns, tokenize=False)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"date": "yesterday"}, "x: date is 'yesterday', must be a day such as 2024-07-26"),
        ({"date": 20250201}, "x: date is 20250201, must be a day"),
        ({"chat_template": 3}, "x: chat_template is 3"),
        ({"chat_template_args": "a=b"}, "x: chat_template_args is 'a=b', must be an object"),
        ({"answer_prefix": "maybe"}, "x: answer_prefix is 'maybe', must be true or false"),
    ],
)
def test_settings_that_are_wrong(metadata, message):
    with pytest.raises(SealError) as error:
        PromptSettings.read("x", metadata)
    assert str(error.value).startswith(message)


def test_what_a_results_file_records():
    ours = {"configs": {"t": {"metadata": {"chat_template": True, "system_instruction": "S", "date": "2025-02-01", "seed": 1}}}}
    assert PromptSettings.read("x", recorded_settings(ours, "t")) == PromptSettings(True, "S", date="2025-02-01")
    stock = {
        "configs": {"t": {"metadata": {"pretrained": "m", "enable_thinking": False}}},
        "chat_template": "{{ … }}",
        "system_instruction": "S",
    }
    assert PromptSettings.read("x", recorded_settings(stock, "t")) == PromptSettings(True, "S", template_args='{"enable_thinking": false}')
    plain = {"configs": {"t": {"metadata": None}}, "chat_template": None, "system_instruction": None}
    assert PromptSettings.read("x", recorded_settings(plain, "t")) == PromptSettings()
