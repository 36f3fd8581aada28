"""Rules that read an answer from a reply."""

import re

from seal_eval.types import Score


def read_integer(reply: str) -> str | None:
    """The first whole number in a reply, thousands separators removed; None when there is none.

    Digits of any script count ('１２' is 12); '2,416' is 2416.
    """
    found = re.search(r"\d{1,3}(?:,\d{3})+(?!\d)|\d+", reply)
    return str(int(found.group().replace(",", ""))) if found and len(found.group()) < 1000 else None


def first_integer(reply: str, targets: tuple[str, ...]) -> Score:
    """1 when the first number of the reply is a target; what follows it does not count. No number counts as wrong."""
    answer = read_integer(reply)
    if answer is None:
        return Score(0.0, None, "no number")
    return Score(1.0, answer, "exact") if answer in targets else Score(0.0, answer, "other number")


def last_digits(reply: str, targets: tuple[str, ...]) -> Score:
    """LongEval's own rule: the last run of digits, as an integer, is the target's number.

    It reads '2,416' as 416 and marks a right answer wrong when any number follows it; kept for comparison with published
    figures (DachengLi1/LongChat, folder longeval, commit 4b5faa5).
    """
    runs = re.findall(r"\d+", reply)
    if not runs:
        return Score(0.0, None, "no number")
    answer = runs[-1]
    right = len(answer) < 1000 and str(int(answer)) in targets
    return Score(1.0, answer, "exact") if right else Score(0.0, answer, "other number")
