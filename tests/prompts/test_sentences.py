"""Whole sentences around right and wrong values: what looks like a correction, a withdrawal, an order or a pairing, and is none."""

import re

import pytest

from seal_eval.prompts.corpus import sentences
from seal_eval.prompts.invented import FIRST
from seal_eval.prompts.phrases import find_answers
from seal_eval.prompts.plain_text import plain_text
from seal_eval.prompts.thinking import without_thinking
from seal_eval.tasks import get_task

KEYS = ("classy-series", "tart-designer", "observant-mercury", "gorgeous-pard")
NUMBERS = ("1048771", "4416668", "3056679", "4497919")
A, B = NUMBERS[:2]


def needles(pairs):
    return " ".join(f"The special number of the {key} is {value}." for key, value in pairs)


def document(task, targets, keys, text):
    return {"task": task, "targets": list(targets), "keys": list(keys), "input": text, "answer_tokens": 60, "prefix": ""}


MANY = document("seal_needle_multiquery", NUMBERS, KEYS, needles([*zip(KEYS, NUMBERS, strict=True), ("odd-one", "1111111")]))
VALUES = document("seal_needle_multivalue", NUMBERS, KEYS[:1], needles((KEYS[0], value) for value in NUMBERS))
ONE = document("seal_needle_multikey", [A], KEYS[:1], needles(zip(KEYS, NUMBERS, strict=True)))


def score(reply, doc):
    return get_task(doc["task"]).score(reply, doc).value


@pytest.mark.parametrize(("reply", "right"), [
    (f"The special number of the {KEYS[0]} is {A}. There is no other; the {KEYS[1]} has {B}.", 1),
    (f"The special number of the {KEYS[0]} is {A} (not to be confused with the {KEYS[1]}'s number, {B}).", 1),
    (f"{A}. It is not the number of {KEYS[1]}.", 1), (f"{A}. This is not the only special number in the text.", 1),
    (f"{A}. Actually, this is the only one.", 1), (f"{B}. Actually, {A}.", 1), (f"{A}. Actually, {B}.", 0),
    (f"It is {B}. No, it is {A}.", 1), (f"It is {A}. No, it is {B}.", 0), (f"{A}, no wait, {B}", 0), (f"{B}. It's actually {A}.", 1),
    (f"{A}. That is not the answer.", 0), (f"{A}. That is not right.", 0), (f"{B} is not the number of {KEYS[0]}, {A} is.", 1),
    (f"{A}? Or {B}?", 0), (f"{A}. Or {B}.", 0), (f"{A}. Alternatively, {B}.", 0),
])  # fmt: skip
def test_one_value_and_another(reply, right):
    assert score(reply, ONE) == right


@pytest.mark.parametrize(("reply", "right"), [
    ("{0} and {1}, and further down, not far from the end, {2} and {3}.", 1), ("{0}, {1}, {2}, and in fact also {3}", 1),
    ("{0}, {1}, {2} and 9999999. No, wait: {0}, {1}, {2} and {3}.", 1),
])  # fmt: skip
def test_four_values_in_a_sentence(reply, right):
    assert score("The special numbers are " + reply.format(*NUMBERS), VALUES) == right


@pytest.mark.parametrize(("order", "right"), [((0, 1, 2, 3), 1), ((1, 0, 2, 3), 0)])
@pytest.mark.parametrize("form", [
    "The special numbers of the {k0}, the {k1}, the {k2}, and the {k3} are {v0}, {v1}, {v2}, and {v3}, respectively.",
    "{k0}, {k1}, {k2} and {k3}: {v0}, {v1}, {v2} and {v3}, respectively",
    "- {k0}: {v0}\n- {k1}: {v1} (not to be confused with tart-design)\n- {k2}: {v2}\n- {k3}: {v3}",
])  # fmt: skip
def test_four_keys_and_their_values(form, order, right):
    """In the order of their keys, or each next to its own."""
    values = {f"v{place}": NUMBERS[i] for place, i in enumerate(order)}
    assert score(form.format(**{f"k{i}": key for i, key in enumerate(KEYS)}, **values), MANY) == right


def test_keys_in_one_list_bind_no_value():
    keys = ", the ".join(KEYS[:-1]) + f", and the {KEYS[-1]}"
    assert score(f"The special numbers of the {keys} are {', '.join(NUMBERS[:-1])}, and {NUMBERS[-1]}.", MANY) == 1
    assert (
        score("\n".join(f"{i}. {value}\n   - key: {key}" for i, (key, value) in enumerate(zip(KEYS, NUMBERS, strict=True), 1)), MANY) == 1
    )


def test_next_to_is_no_order():
    """The word orders topics, and tells where persons live."""
    one, two = FIRST[0], FIRST[1]
    text = f"{one} lives right next to the Charles Bridge. {two} lives right next to the Louvre."
    doc = document("seal_latent", [one], ["Prague"], text)
    said = "{0} lives right next to the Louvre. {1} lives right next to the Charles Bridge in Prague, so {1} has been to Prague."
    assert score(said.format(two, one), doc) == 1 and score(said.format(one, two), doc) == 0


def test_words_of_the_prompt_that_end_like_towns():
    text = "Below are documents about people, towns and books.\n\nDocument: Ada Kessen. Ada Kessen was born in Corinham.\nDalenton is far."
    doc = document("seal_qa", ["Corinham"], ["Ada Kessen"], text)
    assert score("Based on the documents below, Ada Kessen was born in Corinham.", doc) == 1
    assert score("Corinham. She did not stay there; she moved to Dalenton at 23.", doc) == 1
    assert score("Dalenton", doc) == 0 and score("Corinham or Dalenton", doc) == 0


@pytest.mark.parametrize("value", ["131", "13", "26022"])
def test_the_rest_of_a_row_of_a_table(value):
    line = "| brave-otter | 4567 |"
    doc = document("seal_lines", [value], ["raspy-shopper"], f"| raspy-shopper | {value} |\n{line}\n") | {"prefix": "| raspy-shopper |"}
    assert score(f" {value} |\n{line}", doc) == 1 and score(f" 4567 |\n| brave-otter | {value} |", doc) == 0


@pytest.mark.parametrize("opened", [True, False])
def test_letters_that_grow_in_lower_case(opened):
    """İ has two characters in lower case; the answer begins behind the mark all the same."""
    thought = "" if opened else "<Think>\n"
    assert without_thinking(f"{thought}İnceledim, İlk olarak İşaret\n</THINK>\n\n7931233", opened=opened) == ("\n\n7931233", False)


@pytest.mark.parametrize(("answer", "reply", "found"), [
    ("10 percent", "10%", 1), ("50%", "50 percent", 1), ("50%", "50 per cent of it", 1), ("50%", "150%", 0), ("50", "50%", 1),
    ("$5 million", "5 million dollars", 1), ("$5 million", "It cost $5 million.", 1), ("$5 million", "5 dollars", 0),
    ("$5", "5 million dollars", 0), ("yes", "Yes both directors are American.", 1), ("yes", "No both are not.", 0), ("no", "no idea", 0),
])  # fmt: skip
def test_units_and_agreement(answer, reply, found):
    assert len([m for m in find_answers(plain_text(reply), [answer], answer) if m.value == answer]) == found


def test_an_own_question_has_one_answer():
    """'Four crowns more' than eleven would be fifteen."""
    from importlib.resources import files

    text = (files("seal_eval.tasks") / "own" / "questions.jsonl").read_text(encoding="utf-8")
    assert not re.search(r"\b\w+ more\.", text)


@pytest.mark.parametrize(("text", "parts"), [
    ("He came. She went! 'Why?' No.", ["He came.", "She went!", "'Why?' No."]), ("Mr. smith came. 5 left.", ["Mr. smith came. 5 left."]),
    ("Он пришёл. Она ушла. Élan vital.", ["Он пришёл.", "Она ушла.", "Élan vital."]), ("Πού είναι; Εδώ. Ναι.", ["Πού είναι; Εδώ.", "Ναι."]),
    ("他来了。她走了！“为什么？”不知道。", ["他来了。", "她走了！", "“为什么？”不知道。"]), ("वह आया। वह गया।", ["वह आया।", "वह गया।"]),
    ("جاء. ذهبت؟ نعم.", ["جاء.", "ذهبت؟", "نعم."]),
])  # fmt: skip
def test_sentences_of_any_script(text, parts):
    assert list(sentences(text)) == parts
