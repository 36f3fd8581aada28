"""How the values of a reply stand to each other and to keys: lists of values, and keys in the same clause."""

import re
from bisect import bisect, bisect_left
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from seal_eval.prompts.mentions import Mention
from seal_eval.prompts.wordings import CLAUSE_END, LISTED, SENTENCE_END

IN_BRACKETS = re.compile(r"\([^()\n]{1,300}\)")
JOINS = re.compile(r"\b(?:and|but|while|whereas|und|et|y|e)\s", re.IGNORECASE)  # two statements
OBJECT = re.compile(r"\{[^{}]{1,500}\}|<([\w-]{1,60})>[^<>]{1,200}</\1>")  # of JSON or XML: what stands in it belongs together
Key = tuple[int, int, str]  # a key in the text: start, end, the key


def between(text: str, left: Mention, right: Mention, keys: Sequence[Key] = ()) -> str:
    """The text between two mentions, without the keys in it."""
    gap = text[left.end : right.start]
    for start, end, _ in reversed([k for k in keys if left.end <= k[0] and k[1] <= right.start]):
        gap = gap[: start - left.end] + " " + gap[end - left.end :]
    return gap


def sentence_ends(following: str) -> bool:
    """True when a sentence ends at the beginning of `following`, behind closing quotes and brackets, or an aside begins there."""
    following = following.lstrip(" \"')]}")
    return following.startswith("(") or SENTENCE_END.match(following) is not None


def _listed(gap: str) -> bool:
    return len(gap) < 200 and LISTED.fullmatch(gap) is not None


def with_listed(text: str, mentions: Sequence[Mention]) -> list[Mention]:
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
            if not keep[i] and keep[i - step] and are_items(gap) and _bare(text, mentions[i], step):
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


def are_items(gap: str) -> bool:
    """True for what separates two items of one list: a comma, a semicolon, a bar, 'and', 'or', a line break."""
    return re.search(r"(?i)[,;/&|\n]|\b(?:and|or)\b", gap) is not None and _listed(re.sub(r"(?i)\b(?:or|possibly|maybe)\b", " ", gap))


def keys_in_clause(text: str, marks: Sequence[Mention], keys: Sequence[Key]) -> dict[Mention, set[str]]:
    """For each mention the keys that stand in its clause.

    Keys in one list ('a, b, and c are 1, 2, and 3') stand in the clauses of all of them.
    """
    places, values = sorted(start for start, _, _ in keys), sorted(m.start for m in marks)
    ends = _clause_ends(text, places, values)
    named: dict[int, set[str]] = {}
    for group in _groups(text, keys):
        for start, _, _ in group:
            named.setdefault(bisect(ends, start), set()).update(key for _, _, key in group)
    found = {m: named.get(bisect(ends, m.start), set()) for m in marks}
    for match in OBJECT.finditer(text) if keys else ():
        inside = marks[bisect_left(values, match.start()) : bisect_left(values, match.end())]
        of_object = {key for start, _, key in keys if match.start() <= start < match.end()}
        if len(inside) == len(of_object) == 1:
            found[inside[0]] = of_object
    return found


def _clause_ends(text: str, places: Sequence[int], values: Sequence[int]) -> list[int]:
    """Where clauses end. places, values: where keys and values begin, ascending.

    A line or a part up to a comma that names a key and no value belongs to the next one ('a, which has 1'). Between 'and' or a bracket and
    what stands before it a clause ends where each has a key and a value of its own ('1 for a and 2 for b').
    """

    def holds(starts: Sequence[int], begin: int, end: int) -> bool:
        return bisect_left(starts, begin) < bisect_left(starts, end)

    def both(begin: int, end: int) -> bool:
        return holds(places, begin, end) and holds(values, begin, end)

    ends = list[int]()
    begin = 0
    for end in (m.end() for m in CLAUSE_END.finditer(text)):
        line = text[end - 1] == "\n"
        goes_on = ((line or text[end - 2] == ",") and holds(places, begin, end)) or (line and not text[begin:end].strip())
        if not goes_on or holds(values, begin, end):
            ends.append(end)
            begin = end
    if not places:
        return ends
    for match in IN_BRACKETS.finditer(text):
        if both(*match.span()):
            ends += match.span()
    whole = sorted({0, *ends, len(text)})
    for begin, end in pairwise(whole):
        for match in JOINS.finditer(text, begin, end):
            if both(begin, match.start()) and both(match.end(), end):
                ends.append(begin := match.start())
    return sorted(ends)


def _groups(text: str, keys: Sequence[Key]) -> list[list[Key]]:
    """The keys in groups that are one list each."""
    groups = list[list[Key]]()
    for key in sorted(keys):
        gap = text[groups[-1][-1][1] : key[0]] if groups else ""
        if groups and ";" not in gap and are_items(re.sub(r"(?i)\b(?:the|of)\b", " ", gap)):
            groups[-1].append(key)
        else:
            groups.append([key])
    return groups


def in_lists(text: str, marks: Sequence[Mention], keys: Sequence[Key]) -> list[list[Mention]]:
    """The mentions in groups that are one list each. A sentence that begins with a value and goes on is no item of a list."""
    groups = [[marks[0]]]
    for left, right in pairwise(marks):
        gap = between(text, left, right, keys)
        if _listed(gap) and (_bare(text, right, 1) or not sentence_ends(gap)):
            groups[-1].append(right)
        else:
            groups.append([right])
    return groups


def comes_at_once(text: str, begin: int, first: Mention, keys: Sequence[Key]) -> bool:
    """True when nothing but marks and keys stands between `begin` and the first value: the answer comes at once."""
    return _listed(between(text, replace(first, start=begin, end=begin), first, keys))
