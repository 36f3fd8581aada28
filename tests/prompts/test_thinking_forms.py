"""Thinking in the form of LongCat, Apriel and Granite 3.2; the same words of other models are none; unknown marks are told."""

import copy

import pytest
from tokenizers import AddedToken

from seal_eval.core.errors import SealError
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.prompts.settings import PromptSettings
from seal_eval.prompts.thinking import SENTENCES, answer_of, closing_mark
from seal_eval.prompts.unknown_marks import unknown_marks

from tokenizers_made import made

TURNS = "{% for m in messages %}{{ '<|' + m['role'] + '|>\n' + m['content'] + '\n' }}{% endfor %}<|assistant|>\n"
APRIEL = "Give the solution in the format: [BEGIN FINAL RESPONSE] ... [END FINAL RESPONSE].\n" + TURNS + "Here are my reasoning steps:\n"
GRANITE = (
    "{% if thinking %}Write your thoughts after 'Here is my thought process:' and write your response after 'Here is my response:' "
    "for each user query.\n{% endif %}" + TURNS
)
LONGCAT = TURNS + "{% if enable_thinking %}<longcat_think>\n{% endif %}"


def fields(template, **args):
    return prompts(template, **args).think_fields("")


def prompts(template, settings=None, added=(), **args):
    tokenizer = copy.deepcopy(made("bpe-digits"))
    tokenizer.chat_template = template
    tokenizer.add_tokens([AddedToken(token, special=i % 2 == 0) for i, token in enumerate(added)])
    return PromptFormat(tokenizer, PromptSettings.read("t", {"chat_template": True, "chat_template_args": args, **(settings or {})}))


GRANITES = {"think_start": SENTENCES[0], "think_end": SENTENCES[1]}


@pytest.mark.parametrize(
    ("reply", "doc", "answer"),
    [
        ("<longcat_think>12?</longcat_think>\n7", {}, "\n7"), ("<longcat_think>12?", {}, None),
        ("12?</longcat_think>7", {"think_open": True}, "7"),
        ("It is 12.\n[BEGIN FINAL RESPONSE]\n7\n[END FINAL RESPONSE]\n<|end|>", {"think_open": True}, "\n7\n"),
        ("It is 12.\n[BEGIN FINAL RESPONSE]7", {"think_open": True}, "7"), ("Is it 12?", {"think_open": True}, None),
        ("Here are my reasoning steps:\n12? [BEGIN FINAL RESPONSE] 7 [END FINAL RESPONSE]", {}, " 7 "),
        ("Here are my reasoning steps: I looked. It is 7.", {}, "Here are my reasoning steps: I looked. It is 7."),
        ("7\n\nHere are my reasoning steps: 12?", {}, "7\n\nHere are my reasoning steps: 12?"),
        ("Here is my thought process: 12?\n\nHere is my response: 7", {}, "7"),
        ("Here's my thought process: 12? Here's my response:\n7", {}, "7"),
        ("**Here is my thought process:** 12?\n**Here is my response:** 7", GRANITES, "7"),
        ("Here is my thought process: 12?", GRANITES, None),
        ("Here is my thought process: it is 7.", {}, "Here is my thought process: it is 7."),
        ("7. Here is my response: that is all.", {}, "7. Here is my response: that is all."), ("7", GRANITES, "7"),
    ],
)  # fmt: skip
def test_what_follows_the_thinking(reply, doc, answer):
    assert answer_of(reply, doc) == answer


def test_what_templates_say():
    assert fields(APRIEL) == {"think_open": True}
    assert fields(GRANITE, thinking=True) == GRANITES and fields(GRANITE) == {}
    assert fields(LONGCAT, enable_thinking=True) == {"think_open": True} and fields(LONGCAT) == {} and fields(TURNS) == {}
    assert prompts(GRANITE, {"think_start_token": "<a>", "think_end_token": "<b>"}, thinking=True).think_fields("")["think_end"] == "<b>"
    assert prompts(GRANITE, thinking=True).think_fields("It is") == {}
    assert [closing_mark((), template) for template in (APRIEL, GRANITE, LONGCAT, TURNS)] == [
        "[BEGIN FINAL RESPONSE]", SENTENCES[1], None, None,
    ]  # fmt: skip
    assert closing_mark({"</longcat_think>"}, TURNS) == "</longcat_think>"
    with pytest.raises(SealError, match="neither the tokenizer nor its chat template has a token that ends the thinking"):
        prompts(TURNS, {"thinking_tokens": 9}).budget(9)
    assert prompts(GRANITE, {"thinking_tokens": 9}).budget(9) == 18


def test_marks_that_are_not_known_are_told():
    added = ("<deep_think>", "</deep_think>", "<think>", "</Think>", "/nothink", "<image>", "think")
    assert unknown_marks(prompts(TURNS, added=added).tokenizer) == ["</deep_think>", "<deep_think>", "think"]
    assert unknown_marks(prompts(TURNS + "[X_THINK]{{ message['thinking'] }}<think><no_think>{{ thinking[0] }}").tokenizer) == ["[X_THINK]"]
    assert unknown_marks(prompts(TURNS + "<seed:think><seed:think_budget>◁think▷<|START_THINKING|>").tokenizer) == []
    (remark,) = prompts(TURNS, added=added[:4]).remarks()
    assert remark.startswith("</deep_think>, <deep_think> in tokenizer or chat template may mark thinking, but is not known")
    own = {"think_start_token": "<deep_think>", "think_end_token": "</deep_think>"}
    assert prompts(TURNS, own, added[:4]).remarks() == prompts(TURNS).remarks() == []
