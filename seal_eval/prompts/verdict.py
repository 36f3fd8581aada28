"""Decides which of the values that a reply mentions are its answer: declared, corrected, hedged, or too many."""

import re
from bisect import bisect, bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from seal_eval.prompts.mentions import Mention
from seal_eval.prompts.wordings import (
    BECAUSE,
    CLAUSE_END,
    CORRECTION,
    IN_ORDER,
    LISTED,
    MENTIONS_ONLY,
    NEGATED,
    NEXT_TURN,
    NOT_BUT,
    OR,
    ORDERED,
    REFUSES,
    SENTENCE_END,
    STATES,
    STRONG,
    WEAK,
    WITHDRAWN,
)

HEDGED, TOO_MANY, WRONG = "hedged", "too many values", "wrong value"

CLOSING = {"\\boxed": "}", "<answer>": "</answer>", "<final_answer>": "</final_answer>"}
MOST = 1000  # mentions that are looked at


Key = tuple[int, int, str]  # a key in the text: start, end, the key


@dataclass(frozen=True)
class Reading:
    """What a reply answers: distinct values in order; problem: '', HEDGED, TOO_MANY or WRONG."""

    values: tuple[str, ...]
    problem: str = ""


def decide(
    text: str, mentions: Sequence[Mention], n: int, keys: Sequence[Key] = (), asked: Iterable[str] = (),
    owner: Sequence[str] | None = None, ordered: bool = False,
) -> Reading:  # fmt: skip
    """Read `n` values out of the mentions in a plain text.

    keys: places of the document's keys in the text; asked: the keys in question; owner: for each mention the key that it belongs to in the
    document; ordered: "A, then B" answers A. The order of the rules is docs/tasks.md's, under "Scores".
    """
    mentions = mentions[:MOST]
    owned = dict(zip(mentions, owner, strict=False)) if owner is not None else {}
    first = next((m for m in mentions if m.counts), mentions[0] if mentions else None)
    if first and (turn := next((t for t in NEXT_TURN.finditer(text) if t.start() > first.start), None)):
        text = text[: turn.start()]
        mentions = [m for m in mentions if m.end <= len(text)]
    ends = [0, *(m.end for m in mentions)]
    negated = {m for m, end in zip(mentions, ends, strict=False) if denied(text, m, end)}
    marks = _with_listed(text, mentions)
    begin, marks = _declared(text, marks, n)
    marks = [m for m in marks if m not in negated and not _in_refusal(text, m)]
    if all(_withdrawn(text, m) for m in marks):
        return Reading(())
    named = _in_clause_with(text, marks, keys)
    marks = [m for m in marks if owned.get(m, "") in ("", *asked) or owned[m] not in named[m]] or marks
    if n == 1 or len(_distinct(marks)) > n:
        marks = _corrected(text, marks, n)
    values = _distinct(marks)
    if len(values) > n:
        return _of_too_many(text, begin, marks, n, keys, {m for m in marks if named[m].intersection(asked)}, ordered)
    wanted = set(asked)  # of several keys: a value next to the name of another key answers neither
    if len(values) == n > 1 and "respectively" in text.lower() and _crossed(values, marks, owned, keys, wanted):
        return Reading(values, WRONG)
    right = _distinct(m for m in marks if not (len(named[m]) == 1 and owned.get(m, "") in wanted and named[m] <= wanted - {owned[m]}))
    return Reading(right) if right or not values else Reading(values, WRONG)


def _crossed(
    values: Sequence[str], marks: Sequence[Mention], owned: Mapping[Mention, str], keys: Sequence[Key], wanted: Collection[str]
) -> bool:  # fmt: skip
    """True when values stand in another order than the keys that they belong to."""
    belongs = {m.value: owned.get(m, "") for m in marks}
    named = list(dict.fromkeys(key for _, _, key in sorted(keys) if key in wanted))
    return sorted(named) == sorted(belongs.values()) and named != [belongs[value] for value in values]


def _distinct(marks: Iterable[Mention]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(m.value for m in marks))


def _gap(text: str, left: Mention, right: Mention, keys: Sequence[Key] = ()) -> str:
    """The text between two mentions, without the keys in it."""
    gap = text[left.end : right.start]
    for start, end, _ in reversed([k for k in keys if left.end <= k[0] and k[1] <= right.start]):
        gap = gap[: start - left.end] + " " + gap[end - left.end :]
    return gap


def _sentence_ends(following: str) -> bool:
    """True when a sentence ends at the beginning of `following`, behind closing quotes and brackets."""
    return SENTENCE_END.match(following.lstrip(" \"')]}")) is not None


def _listed(gap: str) -> bool:
    return len(gap) < 200 and LISTED.fullmatch(gap) is not None


def _with_listed(text: str, mentions: Sequence[Mention]) -> list[Mention]:
    """The mentions that count, and those that are listed with them ('99999, 26022', '26022 or 7'); all when none counts."""
    if not any(m.counts for m in mentions):
        return list(mentions)
    keep = [m.counts for m in mentions]
    for order in (range(1, len(mentions)), range(len(mentions) - 2, -1, -1)):
        step = 1 if order.step > 0 else -1
        for i in order:
            neighbour = mentions[i - step]
            left, right = (neighbour, mentions[i]) if step > 0 else (mentions[i], neighbour)
            gap = text[left.end : right.start]
            if not keep[i] and keep[i - step] and _items(gap) and _bare(text, mentions[i], step):
                keep[i] = True
    return [m for m, kept in zip(mentions, keep, strict=True) if kept]


def _bare(text: str, mark: Mention, step: int) -> bool:
    """True when no other words of its clause stand on the outer side of a mention ('a double-check, X' is no list of two)."""
    if step > 0:
        return re.match(r"[^\w.,;:\n<}|]*(?:$|[.,;:\n<}|]|(?:and|or)\b|\d)", text[mark.end : mark.end + 40]) is not None
    return (
        re.search(r"(?:^|[.,;:\n>{|]|\b(?:and|or|is|are|be|not|it's))[^\w.,;:\n>{|]*\d{0,3}[^\w,;:\n]*$", text[: mark.start][-40:])
        is not None
    )


def _items(gap: str) -> bool:
    """True for what separates two items of one list: a comma, a semicolon, a bar, 'and', 'or', a line break."""
    return re.search(r"(?i)[,;/&|\n]|\b(?:and|or)\b", gap) is not None and _listed(re.sub(r"(?i)\b(?:or|possibly|maybe)\b", " ", gap))


def _declared(text: str, marks: list[Mention], n: int) -> tuple[int, list[Mention]]:
    """(where the reply's last declared answer begins, the mentions in it); (0, all mentions) when none declares enough values."""
    spans = []
    for match in STRONG.finditer(text):
        opening = match[0].strip().lower().rstrip("{").strip()
        end = len(text)
        if closing := CLOSING.get(opening):
            end = text.find(closing, match.end())
            end = len(text) if end < 0 else end
        spans.append((match.end(), [m for m in marks if match.end() <= m.start < end], opening))
    if spans and not spans[-1][1] and "final" in spans[-1][2] and re.search(r"\w", text[spans[-1][0] :]):
        return spans[-1][0], []  # declared, but nothing that can be an answer
    spans = [span for span in spans if span[1]]
    if not spans:
        return 0, marks
    begin, last, kind = spans[-1]
    if len(_distinct(last)) >= n:
        return begin, last
    together = [m for m in marks if any(m in found for _, found, other in spans if other == kind)]
    if kind in CLOSING and len(_distinct(together)) == n:
        return spans[0][0], together
    begin, best, _ = max(spans, key=lambda span: len(_distinct(span[1])))
    return (begin, best) if len(_distinct(best)) >= n else (0, marks)


def denied(text: str, mark: Mention, after: int = 0) -> bool:
    """'not 26022', 'rather than 26022', 'not repaired by 26022 but'; `after`: where the mention before it ends."""
    before = text[max(after, mark.start - 60) : mark.start]
    if NEGATED.search(before):
        return True
    return NOT_BUT[0].search(before) is not None and NOT_BUT[1].match(text, mark.end) is not None


def _in_refusal(text: str, mark: Mention) -> bool:
    """'I cannot tell. The text only mentions A.'"""
    before, after = text[max(0, mark.start - 300) : mark.start], text[mark.end : mark.end + 300]
    sentence = re.split(r"[.;!?\n]", before)[-1] + re.split(r"[.;!?\n]", after, maxsplit=1)[0]
    return MENTIONS_ONLY.search(sentence) is not None and REFUSES.search(text, 0, mark.start) is not None


def _withdrawn(text: str, mark: Mention) -> bool:
    """'26022? No', '26022 is wrong'."""
    return WITHDRAWN.match(text[mark.end : mark.end + 80]) is not None


def _corrected(text: str, marks: Sequence[Mention], n: int) -> list[Mention]:
    """The mentions left by corrections: those after the last one if they suffice, else all but the one before it, and so on."""
    left, after = list(marks), list[Mention]()
    i = len(left) - 1
    while i > 0:
        one, other = left[i - 1], left[i]
        if one.value != other.value and (CORRECTION.search(text[one.end : other.start]) or _withdrawn(text, one)):
            after = left[i:] + after
            if len(_distinct(after)) >= n:
                return after
            left = [m for m in left[:i] if m.value != one.value]
            i = len(left)
        i -= 1
    return left + after


def _in_clause_with(text: str, marks: Sequence[Mention], keys: Sequence[Key]) -> dict[Mention, set[str]]:
    """For each mention the keys that stand in its clause. A line that names a key and no value belongs to the next one.

    Keys in one list ('a, b, and c are 1, 2, and 3') stand in the clauses of all of them.
    """
    places, values = sorted(start for start, _, _ in keys), sorted(m.start for m in marks)

    def holds(starts: Sequence[int], begin: int, end: int) -> bool:
        return bisect_left(starts, begin) < bisect_left(starts, end)

    ends = list[int]()
    begin = 0
    for end in (m.end() for m in CLAUSE_END.finditer(text)):
        goes_on = text[end - 1] == "\n" and (holds(places, begin, end) or not text[begin:end].strip())
        if not goes_on or holds(values, begin, end):
            ends.append(end)
            begin = end
    named: dict[int, set[str]] = {}
    for group in _groups(text, keys):
        for start, _, _ in group:
            named.setdefault(bisect(ends, start), set()).update(key for _, _, key in group)
    return {m: named.get(bisect(ends, m.start), set()) for m in marks}


def _groups(text: str, keys: Sequence[Key]) -> list[list[Key]]:
    """The keys in groups that are one list each."""
    groups = list[list[Key]]()
    for key in sorted(keys):
        if groups and _items(re.sub(r"(?i)\b(?:the|of)\b", " ", text[groups[-1][-1][1] : key[0]])):
            groups[-1].append(key)
        else:
            groups.append([key])
    return groups


def _of_too_many(
    text: str, begin: int, marks: Sequence[Mention], n: int, keys: Sequence[Key], asked: Collection[Mention], ordered: bool
) -> Reading:
    """Reading of a reply with more than `n` distinct values.

    begin: where its answer is declared; asked: the mentions whose clause names a key in question.
    """
    lists = _lists(text, marks, keys)
    head = _opening(text, begin, marks[0], keys)
    following = text[lists[0][-1].end :]
    if head and len(_distinct(lists[0])) == n and _sentence_ends(following) and not OR.match(following.lstrip(" \n.!?>\"')]}")):
        return Reading(_distinct(lists[0]))
    hedged = any(OR.search(_gap(text, a, b)) for a, b in pairwise(marks))
    if n == 1:
        bound = _distinct(m for m in marks if m in asked)
        if len(bound) == 1 and not hedged:
            return Reading(bound)
        gap = _gap(text, marks[0], marks[1])
        in_order = "->" in gap and IN_ORDER.search(text[: marks[0].start]) is not None
        if not hedged and (in_order or (ordered and ORDERED.search(gap)) or BECAUSE.search(gap)):
            return Reading((marks[0].value,))
        for match in reversed(list(WEAK.finditer(text))):
            if last := _distinct(m for m in marks if m.start >= match.end()):
                return Reading(last) if len(last) == 1 else Reading(_distinct(marks), TOO_MANY)
        if not hedged and STATES.search(text[begin : marks[0].start]) and _sentence_ends(text[marks[0].end :]):
            return Reading((marks[0].value,))  # the first sentence that names a value states it
    elif not hedged:
        exact = [group for group in lists if len(_distinct(group)) == n]
        if exact and max(len(_distinct(group)) for group in lists) == n:
            return Reading(_distinct(exact[-1]))
    return Reading(_distinct(marks), HEDGED if hedged else TOO_MANY)


def _lists(text: str, marks: Sequence[Mention], keys: Sequence[Key]) -> list[list[Mention]]:
    """The mentions in groups that are one list each. A sentence that begins with a value and goes on is no item of a list."""
    groups = [[marks[0]]]
    for left, right in pairwise(marks):
        gap = _gap(text, left, right, keys)
        if _listed(gap) and (_bare(text, right, 1) or not _sentence_ends(gap)):
            groups[-1].append(right)
        else:
            groups.append([right])
    return groups


def _opening(text: str, begin: int, first: Mention, keys: Sequence[Key]) -> bool:
    """True when nothing but marks and keys stands between `begin` and the first value: the answer comes at once."""
    return _listed(_gap(text, replace(first, start=begin, end=begin), first, keys))
