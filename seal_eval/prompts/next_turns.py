"""Where a reply goes on to another turn or to a task of its own: what stands there is no part of its answer."""

import re
from collections.abc import Iterable, Sequence

from seal_eval.prompts.wordings import CHECKED, CORRECTION, NEXT_TASK, NEXT_TURN

TASKS = 3  # places where a next task may begin that are looked at


def next_turn(text: str, after: int) -> int | None:
    """Return where the first turn begins that a reply goes on to behind `after`; None if there is none."""
    return next((turn.start() for turn in NEXT_TURN.finditer(text) if turn.start() > after), None)


def corrects(between: str) -> bool:
    """True when what stands between two values or lists says that the second may be right instead."""
    return CORRECTION.search(between) is not None or CHECKED.search(between) is not None


def next_tasks(text: str, ends: Iterable[int], on_its_way: Sequence[re.Pattern[str]] = ()) -> list[int]:
    """Return where a reply may go on to a task of its own: behind a value or list, and without a correction.

    ends: where its values or lists end. on_its_way: other words between the two that keep it at its own answer.
    """
    begins, places = list[int](), list(ends)
    for match in NEXT_TASK.finditer(text):
        end = max((place for place in places if place <= match.start()), default=None)
        if end is None or corrects(between := text[end : match.end()]) or any(words.search(between) for words in on_its_way):
            continue
        begins.append(match.start())
        if len(begins) == TASKS:
            break
    return begins
