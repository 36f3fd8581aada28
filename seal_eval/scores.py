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
