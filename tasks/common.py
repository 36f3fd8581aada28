"""Common words: the ten words that appear most often in a long numbered list.

Hsieh et al. 2024, "RULER: What's the Real Context Size of Your Long-Context Language Models?", section 3 (aggregation). Common and other
words are repeated as in RULER's code: 30 and 3 times from 4,096 tokens on, 6 times and once below.
"""

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import accumulate
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Le

from seal_eval.core.errors import SealError
from seal_eval.core.plugins import Task
from seal_eval.core.types import Sample, Score
from seal_eval.prompts.corpus import Split, split_of, words
from seal_eval.prompts.packing import Packer, TooShort, build_samples
from seal_eval.prompts.plain_text import plain_text
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.prompts.scoring import score_values
from seal_eval.prompts.thinking import answer_of
from seal_eval.prompts.word_list import read_words

HEADER = (
    "Below is a numbered list of words. Some words appear much more often than the others. Memorize those that appear most often."
    "\n\nThe list:"
)
TAIL = " (End of the list.)\n\nWhat are the {n} most common words in the list? Answer with the words only.\n"
PREFIX = "The {n} words that appear most often in the list are:"


@dataclass(frozen=True)
class CommonWords(Task):
    """Settings: `common`: number of words to name; `often`, `rarely`: how many times these and the other words appear (0: as in RULER)."""

    name: str
    summary: str
    common: Annotated[int, Ge(1), Le(1000)] = 10
    often: Annotated[int, Ge(0), Le(1000)] = 0
    rarely: Annotated[int, Ge(0), Le(1000)] = 0

    citation: ClassVar[str] = "Hsieh et al. 2024, RULER"
    until: ClassVar[tuple[str, ...]] = (".", "\n\n")
    metrics: ClassVar[tuple[str, ...]] = ("recall", "recall_ruler")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.often and self.often <= self.rarely:
            raise SealError(f"{self.name}: often is {self.often}, must be above rarely, {self.rarely}")

    @property
    def answer_tokens(self) -> int:
        """Room for the words as a list or table with counts, and for an opening such as 'Sure! The answer is:'."""
        return 48 + 20 * self.common

    def build(self, prompt_format: PromptFormat, length: int, n: int, seed: int, split: Split = "eval") -> list[Sample]:
        """`n` samples whose prompt and answer budget fill `length` tokens to within 1 %, never above.

        Where the vocabulary is too small for the length, all repeat counts are multiplied by the same whole number. Raises SealError when
        `length` cannot be filled, naming roughly the smallest length that can.
        """

        def start(tokens: int) -> Callable[[int], list[Sample]]:
            packer = Packer(prompt_format, " ", prompt_format.budget(self.answer_tokens), tokens)
            all_words = vocabulary(split)
            numbers = packer.costs([f"{i}." for i in range(1, max(tokens // 3, 2000))])
            table = WordTable(all_words, packer.costs(all_words), list(accumulate(numbers, initial=0)))
            return lambda i: [self._sample(packer, table, i, seed, split)]

        return build_samples(start, self.name, length, n)

    def score(self, reply: str, doc: Mapping[str, Any]) -> Score:
        """Score 1 when the words of the reply's list are the targets, in any order."""
        listed = listed_in(doc["input"])
        question = set(_words(TAIL + PREFIX)) - set(doc["targets"])
        answer = answer_of(reply, doc)
        reading = None if answer is None else read_words(plain_text(answer), listed, len(doc["targets"]), question)
        return score_values(reply, doc, reading, lambda word: word in listed, "wrong word")

    def _sample(self, packer: Packer, table: "WordTable", i: int, seed: int, split: Split) -> Sample:
        prompt_format, length = packer.prompt_format, packer.length
        rng = random.Random(f"{seed}:{self.name}:{split}:{length}:{i}")
        prefix, tail = prompt_format.answer_prefix(PREFIX.format(n=self.common)), TAIL.format(n=self.common)
        base = prompt_format.count(HEADER + tail, prefix)
        room = length - packer.answer_tokens - base
        often, rarely = self._repeats(length, room, table)
        if (least := self.common * often + rarely) >= len(table.numbers):
            raise TooShort(f"{self.name}: length {length} has no room for {least} words", least)
        order = rng.sample(range(len(table.words)), len(table.words))
        common, others = order[: self.common], order[self.common :]
        entries = common * often
        room -= table.cost(entries)
        if room < 0:
            raise TooShort(f"{self.name}: length {length} has no room for {len(entries)} words")
        spare = others[-SPARE:]
        for word in others[:-SPARE]:
            numbered = min(len(entries) + rarely, len(table.numbers) - 1)
            cost = table.words_cost([word] * rarely) + table.numbers[numbered] - table.numbers[len(entries)]
            if cost > room - CLOSE:
                break
            entries += [word] * rarely
            room -= cost
        entries += table.last(spare, len(entries), room)
        rng.shuffle(entries)
        text = HEADER + "".join(f" {k}. {table.words[w]}" for k, w in enumerate(entries, 1)) + tail
        n_tokens = packer.count(base + table.cost(entries), text, prefix)
        if not packer.fits(n_tokens):
            raise TooShort(f"{self.name}: length {length} cannot be filled")
        targets = [table.words[w] for w in common]
        sample_id = f"{self.name}-{split}-{length}-{seed}-{i}"
        return Sample(
            sample_id=sample_id, task=self.name, input=text, prefix=prefix, answer=" " + ", ".join(targets) + ".", targets=tuple(targets),
            keys=(), length=length, n_tokens=n_tokens, depth=None, cluster=sample_id, seed=seed, answer_tokens=packer.answer_tokens,
        )  # fmt: skip

    def _repeats(self, length: int, room: int, table: "WordTable") -> tuple[int, int]:
        """How many times (common words, other words) appear. Raises SealError when the common ones would not appear more often."""
        often, rarely = (self.often or 30, self.rarely or 3) if length >= 4096 else (self.often or 6, self.rarely or 1)
        if often <= rarely:
            raise SealError(f"{self.name}: at length {length}, often is {often} and rarely is {rarely}; choose an often above rarely")
        entry = sum(table.costs) / len(table.costs) + table.numbers[-1] / len(table.numbers)
        times = 1
        while room / entry > (len(table.words) - SPARE - self.common) * rarely * times + self.common * often * times:
            times += 1
        return often * times, rarely * times


SPARE, CLOSE = 100, 60  # words set aside for the last entries; tokens of room kept for these entries


@dataclass(frozen=True)
class WordTable:
    """words, their costs in tokens, and numbers: tokens of the first k numbers "1." … "k." for k = 0, 1, …"""

    words: Sequence[str]
    costs: Sequence[int]
    numbers: Sequence[int]

    def words_cost(self, entries: Sequence[int]) -> int:
        """Tokens of these words, without numbers."""
        return sum(self.costs[w] for w in entries)

    def cost(self, entries: Sequence[int]) -> int:
        """Tokens of a list of these words, numbered from 1."""
        return self.words_cost(entries) + self.numbers[len(entries)]

    def last(self, spare: Sequence[int], n: int, room: int) -> list[int]:
        """Words from `spare`, each once, that as entries after the n-th fill `room` tokens as far as possible, never more.

        Only runs of words of neighbouring costs are tried.
        """
        order = sorted(spare, key=lambda w: self.costs[w])
        best: tuple[int, list[int]] = (0, [])
        for k in range(1, min(len(order), room // 2) + 1):
            left = room - (self.numbers[n + k] - self.numbers[n])
            for j in range(len(order) - k + 1):
                used = self.words_cost(order[j : j + k])
                if used > left:
                    break
                if room - left + used > best[0]:
                    best = room - left + used, order[j : j + k]
            if best[0] == room:
                break
        return best[1]


@cache
def vocabulary(split: Split) -> tuple[str, ...]:
    """The nouns and adjectives that belong to `split`, sorted."""
    adjectives, nouns = words(split)
    return tuple(sorted({*nouns, *(a for a in adjectives if split_of(a) == split)}))


@lru_cache(maxsize=64)
def listed_in(text: str) -> frozenset[str]:
    """The words of a prompt's list."""
    return frozenset(re.findall(r"\d+\. (\w+)", text))


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", text.lower())


TASKS = (CommonWords("seal_common_words", "the ten most common words of a long numbered list"),)
