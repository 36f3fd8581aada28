"""Which of the values in a reply it denies, takes back, rules out or corrects."""

import re
from collections.abc import Sequence

from seal_eval.prompts.lists import are_items
from seal_eval.prompts.mentions import Mention
from seal_eval.prompts.wordings import (
    CHECKED,
    COMMA_NO,
    CORRECTION,
    MENTIONS_ONLY,
    NEGATED,
    NOT_BUT,
    NOTHING_BUT,
    OR,
    PLURAL,
    REFUSES,
    RULED_OUT,
    SEEMS_BUT,
    WITHDRAWN,
)


def denied(text: str, mark: Mention, after: int = 0) -> bool:
    """'not 26022', 'rather than 26022', 'not repaired by 26022 but'; `after`: where the mention before it ends."""
    begin = max(after, mark.start - 60)
    before = ("" if begin else "\n") + text[begin : mark.start]  # the beginning of the text is that of a line
    if NOTHING_BUT.search(before):
        return False
    if NEGATED.search(before) or (COMMA_NO[0].search(before) and COMMA_NO[1].search(text, 0, mark.start)):
        return True
    return any(begin.search(before) and end.match(text, mark.end) for begin, end in (NOT_BUT, SEEMS_BUT))


def all_denied(text: str, mentions: Sequence[Mention]) -> set[Mention]:
    """The mentions that are denied, one by one or as a list: 'not A or B', 'neither A, B nor C'."""
    found, open_list = set[Mention](), list[Mention]()
    for i, mark in enumerate(mentions):
        before = text[mentions[i - 1].end : mark.start] if i else ""
        if denied(text, mark, mentions[i - 1].end if i else 0):
            found.add(mark)
            open_list = [mark]
        elif open_list and are_items(before) and "\n" not in before:
            open_list.append(mark)
            if OR.search(before) or re.search(r"(?i)\band\b", before):  # only here it is certain that the list goes on
                found.update(open_list)
        else:
            open_list = []
    return found


def ruled_out(text: str, marks: Sequence[Mention]) -> set[str]:
    """The values of which the reply at last says that they are not the answer: 'A is wrong', 'A cannot be it', 'A and B are examples'."""
    said, listed = dict[str, bool](), False  # listed: what is said of the next value is said of those listed with it, too
    for i in reversed(range(len(marks))):
        end = marks[i + 1].start if i + 1 < len(marks) else len(text)
        following = text[marks[i].end : min(end, marks[i].end + 120)]
        match = RULED_OUT.match(following)
        listed = PLURAL.search(match[0]) is not None if match else listed and are_items(following) and not re.search(r";|\n\n", following)
        said.setdefault(marks[i].value, match is not None or listed)
    return {value for value, is_out in said.items() if is_out}


def around(text: str, mark: Mention, begin: int = 0, reach: int = 300) -> tuple[str, str]:
    """What stands in a value's sentence before it, though not before `begin`, and behind it, at most `reach` characters."""
    before, after = text[max(begin, mark.start - 300) : mark.start], text[mark.end : mark.end + reach]
    return re.split(r"[.;!?\n]", before)[-1], re.split(r"[.;!?\n]", after, maxsplit=1)[0]


def in_refusal(text: str, mark: Mention) -> bool:
    """'I cannot tell. The text only mentions A.'"""
    return MENTIONS_ONLY.search("".join(around(text, mark))) is not None and REFUSES.search(text, 0, mark.start) is not None


def withdrawn(text: str, mark: Mention) -> bool:
    """'26022? No', '26022 is wrong'."""
    return WITHDRAWN.match(text[mark.end : mark.end + 80]) is not None


def corrected(text: str, marks: Sequence[Mention], n: int) -> list[Mention]:
    """The mentions left by corrections: those after the last one if they suffice, else all but the one before it, and so on."""
    left, after = list(marks), list[Mention]()
    i = len(left) - 1
    while i > 0:
        one, other = left[i - 1], left[i]
        if one.value != other.value and _corrects(text, one, left[i:] + after):
            after = left[i:] + after
            if len({m.value for m in after}) >= n:
                return after
            left = [m for m in left[:i] if m.value != one.value]
            i = len(left)
        i -= 1
    return left + after


def _corrects(text: str, one: Mention, later: Sequence[Mention]) -> bool:
    """True when the reply goes over from one value to the later ones. 'Let me check' does so unless the same value comes again."""
    gap = text[one.end : later[0].start]
    if CORRECTION.search(gap) or withdrawn(text, one):
        return True
    return CHECKED.search(gap) is not None and one.value not in {m.value for m in later}
