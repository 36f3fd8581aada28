"""Arguments of a chat template: simple values under the template's own names reach it, and nothing else does."""

import inspect
import json

import pytest
from transformers import PreTrainedTokenizerBase
from transformers.utils.chat_template_utils import render_jinja_template

from seal_eval.core.errors import SealError
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.prompts.settings import PromptSettings
from seal_eval.prompts.template_args import OWN, check_template_args, read_by


def test_every_name_of_the_library_is_taken():
    """A new version of transformers may add parameters; each would be a way around the template."""
    for function in (PreTrainedTokenizerBase.apply_chat_template, render_jinja_template):
        assert set(inspect.signature(function).parameters) <= OWN | {"kwargs"}


@pytest.mark.parametrize("args", [{"enable_thinking": False}, {"reasoning_effort": "low", "budget": 5}, {"x": None}, {}])
def test_simple_values_pass(args):
    assert check_template_args("x", args) == args


@pytest.mark.parametrize("name", [*sorted(OWN), "eos_token", "additional_special_tokens", "__class__", "a-b", "", "x" * 101])
def test_names_that_are_not_the_templates(name):
    with pytest.raises(SealError, match=r"x: chat_template_args has .*, which is no argument of a template's own"):
        PromptSettings.read("x", {"chat_template_args": {name: True}})


@pytest.mark.parametrize("value", [{"y": 1}, [1], "y" * 201, "a\nb", "\u202e", 10**10, 0.5])
def test_values_that_are_not_simple(value):
    with pytest.raises(SealError, match=r"x: chat_template_args.effort is .*, must be true, false, a whole number or a text"):
        PromptSettings.read("x", {"chat_template_args": {"effort": value}})


def test_only_what_the_template_reads_reaches_it(tokenizer, monkeypatch):
    assert read_by("{{ effort }}", {"effort": "low", "eff": 1}) == {"effort": "low"}
    assert read_by({"a": "{{ effort }}", "b": ""}, {"effort": "low"}) == {"effort": "low"} and read_by(None, {"effort": 1}) == {}
    seen = []
    monkeypatch.setattr(tokenizer, "apply_chat_template", lambda turns, **options: seen.append(options) or turns[0]["content"])
    monkeypatch.setattr(tokenizer, "chat_template", "{{ messages[0].content }}{{ effort }}")
    args = json.dumps({"effort": "low", "colour": "red"})
    PromptFormat(tokenizer, PromptSettings(chat_template=True, template_args=args)).render("Question")
    assert seen[0].get("effort") == "low" and "colour" not in seen[0]
