"""Accepted answers of anybody's questions: what names them, and what only looks like it."""

import pytest

from seal_eval.tasks.own import score_phrase

WRONG = [
    ("12", "12,500 books"), ("500", "12,500"), ("3", "About 3.5 million"), ("1945", "1945-1950"), ("10", "10:30"), ("30", "At 10:30."),
    ("no", "I have no idea."), ("no", "There is no such person."), ("Paris", "Paris, London, Rome or Berlin"),
    ("Paris", "It is London or Paris."),
    ("Paris", "It is not Paris."), ("the porter", "the porter or the cook"), ("3", "2026-03-12"), ("7", "item 17"),
]  # fmt: skip
RIGHT = [
    ("12,000", "12000"), ("12000", "12,000"), ("12000", "12.000"), ("three", "3"), ("3", "three"), ("100 km", "100km"),
    ("100 km", "It is 100 km away."), ("100km", "100 km"), ("no", "No, they were not."), ("no", "The answer is no."), ("yes", "Yes."),
    ("Paris", "Paris, the capital or largest city"), ("1945", "In 1945."), ("12", "12."), ("3.5", "3.5 million"),
    ("1945-1950", "1945-1950"),
    ("10:30", "At 10:30 they met."), ("twenty-four", "24"), ("the porter", "It was the porter, or so they say."), ("Paris", "paris"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "reply", "right"), [*((*w, 0) for w in WRONG), *((*r, 1) for r in RIGHT)])
def test_judged_by_hand(answer, reply, right):
    assert score_phrase(reply, {"targets": [answer], "answer_tokens": 50})[0].value == right
