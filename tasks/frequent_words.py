"""Frequent words: the three words that appear most often in a text of made-up words, whose frequencies follow Zipf's law.

Hsieh et al. 2024, "RULER: What's the Real Context Size of Your Long-Context Language Models?", section 3 (aggregation, fwe). As in RULER's
code, the k-th of the words appears N / (zeta(alpha) * k ** alpha) times, alpha = 2, words have six letters, and the most frequent "word",
a row of dots, is not asked for. The wording is this project's.
"""

import random
import re
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Gt, Le
from scipy.special import zeta

from seal_eval.core.plugins import Task
from seal_eval.core.types import Sample, Score
from seal_eval.prompts.corpus import Split, split_of
from seal_eval.prompts.packing import Packer, TooShort, best_fit, build_samples
from seal_eval.prompts.plain_text import plain_text
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.prompts.scoring import score_values
from seal_eval.prompts.thinking import answer_of
from seal_eval.prompts.word_list import read_words

DOTS = "...."
HEADER = "Below is a text of made-up words and dots. Count how often each word appears.\n\nThe text:"
TAIL = "\n(End of the text.)\n\nWhich {n} words appear most often in the text? Do not count the dots. Answer with the words only.\n"
PREFIX = "The {n} words that appear most often in the text are:"
SPARE = 60  # words, each once, from which the last tokens are filled
TRIALS = 12  # where the tokens of words do not add up, so many texts are tried


@dataclass(frozen=True)
class FrequentWords(Task):
    """Settings: `frequent`: number of words to name; `alpha`: Zipf's exponent, smaller is harder."""

    name: str
    summary: str
    frequent: Annotated[int, Ge(1), Le(20)] = 3
    alpha: Annotated[float, Gt(1), Le(10)] = 2.0

    citation: ClassVar[str] = "Hsieh et al. 2024, RULER"
    until: ClassVar[tuple[str, ...]] = (".", "\n\n")
    metrics: ClassVar[tuple[str, ...]] = ("recall", "recall_ruler")

    @property
    def answer_tokens(self) -> int:
        """Room for the words as a list or table with counts, and for an opening such as 'Sure! The answer is:'."""
        return 48 + 20 * self.frequent

    def build(self, prompt_format: PromptFormat, length: int, n: int, seed: int, split: Split = "eval") -> list[Sample]:
        """`n` samples whose prompt and answer budget fill `length` tokens to within 1 %, never above.

        Raises SealError when `length` cannot be filled, naming roughly the smallest length that can.
        """

        def start(tokens: int) -> Callable[[int], list[Sample]]:
            packer = Packer(prompt_format, " ", prompt_format.budget(self.answer_tokens), tokens)
            return lambda i: [self._sample(packer, i, seed, split)]

        return build_samples(start, self.name, length, n)

    def score(self, reply: str, doc: Mapping[str, Any]) -> Score:
        """Score 1 when the words of the reply's list are the targets, in any order."""
        words, answer = words_of(doc["input"]), answer_of(reply, doc)
        reading = None if answer is None else read_words(plain_text(answer), words, len(doc["targets"]), made_up=True)
        return score_values(reply, doc, reading, lambda word: word in words, "wrong word")

    def _sample(self, packer: Packer, i: int, seed: int, split: Split) -> Sample:
        prompt_format, length = packer.prompt_format, packer.length
        rng = random.Random(f"{seed}:{self.name}:{split}:{length}:{i}")
        prefix, tail = prompt_format.answer_prefix(PREFIX.format(n=self.frequent)), TAIL.format(n=self.frequent)
        base = prompt_format.count(HEADER + tail, prefix)
        room = length - packer.answer_tokens - base
        words = [DOTS, *coded_words(rng, 200 + length // 50, split)]
        costs = packer.costs(words)
        for _ in range(TRIALS):
            counts = self._counts(costs, room)
            if len(counts) <= self.frequent + 1 or len(set(counts[: self.frequent + 2])) < self.frequent + 2:
                raise TooShort(f"{self.name}: {sum(counts)} words are too few for frequencies that differ")
            entries = [k for k, count in enumerate(counts) for _ in range(count)]
            left = room - sum(costs[k] for k in entries)
            spare = range(len(counts), min(len(counts) + SPARE, len(words)))  # words that do not appear yet
            entries += [spare[j] for j in best_fit([costs[k] for k in spare], left)]
            rng.shuffle(entries)
            text = HEADER + "".join(f" {words[k]}" for k in entries) + tail
            n_tokens = packer.count(base + sum(costs[k] for k in entries), text, prefix)
            if packer.fits(n_tokens) or packer.adds_up:
                break
            room -= n_tokens + packer.answer_tokens - length  # tokens cross words: they do not add up
        if not packer.fits(n_tokens):
            raise TooShort(f"{self.name}: length {length} cannot be filled")
        targets, sample_id = words[1 : self.frequent + 1], f"{self.name}-{split}-{length}-{seed}-{i}"
        return Sample(
            sample_id=sample_id, task=self.name, input=text, prefix=prefix, answer=" " + ", ".join(targets) + ".", targets=tuple(targets),
            keys=(), length=length, n_tokens=n_tokens, depth=None, cluster=sample_id, seed=seed, answer_tokens=packer.answer_tokens,
        )  # fmt: skip

    def _counts(self, costs: Sequence[int], room: int) -> list[int]:
        """How often each word appears, in descending order: as in Zipf's law, as many as fill nearly `room` tokens."""
        total = zeta(self.alpha)
        share = [1 / (total * k**self.alpha) for k in range(1, len(costs) + 1)]

        def counts(n: int) -> list[int]:
            return [int(n * s) for s in share if n * s >= 1]

        low, high = 0, max(1, room) * 2  # numbers of words: the first fits, the second does not
        while high - low > 1:
            middle = (low + high) // 2
            found = counts(middle)
            if len(found) <= len(costs) - SPARE and sum(c * cost for c, cost in zip(found, costs, strict=False)) <= room:
                low = middle
            else:
                high = middle
        return counts(low)


def coded_words(rng: random.Random, n: int, split: Split) -> list[str]:
    """`n` different words of six random letters that belong to `split`."""
    words: dict[str, None] = {}
    while len(words) < n:
        word = "".join(rng.choices(string.ascii_lowercase, k=6))
        if split_of(word) == split:
            words[word] = None
    return list(words)


@lru_cache(maxsize=64)
def words_of(text: str) -> frozenset[str]:
    """The made-up words of a prompt."""
    words = text.partition("The text:")[2].partition("\n(End of the text.)")[0]
    return frozenset(re.findall(r"[a-z]{6}", words))


TASKS = (FrequentWords("seal_frequent_words", "the three most frequent words of a text of made-up words"),)
