"""A stop string "." inside a number: the reply is one number, and is scored as one."""

import pytest

from seal_eval.harness.stopping import ended_at_answer
from seal_eval.prompts.stops import answer_end
from seal_eval.tasks import get_task


def written(reply, target, task="seal_own"):
    """Return the score of a reply that is written character by character, as far as it is written, and that text."""
    doc = {
        "task": task,
        "prefix": "The answer is:",
        "targets": [target],
        "input": "",
        "keys": [],
        "answer": f" {target}.",
        "answer_tokens": 96,
    }
    whole = get_task(task)
    n = next((n for n in range(1, len(reply) + 1) if answer_end(whole, reply[:n], doc) is not None), len(reply))
    text = ended_at_answer(reply[:n], doc)
    return whole.score(text, doc).value, text


@pytest.mark.parametrize(("target", "reply"), [("2.1", " 2.1.3 was the last."), ("1995", " 1995.5 tons."), ("7.931", " 7.931.233 people")])
def test_the_beginning_of_another_number_is_not_right(target, reply):
    assert written(reply, target) == (0, reply)


@pytest.mark.parametrize(
    ("target", "reply", "end"),
    [
        ("2.1", " 2.1. It was the last.", " 2.1"),
        ("1995", " 1995.\n\nWho", " 1995"),
        ("1995", " 1995.", " 1995."),  # the reply ends there
        ("3.5 million", " 3.5 million. They", " 3.5 million"),
        ("J.R.R. Tolkien", " J.R.R. Tolkien. He", " J.R.R. Tolkien"),
    ],
)
def test_a_number_ends_at_its_sentence(target, reply, end):
    assert written(reply, target) == (1, end)
