"""Scores and their reasons, also for hostile replies."""

# ruff: noqa: E501  (tables of replies)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seal_eval.prompts.numerals import find_numbers, first_number
from seal_eval.prompts.scoring import last_digits, ruler_recall
from seal_eval.tasks import get_task, tasks

LINES = {
    "input": "line calm-otter: REGISTER_CONTENT is <41873>\nline red-door: REGISTER_CONTENT is <20011>\n\nTell me … in line calm-otter?\n",
    "targets": ["41873"], "keys": ["calm-otter"], "answer_tokens": 32,
}  # fmt: skip
NEEDLES = {
    "input": "The special number of the calm-otter is 4187321. The special number of the red-door is 2001199. And 7654321. And 1112223.",
    "targets": ["4187321", "7654321"], "keys": ["calm-otter", "old-key"], "answer_tokens": 44,
}  # fmt: skip
WORDS = {
    "input": "The special word of the calm-otter is quick-lamp. The special word of the red-door is slow-boat.", "targets": ["quick-lamp"],
    "keys": ["calm-otter"], "answer_tokens": 32,
}  # fmt: skip
UUIDS = {
    "input": "The code 0b1f7c1e-8a55-4b13-9c3e-2f1a6d0c9e77 belongs to the calm-otter.", "keys": ["calm-otter"], "answer_tokens": 60,
    "targets": ["0b1f7c1e-8a55-4b13-9c3e-2f1a6d0c9e77"],
}  # fmt: skip
TOPICS = {
    "input": "USER: I would like to discuss the topic of the work of bees. \n ASSISTANT: Yes.USER: I would like to discuss the topic of art. \n",
    "targets": ["the work of bees"], "keys": [], "answer_tokens": 50,
}  # fmt: skip
VARIABLES = {"input": "VAR ABCDE = 12345. VAR FGHIJ = VAR ABCDE. VAR ZZZZZ = 99999.", "targets": ["ABCDE", "FGHIJ"], "keys": ["12345"],
             "answer_tokens": 30}  # fmt: skip
COMMON = {"input": "1. apple 2. pear 3. apple 4. pear 5. fig What are the 2 most common words in the list?", "targets": ["apple", "pear"],
          "keys": [], "answer_tokens": 24}  # fmt: skip


@pytest.mark.parametrize(
    ("reply", "value", "reason"),
    [
        ("41873>", 1, "exact"), ("41873", 1, "exact"), (" 41,873.", 1, "exact"), ("it is 041873", 1, "exact"), ("４１８７３", 1, "exact"),
        ("٤١٨٧٣", 1, "exact"), ("The <REGISTER_CONTENT> in line calm-otter is <41873>", 1, "exact"), ("41873 and 20011", 0, "too many values"),
        ("20011>", 0, "wrong line"), ("20011 or 41873", 0, "hedged"), ("41874>", 0, "not found"), ("4187; 3", 0, "not found"),
        ("", 0, "unparsable"), ("No.", 0, "unparsable"), ("I'm sorry, I cannot help with that", 0, "refused"),
        ("The text does not contain this line.", 0, "refused"), ("Let me see. The record that you gave me begins with a line, and then", 0, "cut off"),
        ("x" * 10**6, 0, "cut off"), ("9" * 10**6, 0, "cut off"), ("\x00\ud800<", 0, "unparsable"),
    ],
)  # fmt: skip
def test_lines(reply, value, reason):
    score = get_task("seal_lines").score(reply, LINES)
    assert (score.value, score.reason) == (value, reason)


@pytest.mark.parametrize(
    ("reply", "value", "recall", "reason"),
    [
        ("4187321 and 7654321.", 1, 1, "exact"), ("7654321, 4187321", 1, 1, "exact"), ("1. 7654321\n2. 4187321", 1, 1, "exact"),
        ("The special numbers of the calm-otter are 4,187,321 and 7654321", 1, 1, "exact"), ("4187321 4187321 7654321", 1, 1, "exact"),
        ("4187321", 0, 0.5, "incomplete"), ("4187321, 2001199, 7654321", 0, 0.5, "too many values"), ("2001199 1112223 4187321 7654321", 0, 0, "too many values"),
        ("1234567 and 4187320", 0, 0, "not found"), ("2001199 and 1112223", 0, 0, "wrong needle"), ("none", 0, 0, "unparsable"),
        ("The 2 special numbers of the calm-otter are 4187321 and 7654321.", 1, 1, "exact"), ("**1.** 7654321\n**2.** 4187321", 1, 1, "exact"),
        ("1: 7654321\n2: 4187321", 1, 1, "exact"), ("The 2 numbers are 2001199 and 7654321", 0, 0.5, "incomplete"),
        ("50125 and 99887", 0, 0, "not found"), ("1. I'm sorry, I cannot help with that", 0, 0, "refused"),
    ],
)  # fmt: skip
def test_several_needles(reply, value, recall, reason):
    """Naming more values than are asked for does not help."""
    score = get_task("seal_needle_multiquery").score(reply, NEEDLES)
    assert (score.value, score.metrics["recall"], score.reason) == (value, recall, reason)


@pytest.mark.parametrize(
    ("doc", "task", "reply", "reason"),
    [
        (WORDS, "seal_needle", " quick-lamp.", "exact"), (WORDS, "seal_needle", "The word of the calm-otter is Quick-Lamp", "exact"),
        (WORDS, "seal_needle", "slow-boat", "wrong needle"), (WORDS, "seal_needle", "fast-lamp", "not found"),
        (UUIDS, "seal_needle", "0B1F7C1E-8A55-4B13-9C3E-2F1A6D0C9E77", "exact"), (UUIDS, "seal_needle", "0b1f7c1e-8a55", "unparsable"),
        (TOPICS, "seal_longeval_topics", "The first topic was The Work of Bees!", "exact"),
        (TOPICS, "seal_longeval_topics", "art, then the work of bees", "wrong topic"), (TOPICS, "seal_longeval_topics", "music", "not found"),
        (VARIABLES, "seal_variable_tracking", " FGHIJ, ABCDE.", "exact"), (VARIABLES, "seal_variable_tracking", "ABCDE ZZZZZ", "incomplete"),
        (VARIABLES, "seal_variable_tracking", "ZZZZZ", "wrong variable"), (VARIABLES, "seal_variable_tracking", "QQQQQ", "not found"),
        (COMMON, "seal_common_words", "1. pear 2. apple", "exact"), (COMMON, "seal_common_words", "fig, apple", "incomplete"),
        (COMMON, "seal_common_words", "fig", "wrong word"), (COMMON, "seal_common_words", "The list: common words", "unparsable"),
    ],
)  # fmt: skip
def test_other_kinds(doc, task, reply, reason):
    score = get_task(task).score(reply, doc)
    assert (score.reason, score.value) == (reason, float(reason == "exact"))


def test_both_longeval_rules_side_by_side():
    score = get_task("seal_longeval_lines").score
    assert score("<41873>. In line red-door 7", LINES).metrics == {"acc_official": 0.0}
    assert score("<41873>. In line red-door 7", LINES).value == 1.0
    assert (score("not 20011 but 41873", LINES).value, score("not 20011 but 41873", LINES).metrics["acc_official"]) == (1.0, 1.0)
    assert (score("41873, not 20011", LINES).value, score("41873, not 20011", LINES).metrics["acc_official"]) == (1.0, 0.0)
    assert get_task("seal_longeval_topics").score("art, not the work of bees", TOPICS).metrics == {"acc_named": 1.0}


def test_rulers_rule_beside_ours():
    """RULER counts targets anywhere in the reply, in any case (string_match_all); ours reads an answer."""
    assert ruler_recall("4187321 2001199 1112223 7654321", ["4187321", "7654321"]) == 1.0
    assert ruler_recall("ABCDE", ["abcde", "fghij"]) == 0.5
    score = get_task("seal_needle_multiquery").score("4187321, 2001199, 7654321", NEEDLES)
    assert (score.value, score.metrics["recall_ruler"]) == (0.0, 1.0)


PAIRS = [(TOPICS if "topics" in n else VARIABLES if "var" in n else COMMON if "common" in n else LINES if "lines" in n else d, n)
         for n in tasks() for d in (NEEDLES, WORDS, UUIDS)]  # fmt: skip


@given(st.text(max_size=200), st.sampled_from(PAIRS))
def test_any_reply_has_a_score_and_a_reason(reply, pair):
    doc, name = pair
    score = tasks()[name].score(reply, doc)
    assert score.value in (0.0, 1.0) and score.reason and set(score.metrics) == set(tasks()[name].metrics)
    assert all(0 <= m <= 1 for m in score.metrics.values())
    without = ("unparsable", "refused", "cut off", "cut off while thinking")
    # no list says what else could be an answer
    unread = {"seal_longeval_topics": "not found", "seal_coreference": "not found", "seal_own": "wrong answer"}
    assert (score.answer is None) == (score.reason in without or unread.get(name) == score.reason)


@given(st.integers(0, 10**9), st.sampled_from(["{}", "{:,}", "<{}>", "is {}.", "0{}", "\n{}\n"]))
def test_numbers_are_read_as_written(n, form):
    assert first_number(form.format(n)) == str(n)
    assert [m.value for m in find_numbers(form.format(n), [str(n)])[1]] == [str(n)]


@pytest.mark.parametrize(("reply", "digits"), [("2,416", "416"), ("12 and 7", "7"), ("none", None), ("", None)])
def test_last_digits(reply, digits):
    assert last_digits(reply, ["416"]) == (float(digits == "416"), digits)
