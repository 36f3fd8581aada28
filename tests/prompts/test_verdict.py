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
    ("26022. It is not to be confused with 13131.", 1), ("13131. It is not to be confused with 26022.", 0),
    ("26022, which should not be confused with 13131.", 1), ("It is 26022 (do not confuse it with 13131).", 1),
    ("I first thought it was 13131, but it is 26022.", 1), ("I first thought it was 26022, but it is 13131.", 0),
    ("It is not the number called 13131 but 26022.", 1), ("It is not the number called 26022 but 13131.", 0),
    ("I cannot tell. The text only mentions 26022.", 0), ("I cannot see another. The only number is 26022.", 1),
])  # fmt: skip
def test_a_value_that_is_only_denied(reply, right):
    assert score(reply, NUMBERS, ["26022"]).value == right


@pytest.mark.parametrize(("reply", "value", "recall"), [
    ("raspy-shopper: 26022, frail-portrait: 13131", 1, 1), ("26022 and 13131", 1, 1), ("13131 and 26022", 1, 1),
    ("raspy-shopper: 13131, frail-portrait: 26022", 0, 0), ("raspy-shopper: 13131\nfrail-portrait: 26022", 0, 0),
    ("The numbers for raspy-shopper and frail-portrait are 26022 and 13131.", 1, 1),
    ("raspy-shopper: 26022, frail-portrait: 90909", 0, 0.5),
    ("**raspy-shopper**\n26022\n\n**frail-portrait**\n13131", 1, 1), ("**raspy-shopper**\n13131\n\n**frail-portrait**\n26022", 0, 0),
    ("Those of raspy-shopper and frail-portrait are 26022 and 13131, respectively.", 1, 1),
    ("Those of raspy-shopper and frail-portrait are 13131 and 26022, respectively.", 0, 0),
])  # fmt: skip
def test_values_given_to_each_others_keys(reply, value, recall):
    found = score(reply, SEVERAL, ["26022", "13131"])
    assert found.value == value and (found.metrics["recall"] == recall or found.reason == "wrong value")


@pytest.mark.parametrize(("reply", "right"), [
    ("26022. 13131 is that of another.", 1), ("13131. 26022 is that of another.", 0), ("26022\n13131", 0),
    ("The number is 26022.\n\nExplanation: it stands beside 13131 in the text.", 1), ("It is 26022 because 13131 is another one.", 1),
    ("It is 26022 or 13131 because I do not know.", 0), ("The number is 13131.\n\nExplanation: it stands beside 26022.", 0),
])  # fmt: skip
def test_an_explanation_that_names_others(reply, right):
    """Also where no key tells which value is meant."""
    assert score(reply, Facts(NUMBERS.owners), ["26022"]).value == right


@pytest.mark.parametrize(("reply", "value"), [
    ("Number: 851", "851"), ("I found the number 851.", "851"), ("The number is 851\nLine frail-portrait holds 13131", "851"),
    ("Line number 3: 851", "851"), ("Number 3: 851", "851"),
])  # fmt: skip
def test_a_small_value_behind_the_word_number(reply, value):
    facts = Facts({"851": "raspy-shopper", "13131": "frail-portrait"}, ("raspy-shopper",), ("raspy-shopper", "frail-portrait"))
    assert score(reply, facts, [value]).value == 1


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
