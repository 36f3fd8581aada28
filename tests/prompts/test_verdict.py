"""Rules that decide which values of a reply are its answer, each on the shortest reply that needs it."""

import pytest

from seal_eval.prompts.mentions import Facts
from seal_eval.prompts.scoring import read_values, score_values
from seal_eval.prompts.word_list import read_words

NUMBERS = Facts({"26022": "raspy-shopper", "13131": "frail-portrait", "90909": "mild-genius"}, ("raspy-shopper",), ("raspy-shopper",))
SEVERAL = Facts(NUMBERS.owners, ("raspy-shopper", "frail-portrait"), ("raspy-shopper", "frail-portrait", "mild-genius"))


def score(reply, facts, targets):
    doc = {"targets": targets, "answer_tokens": 40}
    return score_values(reply, doc, read_values(reply, doc, "number", facts), lambda _: True, "wrong needle")


@pytest.mark.parametrize(("reply", "right"), [
    ("It is not 26022.", 0), ("It is not 13131, it is 26022.", 1), ("Not 13131 but 26022.", 1), ("It is 26022, not 13131.", 1),
])  # fmt: skip
def test_a_value_that_is_only_denied(reply, right):
    assert score(reply, NUMBERS, ["26022"]).value == right


@pytest.mark.parametrize(("reply", "value", "recall"), [
    ("raspy-shopper: 26022, frail-portrait: 13131", 1, 1), ("26022 and 13131", 1, 1), ("13131 and 26022", 1, 1),
    ("raspy-shopper: 13131, frail-portrait: 26022", 0, 0), ("raspy-shopper: 13131\nfrail-portrait: 26022", 0, 0),
    ("The numbers for raspy-shopper and frail-portrait are 26022 and 13131.", 1, 1),
    ("raspy-shopper: 26022, frail-portrait: 90909", 0, 0.5),
])  # fmt: skip
def test_values_given_to_each_others_keys(reply, value, recall):
    found = score(reply, SEVERAL, ["26022", "13131"])
    assert found.value == value and (found.metrics["recall"] == recall or found.reason == "wrong value")


@pytest.mark.parametrize(
    "reply",
    [
        "1. belly (six times)\n2. talk (found 6 times)\n3. otter (noun)", "belly (6 Mal), talk (6 Mal), otter (6 Mal)",
        "- belly - 6 instances\n- talk - 6 instances\n- otter - 5 instances", "(belly, talk, otter)",
        "belly appears twenty-four times, talk appears six times, otter appears three times.",
    ],
)  # fmt: skip
def test_notes_behind_the_words_of_a_list(reply):
    assert read_words(reply, {"belly", "talk", "otter", "apple"}, 3).values == ("belly", "talk", "otter")
