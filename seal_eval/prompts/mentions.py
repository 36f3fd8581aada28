"""Finds the values that a reply mentions: words with a hyphen, UUIDs and the names of variables. Numbers: numerals.py."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from typing import get_args

from seal_eval.prompts.corpus import Split, words

UUID = re.compile(
    r"(?<![0-9a-z])(?<![0-9a-f]-)([0-9a-f]{8})"
    + r"(?:\s?[-_ ]\s?)?([0-9a-f]{4})" * 3
    + r"(?:\s?[-_ ]\s?)?([0-9a-f]{12})(?![0-9a-z]|-[0-9a-f])",
    re.IGNORECASE,
)
LETTERS = re.compile(r"[^\W\d_]+")
JOINED = re.compile(r"[\"']?\s?[-_]\s?[\"']?|\s{1,2}")


@dataclass(frozen=True)
class Mention:
    """A value that a reply names, at characters start..end of its plain text.

    counts: it can be the answer by itself. Others count only when they are listed with ones that do, or when no value counts.
    """

    value: str
    start: int
    end: int
    counts: bool = True


@dataclass(frozen=True)
class Facts:
    """What a document says. owners: each value that can be an answer → the key it belongs to ('' when values have none)."""

    owners: Mapping[str, str]
    asked: Collection[str] = ()  # the keys in question
    keys: Collection[str] = ()  # all keys

    @cached_property
    def unhyphened(self) -> dict[str, str]:
        """Values and keys by their spelling without the hyphen."""
        return {value.replace("-", ""): value for value in (*self.owners, *self.keys)}


def find_words(text: str, facts: Facts) -> tuple[list[Mention], list[tuple[int, int, str]]]:
    """(mentions of adjective-noun values, places of keys), both in order.

    Hyphen, underscore, space or nothing may stand between the two words. A hyphenated word that the document does not hold does not count.
    """
    tokens = list(LETTERS.finditer(text))
    joined = facts.unhyphened
    found: list[tuple[int, int, str]] = [(t.start(), t.end(), joined[t[0].lower()]) for t in tokens if t[0].lower() in joined]
    for left, right in pairwise(tokens):
        between = text[left.end() : right.start()]
        whole = f"{left[0]}-{right[0]}".lower()
        if not JOINED.fullmatch(between) or _longer_word(text, left.start(), right.end()):
            continue
        if whole in facts.owners or whole in facts.keys or between == "-":
            found.append((left.start(), right.end(), whole))
    found.sort()
    keys = [(start, end, value) for start, end, value in found if value in facts.keys]
    return [Mention(value, start, end, value in facts.owners) for start, end, value in found if value not in facts.keys], keys


def places_of(text: str, words: Mapping[str, str]) -> list[tuple[int, int, str]]:
    """Where a text has whole words in any case. words: each, in small letters → the key that it stands for, which a place gets."""
    if not words:
        return []
    longest = "|".join(map(re.escape, sorted(words, key=len, reverse=True)))
    found = re.finditer(rf"(?<!\w)(?:{longest})(?!\w)", text, re.IGNORECASE)
    return [(match.start(), match.end(), words[match[0].lower()]) for match in found]


def _longer_word(text: str, start: int, end: int) -> bool:
    """True when the two words are part of a longer word with hyphens: 'a' of a-b-c, not of '-a-b'."""
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    return (len(before) == 2 and before[1] in "-_" and before[0].isalpha()) or (len(after) == 2 and after[0] in "-_" and after[1].isalpha())


def find_uuids(text: str, keys: Collection[str] = ()) -> tuple[list[Mention], list[tuple[int, int, str]]]:
    """(mentions of UUIDs, places of those that are keys), in any case, with or without hyphens."""
    found = [Mention("-".join(match.groups()).lower(), match.start(), match.end()) for match in UUID.finditer(text)]
    return [m for m in found if m.value not in keys], [(m.start, m.end, m.value) for m in found if m.value in keys]


def find_variables(text: str, names: Collection[str]) -> list[Mention]:
    """Mentions of the document's names, in capitals or, without any in capitals, in any case; other words in capitals do not count."""
    tokens = [(match[0], match.start(), match.end()) for match in LETTERS.finditer(text) if len(match[0]) == 5 and match[0].isascii()]
    capitals = [Mention(token, start, end, token in names) for token, start, end in tokens if token.isupper()]
    if any(mention.counts for mention in capitals):
        return [m for m in capitals if m.counts or not _ordinary(m.value)]
    others = [Mention(token.upper(), start, end) for token, start, end in tokens if token.upper() in names]
    return others or [m for m in capitals if not _ordinary(m.value)]


def _ordinary(word: str) -> bool:
    """True for an English word, which heads or introduces a list: FINAL, VALUE, NAMES, GROUP."""
    return word.lower() in ORDINARY or not {word.lower(), word.lower().removesuffix("s")}.isdisjoint(_nouns())


@cache
def _nouns() -> frozenset[str]:
    return frozenset(noun for split in get_args(Split) for noun in words(split)[1])


ORDINARY = frozenset({
    "about", "above", "after", "again", "alias", "answer", "asked", "based", "basis", "below", "chain", "check", "clear", "count",
    "eight", "equal", "every", "exact", "facts", "final", "first", "found", "given", "great", "hello", "hence", "holds", "index",
    "input", "items", "known", "least", "lines", "lists", "looks", "match", "maybe", "means", "named", "names", "needs", "notes",
    "order", "other", "point", "print", "query", "refer", "reply", "right", "seven", "shown", "since", "sorry", "start", "state",
    "steps", "store", "table", "thank", "their", "there", "these", "thing", "think", "third", "those", "three", "total", "trace",
    "track", "truth", "using", "valid", "value", "which", "while", "whole", "words", "would", "write", "wrong",
})  # fmt: skip
