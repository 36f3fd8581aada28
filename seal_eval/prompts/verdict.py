"""Decides which of the values that a reply mentions are its answer: declared, corrected, hedged, or too many."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from seal_eval.prompts.answer_fields import field_end
from seal_eval.prompts.denials import all_denied, around, corrected, in_refusal, ruled_out, withdrawn
from seal_eval.prompts.lists import Key, are_items, between, comes_at_once, in_lists, keys_in_clause, sentence_ends, with_listed
from seal_eval.prompts.mentions import Mention
from seal_eval.prompts.next_turns import next_tasks, next_turn
from seal_eval.prompts.wordings import (
    ASIDE,
    ASKS_ITSELF,
    BECAUSE,
    CHOOSES,
    CONCLUDES,
    CONFIRMED,
    GIVES_UP,
    GUESSES,
    HEDGE,
    IN_ORDER,
    LATTER,
    NO_VALUE,
    OR,
    ORDERED,
    PER_ITEM,
    STATES,
    STRONG,
    WEAK,
)

HEDGED, TOO_MANY, WRONG = "hedged", "too many values", "wrong value"

CLOSING = {"\\boxed": "}", "<answer>": "</answer>", "<final_answer>": "</final_answer>"}
FIRST_PARAGRAPH = re.compile(r"\W*\w(?:[^\n]|\n(?!\s*\n)|(?<=:)\n)*")  # one that ends with a colon goes on
MOST = 1000  # mentions that are looked at


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
    if first and (turn := next_turn(text, first.start)) is not None:
        text = text[:turn]
        mentions = [m for m in mentions if m.end <= len(text)]
    asks = Asked(n, keys, frozenset(asked), owned, ordered)
    for begin in next_tasks(text, [m.end for m in mentions], [ASKS_ITSELF]):
        reading = _read(text[:begin], [m for m in mentions if m.end <= begin], asks)
        if len(reading.values) == n and not reading.problem and not _of_others(text[:begin], reading.values, asks):
            return reading
    return _read(text, mentions, asks)


@dataclass(frozen=True)
class Asked:
    """What `decide` is told of the question: see there. owned: the keys of the mentions."""

    n: int
    keys: Sequence[Key]
    asked: frozenset[str]
    owned: Mapping[Mention, str]
    ordered: bool


def _of_others(text: str, values: Collection[str], asks: Asked) -> bool:
    """True when all these values belong to other keys than those in question, and the reply says so: it is still on its way."""
    named = {key for start, _, key in asks.keys if start < len(text)}
    owners = {asks.owned.get(m, "") for m in asks.owned if m.value in values}
    return bool(owners) and owners <= named - asks.asked


def _read(text: str, mentions: Sequence[Mention], asks: Asked) -> Reading:
    """Read the values of an answer in which no other turn begins."""
    n, keys, owned, wanted = asks.n, asks.keys, asks.owned, asks.asked
    negated = all_denied(text, mentions)
    begin, marks = _declared(text, with_listed(text, mentions), n)
    marks = [m for m in marks if m not in negated and not in_refusal(text, m)]
    out = ruled_out(text, marks)
    marks = [m for m in marks if m.value not in out]
    if all(withdrawn(text, m) for m in marks) or GIVES_UP.search(text, marks[-1].end):
        return Reading(())
    named = keys_in_clause(text, marks, keys)
    marks = _not_of_others(text, marks, named, owned, wanted) or marks
    if n == 1 and any(named[m] & wanted for m in marks):  # what stands next to another key only is that key's
        marks = [m for m in marks if not named[m] or named[m] & wanted]
    if n == 1 or len(_distinct(marks)) > n:
        marks = corrected(text, marks, n)
    if len(_distinct(marks)) > n:
        marks = [m for m in marks if not ASIDE.match(text[m.end : m.end + 80])] or marks
    values = _distinct(marks)
    if len(values) > n:
        return _of_too_many(text, begin, marks, n, keys, {m for m in marks if named[m] & wanted}, asks.ordered)
    if len(values) == n > 1 and "respectively" in text.lower() and _crossed(values, marks, owned, keys, wanted):
        return Reading(values, WRONG)
    # of several keys: a value next to the name of another key answers neither
    right = _distinct(m for m in marks if not (len(named[m]) == 1 and owned.get(m, "") in wanted and named[m] <= wanted - {owned[m]}))
    return Reading(right) if right or not values else Reading(values, WRONG)


def _not_of_others(
    text: str, marks: Sequence[Mention], named: Mapping[Mention, set[str]], owned: Mapping[Mention, str], wanted: Collection[str]
) -> list[Mention]:  # fmt: skip
    """The mentions without those that the reply gives to another key, which has them, alone or in a list: 'a: 1, 2, 3'."""
    others = {m: owned[m] for m in marks if owned.get(m, "") not in ("", *wanted)}
    given = {m for m in others if others[m] in named[m]}
    for order in (marks, marks[::-1]):
        for near, far in pairwise(order):
            left, right = (near, far) if near.start < far.start else (far, near)
            if near in given and others.get(far) == others[near] and not named[far] and _in_line(text[left.end : right.start]):
                given.add(far)
    return [m for m in marks if m not in given]


def _in_line(gap: str) -> bool:
    """True for what stands between two items of one list in one line."""
    return "\n" not in gap and are_items(gap)


def _crossed(
    values: Sequence[str], marks: Sequence[Mention], owned: Mapping[Mention, str], keys: Sequence[Key], wanted: Collection[str]
) -> bool:  # fmt: skip
    """True when values stand in another order than the keys that they belong to."""
    belongs = {m.value: owned.get(m, "") for m in marks}
    named = list(dict.fromkeys(key for _, _, key in sorted(keys) if key in wanted))
    return sorted(named) == sorted(belongs.values()) and named != [belongs[value] for value in values]


def _distinct(marks: Iterable[Mention]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(m.value for m in marks))


def _declared(text: str, marks: list[Mention], n: int) -> tuple[int, list[Mention]]:
    """(where the reply's last declared answer begins, the mentions in it); (0, all mentions) when none is declared.

    Of several values each may be declared by itself, in the same form. One of several may also be called the first or the right one.
    """
    spans = []
    for match in STRONG.finditer(text):
        opening = re.sub(r"\d+", "", match[0]).strip().lower().rstrip("{").strip()
        end = len(text)
        if closing := CLOSING.get(opening):
            end = text.find(closing, match.end())
            end = len(text) if end < 0 else end
        elif (closed := field_end(text, match[0], match.end())) is not None:
            end = closed
        spans.append((match.end(), [m for m in marks if match.end() <= m.start < end], opening))
    if spans and "answer" in spans[-1][2] and NO_VALUE.match(text, spans[-1][0]):
        return spans[-1][0], []
    said = FIRST_PARAGRAPH.match(text, spans[-1][0]) if spans and "final" in spans[-1][2] else None
    if said and not any(n > 1 or m.start < said.end() for m in spans[-1][1]):
        return spans[-1][0], []  # declared, but nothing that can be an answer
    spans = [span for span in spans if span[1] and (n == 1 or not PER_ITEM.match(span[2]))]
    if n > 1 and (concluded := list(CONCLUDES.finditer(text))):
        begin = concluded[-1].end()
        if (not spans or begin > spans[-1][0]) and len(_distinct(last := [m for m in marks if m.start >= begin])) > 1:
            return begin, last
    if not spans:
        return 0, marks
    begin, last, kind = spans[-1]
    if len(_distinct(last)) >= n:
        return begin, last
    alike = [(start, found) for start, found, other in spans if other == kind]
    ends = [*(start for start, _ in alike[1:]), len(text)]
    items = [[m for m in found if m.start < end] for (_, found), end in zip(alike, ends, strict=True)]
    if len(_distinct(m for item in items for m in item)) == sum(len(_distinct(item)) for item in items):
        return alike[0][0], [m for item in items for m in item]
    return begin, last


def _of_too_many(
    text: str, begin: int, marks: Sequence[Mention], n: int, keys: Sequence[Key], asked: set[Mention], ordered: bool
) -> Reading:
    """Reading of a reply with more than `n` distinct values.

    begin: where its answer is declared; asked: the mentions whose clause names a key in question.
    """
    lists = in_lists(text, marks, keys)
    first, following = _distinct(lists[0]), text[lists[0][-1].end :].lstrip(" \n.!>\"')]}")
    left_open = any(_left_open(text, lists[0][-1].end, other) for other in marks if other.value not in first)
    head = comes_at_once(text, begin, marks[0], keys) and sentence_ends(text[lists[0][-1].end :]) and not following.startswith("?")
    adds = n > 1 and any(m.value not in first for m in asked)  # 'A, B. That of the key in question is also C.'
    if head and len(first) == n and not OR.match(following) and not adds:
        return Reading(_distinct(marks), HEDGED) if left_open else Reading(first)
    hedged = left_open or any(OR.search(between(text, a, b)) for a, b in pairwise(marks))
    if n == 1:
        bound = _distinct(m for m in marks if m in asked)
        if len(bound) == 1 and not hedged:
            return Reading(bound)
        confirmed = _distinct(m for m in marks if CONFIRMED.match(text[m.end : m.end + 60]))
        if len(confirmed) == 1 and not hedged:
            return Reading(confirmed)
        if len(values := _distinct(marks)) == 2 and (which := LATTER.search(text, marks[1].end)):
            return Reading((values[0] if re.search("(?i)former|first", which[0]) else values[1],))
        for match in reversed(list(CHOOSES.finditer(text))):
            if (
                len(_distinct(m for m in marks if m.end <= match.end())) > 1
                and len(last := _distinct(m for m in marks if m.start >= match.end())) == 1
            ):
                return Reading(last)
        gap = between(text, marks[0], marks[1])
        in_order = "->" in gap and IN_ORDER.search(text[: marks[0].start]) is not None
        if not hedged and (in_order or (ordered and ORDERED.search(gap)) or BECAUSE.search(gap)):
            return Reading((marks[0].value,))
        for match in reversed(list(WEAK.finditer(text))):
            if behind := [m for m in marks if m.start >= match.end()]:
                if len(_distinct(behind)) == 1:
                    return Reading(_distinct(behind))
                begin, marks = match.end(), behind
                break
        hedged = hedged or GUESSES.search(text[begin : marks[0].start]) is not None
        if not hedged and STATES.search(text[begin : marks[0].start]) and sentence_ends(text[marks[0].end :]):
            return Reading((marks[0].value,))  # the first sentence that names a value states it
    elif not hedged:
        exact = [group for group in lists if len(_distinct(group)) == n]
        of_asked = [group for group in exact if asked.intersection(group)] or ([] if adds else exact)
        if of_asked and max(len(_distinct(group)) for group in lists) == n:
            return Reading(_distinct(of_asked[-1]))
    return Reading(_distinct(marks), HEDGED if hedged else TOO_MANY)


def _left_open(text: str, begin: int, other: Mention) -> bool:
    """True when the sentence that names `other`, behind `begin`, says that it may be the answer, too."""
    return HEDGE.search(" ".join(around(text, other, begin, 200))) is not None
