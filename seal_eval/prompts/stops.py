"""Where a reply to a begun answer ends: at the first stop string after something that can be the answer."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from seal_eval.core.types import Score
from seal_eval.prompts.scoring import NO_ANSWER
from seal_eval.prompts.thinking import MARKS
from seal_eval.prompts.verdict import TOO_MANY

LOOP_CHARACTERS = 400
LOOP = re.compile(r"(.{4,100}?)\1{3}\Z", re.S)


class Scorer(Protocol):
    """What is needed of a task."""

    @property
    def until(self) -> tuple[str, ...]:
        """Stop strings."""

    def score(self, reply: str, doc: Mapping[str, Any]) -> Score:
        """The score of a reply."""


def answer_end(task: Scorer, reply: str, doc: Mapping[str, Any], start: int = 0) -> int | None:
    """The number of characters of a reply up to where its answer ends; None while it has not ended. `start`: where to begin to look.

    Only a begun answer (a document with a prefix) has stop strings: what a model writes by itself may have any form, and ends by itself.
    A single value ends with its line, too, and a list that has too many values with the first that is too many.
    """
    if not doc.get("prefix") or not task.until:
        return None
    stops = (*task.until, "\n", ",") if len(doc["targets"]) == 1 else (*task.until, ",")
    for match in re.compile("|".join(map(re.escape, stops))).finditer(reply, start):
        if _answered(task, reply[: match.start()], reply[match.start() : match.end() + 1], doc):
            return match.start()
    return None


def loops(reply: str) -> bool:
    """True when a reply ends with the same words four times: a model that writes this writes nothing else."""
    match = LOOP.search(reply[-LOOP_CHARACTERS:])
    return match is not None and re.search(r"\w{3}", match[1]) is not None


def _answered(task: Scorer, begun: str, stop: str, doc: Mapping[str, Any]) -> bool:
    """True when the text in front of a stop string holds as many values as are asked for.

    A value that the text does not hold may be the first part of one ('7.931' of '7.931.233'): it counts when white space follows the stop.
    Behind a digit, whatever the value, the stop '.' counts when it is known that no further digit follows.
    """
    if stop[0] == "." and begun[-1:].isdigit() and (len(stop) == 1 or stop[1].isdigit()):
        return False
    if not begun.strip() or begun.rstrip().endswith(("<", "{", "[", "(", ":", *MARKS)):  # behind thinking the answer follows
        return False
    score = task.score(begun, doc)
    if score.reason in NO_ANSWER or score.answer is None:
        return False
    values, targets = re.split(r"[,;] ", score.answer), doc["targets"]
    if len(values) < len(targets) or (stop[0] == "," and score.reason != TOO_MANY):
        return False
    if any(
        value.isdecimal() and len(value) < 4 for value in values
    ):  # a list number, unless it is closed like a value or a cell of a table
        return stop[0] == ">" or (score.reason != "not found" and stop.strip()[:1] == "|")
    if score.reason != "not found" or all(len(value) == len(targets[0]) for value in values):
        return True
    if any(value.isdecimal() and stop[0] in ".," for value in values):  # a number of the text around, as in "As of 1790, …"
        return False
    return stop[-1:].isspace()


def contradicts(stop: str, answers: Sequence[str], thinks: bool) -> str:
    """Why a stop string of the user's own cannot be: '' when it can."""
    if not stop:
        return "is empty"
    if thinks and any(stop in mark for mark in MARKS):
        return "would end the reply with the thinking, before the answer"
    for answer in answers:
        if stop in answer.rstrip(" .>|\n"):
            return f"occurs in the right answer {answer.strip()!r}"
    return ""
