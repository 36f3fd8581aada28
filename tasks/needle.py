"""Needles in a haystack: made-up facts among sentences of prose, noise, or other needles.

Kamradt 2023, "Needle In A Haystack: pressure testing LLMs" (depth × length grid); the variants are those of Hsieh et al. 2024,
"RULER" (multi-key, multi-value, multi-query), the pass key is that of Mohtashami & Jaggi 2023. Every sample has its own keys and values,
checked to be absent from the rest of the haystack. The depth recorded is the needle's measured place, not the one aimed at.
"""

import math
import random
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from annotated_types import Ge, Le

from seal_eval.core.errors import SealError
from seal_eval.core.names import listed
from seal_eval.core.plugins import Task
from seal_eval.core.types import Sample, Score
from seal_eval.prompts.corpus import Split, draw_keys, split_of
from seal_eval.prompts.haystack import HAYSTACK_FILES, HAYSTACK_READ, sentences_from
from seal_eval.prompts.mentions import Facts
from seal_eval.prompts.packing import Packer, Pool, build_samples
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.prompts.scoring import read_values, score_values


class Phrasing(NamedTuple):
    """One way to state a fact, to ask for it, and to begin the answer.

    {is} and {belong} agree in number with the expected values, {are} with the keys in question.
    """

    needle: str
    question: str
    prefix: str


PHRASINGS = (
    Phrasing("The special {one} of the {key} is {value}.", "What {is} the special {what} of {keys}?", "The special {what} of {keys} {is}"),
    Phrasing(
        "In the archive the {key} is filed under the {one} {value}.", "Under which {what} {are} {keys} filed in the archive?",
        "In the archive {keys} {are} filed under the {what}",
    ),
    Phrasing(
        "Remember that the {one} {value} belongs to the {key}.", "Which {what} {belong} to {keys}?",
        "The {what} that {belong} to {keys} {is}",
    ),
)  # fmt: skip
PASS_KEY = Phrasing("The pass key is {value}. Remember it. {value} is the pass key.", "What is the pass key?", "The pass key is")
HEADER = "Some special {what} are hidden in the following text. Memorize them: I will ask you about them afterwards.\n\nThe text:"
TAIL = " (End of the text.)\n\n{question} Answer with the {what} only.\n"
PLURAL = {"number": "numbers", "word": "words", "uuid": "codes"}
SINGULAR = {"number": "number", "word": "word", "uuid": "code"}
TOKENS = {"number": 32, "word": 32, "uuid": 64}  # answer budget per value


@dataclass(frozen=True)
class Needle(Task):
    """Needles in a haystack. Settings:

    keys: number of keys, each with needles of the same form; queries: number of keys that the question asks about; values: needles per key.
    value: number (7 digits), word or uuid. haystack: prose, noise, needles, a folder of .txt files or datasets:ID.
    depths: number of places of the first needle in question, with `spacing` linear or sigmoid (denser at both ends).
    depths_per_haystack: number of samples that share one text, which is their cluster. phrasing: 0, 1, 2, or -1 for all in turn, each
    at every depth; -2 as -1 in version 3.0, where most depths had one phrasing.
    """

    name: str
    summary: str
    keys: Annotated[int, Ge(1), Le(10_000)] = 1
    values: Annotated[int, Ge(1), Le(50)] = 1
    queries: Annotated[int, Ge(1), Le(50)] = 1
    value: Literal["number", "word", "uuid"] = "number"
    haystack: str = "prose"
    depths: Annotated[int, Ge(1), Le(1000)] = 11
    depths_per_haystack: Annotated[int, Ge(1), Le(1000)] = 1
    spacing: Literal["linear", "sigmoid"] = "linear"
    phrasing: Annotated[int, Ge(-2), Le(len(PHRASINGS) - 1)] = -1
    pass_key: bool = field(default=False, metadata={"setting": False})

    until: ClassVar[tuple[str, ...]] = (".", "\n\n")
    metrics: ClassVar[tuple[str, ...]] = ("recall", "recall_ruler")
    file_settings: ClassVar[Mapping[str, tuple[str, ...]]] = HAYSTACK_FILES
    files_read: ClassVar[Mapping[str, tuple[str, ...]]] = HAYSTACK_READ

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.keys < self.queries:
            raise SealError(
                f"{self.name}: keys is {self.keys}, must be a whole number from {self.queries}, the number of queries, to 10000"
            )

    @property
    def citation(self) -> str:
        """Where the task's form comes from."""
        if self.pass_key:
            return "Mohtashami & Jaggi 2023, Landmark Attention"
        return "Kamradt 2023, Needle In A Haystack" + ("; Hsieh et al. 2024, RULER" if self.name != "seal_needle" else "")

    @property
    def answer_tokens(self) -> int:
        """Room for the values, each with its key or in a sentence, and for an opening such as 'Sure! The answer is:'."""
        return 48 + TOKENS[self.value] * self.values * self.queries

    def build(self, prompt_format: PromptFormat, length: int, n: int, seed: int, split: Split = "eval") -> list[Sample]:
        """`n` samples whose prompt and answer budget fill `length` tokens to within 1 %, never above.

        Raises SealError when `length` cannot be filled, naming roughly the smallest length that can, and for a haystack that is too small.
        """
        depths = spread(spaced(self.depths, self.spacing))

        def start(tokens: int) -> Callable[[int], list[Sample]]:
            packer = Packer(prompt_format, " ", prompt_format.budget(self.answer_tokens), tokens)
            pools: dict[Phrasing, Pool] = {}
            return lambda i: [self._sample(packer, pools, i, depths[i % len(depths)], seed, split)]

        return build_samples(start, self.name, length, n)

    def score(self, reply: str, doc: Mapping[str, Any]) -> Score:
        """Score 1 when the values that the reply answers are the targets, in any order.

        All numbers of a text have the same number of digits; other numbers in the reply count only when there are no such numbers.
        """
        target = doc["targets"][0]
        kind, facts = kind_of(target), facts_of(doc["input"], tuple(doc["keys"]))
        reading = read_values(reply, doc, kind, facts, digits=len(target) if kind == "number" else None)
        return score_values(reply, doc, reading, lambda value: value in facts.owners, "wrong needle")

    def _sample(self, packer: Packer, pools: dict[Phrasing, Pool], i: int, depth: float, seed: int, split: Split) -> Sample:
        prompt_format, length = packer.prompt_format, packer.length
        seed_text = f"{seed}:{self.name}:{split}:{length}"
        rng, haystack, shared = random.Random(f"{seed_text}:{i}"), i // self.depths_per_haystack, self.depths_per_haystack > 1
        haystack_rng = random.Random(f"{seed_text}:haystack{haystack}") if shared else rng
        many = self.values * self.queries > 1
        singular, noun = SINGULAR[self.value], (PLURAL if many else SINGULAR)[self.value]
        in_turn = i + i // self.depths if self.phrasing == -2 else paired(i, self.depths, len(PHRASINGS))
        turn = haystack if shared else in_turn
        phrasing = PASS_KEY if self.pass_key else PHRASINGS[turn % len(PHRASINGS) if self.phrasing < 0 else self.phrasing]
        if self.haystack == "needles" and phrasing not in pools:
            pools[phrasing] = self._pool(packer, phrasing, seed, split)
        pieces, costs, cluster, keys, values = self._haystack(packer, pools.get(phrasing), i, rng, haystack_rng, split)
        needles = [phrasing.needle.format(one=singular, key=keys[j // self.values], value=v) for j, v in enumerate(values)]
        facts = [(text, rng.random() if j else depth) for j, text in enumerate(needles)]
        target_keys, targets = keys[: self.queries], values[: self.queries * self.values]
        words = {
            "what": noun, "keys": listed([f"the {k}" for k in target_keys]), "is": "are" if many else "is",
            "belong": "belong" if many else "belongs", "are": "are" if self.queries > 1 else "is",
        }  # fmt: skip
        prefix = prompt_format.answer_prefix(phrasing.prefix.format(**words))
        tail = TAIL.format(question=phrasing.question.format(**words), what=noun)
        filled = packer.fill(
            HEADER.format(what=noun if self.pass_key else PLURAL[self.value]), tail, prefix, pieces, costs, facts, alike=shared
        )
        surroundings = " ".join(filled.pieces)
        if present := [text for text in (*values, *keys) if text in surroundings and _stands_in(text, surroundings)]:
            raise SealError(f"{self.name}: {present[0]!r} of a needle also occurs in the haystack; use a seed other than {seed}")
        sample_id = f"{self.name}-{split}-{length}-{seed}-{i}"
        return Sample(
            sample_id=sample_id, task=self.name, input=filled.text, prefix=prefix, answer=f" {listed(targets)}.", targets=tuple(targets),
            keys=() if self.pass_key else tuple(target_keys),
            length=length, n_tokens=filled.n_tokens, depth=filled.depths[0],
            cluster=cluster or (f"{self.name}-{split}-{length}-{seed}-haystack{haystack}" if shared else sample_id),
            seed=seed, answer_tokens=packer.answer_tokens,
        )  # fmt: skip

    def _haystack(
        self, packer: Packer, others: Pool | None, i: int, rng: random.Random, haystack_rng: random.Random, split: Split
    ) -> tuple[Any, ...]:
        """(sentences, their costs, id of their text or None, keys, values); values[j] belongs to keys[j // self.values].

        others: the pool of needles that form the haystack; None for a haystack of text.
        """
        n_needles, haystack = self.keys * self.values, i // self.depths_per_haystack
        if others:
            indices = [(i * n_needles + j) % len(others.keys) for j in range(n_needles)]
            keys = [others.keys[k] for k in indices[: self.keys]]
            return *others.draw(haystack_rng, packer.length, but=indices), None, keys, [others.values[k] for k in indices]
        words = draw(rng, self.keys + (n_needles if self.value == "word" else 0), "word", split)
        keys, values = words[: self.keys], words[self.keys :] or draw(rng, n_needles, self.value, split)
        name, sentences, costs = sentences_from(self.haystack, split, packer.prompt_format, haystack, haystack_rng, packer.length)
        return sentences, costs, name, keys, values

    def _pool(self, packer: Packer, phrasing: Phrasing, seed: int, split: Split) -> Pool:
        rng = random.Random(f"{seed}:{self.name}:{split}:{packer.length}")
        form = phrasing.needle.replace("{one}", SINGULAR[self.value])
        n = Pool.size(packer.length, packer.costs([form.format(key="old-tower", value=draw(rng, 1, self.value, split)[0])])[0])
        words = draw(rng, 2 * n if self.value == "word" else n, "word", split)
        keys, values = words[:n], words[n:] or draw(rng, n, self.value, split)
        texts = [form.format(key=k, value=v) for k, v in zip(keys, values, strict=True)]
        return Pool(keys, values, texts, packer.costs(texts))


VALUE, KEY = r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[^\W\d_]+-[^\W\d_]+|\d{7})", r"([^\W\d_]+-[^\W\d_]+)"
STATED = [re.compile(p.needle.format(one="(?:number|word|code)", key=f"(?P<key>{KEY})", value=f"(?P<value>{VALUE})")) for p in PHRASINGS]


@lru_cache(maxsize=64)
def facts_of(text: str, asked: tuple[str, ...]) -> Facts:
    """The needles in a text."""
    owners = {match["value"]: match["key"] for pattern in STATED for match in pattern.finditer(text)}
    owners |= dict.fromkeys(re.findall(r"The pass key is (\d+)\.", text), "")
    return Facts(owners, asked, frozenset({*owners.values(), *asked} - {""}))


def _stands_in(text: str, surroundings: str) -> bool:
    """True when a text holds a number, also within a longer one, or a word or UUID as a whole: 'old-tower' is not in 'cold-tower'."""
    return text.isdecimal() or re.search(rf"(?<![\w-]){re.escape(text)}(?![\w-])", surroundings) is not None


def draw(rng: random.Random, n: int, kind: str, split: Split) -> list[str]:
    """`n` distinct values that belong to `split`; kind: number (7 digits), word (adjective-noun) or uuid."""
    if kind == "word":
        return draw_keys(rng, n, split)
    values: dict[str, None] = {}
    while len(values) < n:
        value = str(rng.randint(1_000_000, 9_999_999)) if kind == "number" else str(uuid.UUID(int=rng.getrandbits(128), version=4))
        if split_of(value) == split:
            values[value] = None
    return list(values)


def kind_of(value: str) -> str:
    """The kind of a value: number, uuid or word."""
    return "number" if value.isdecimal() else "uuid" if len(value) == 36 and value.count("-") == 4 else "word"


def spaced(n: int, spacing: str) -> list[float]:
    """`n` depths from 0 to 1, 0.5 for n = 1. spacing: linear, or sigmoid (Kamradt 2023): 1 / (1 + exp(-10 (x - 0.5))) between the ends."""
    if n == 1:
        return [0.5]
    even = [j / (n - 1) for j in range(n)]
    return even if spacing == "linear" else [x if x in (0, 1) else 1 / (1 + math.exp(-10 * (x - 0.5))) for x in even]


def paired(i: int, items: int, places: int) -> int:
    """Return the place, 0 to `places` - 1, of a sample that asks item `i % items`: in time each item meets each place equally often."""
    return (i + i // math.lcm(items, places)) % places


def spread(values: Sequence[float]) -> list[float]:
    """Reorder the values so that the first k are spread over the whole range for every k (van der Corput sequence)."""
    return [values[j] for j in sorted(range(len(values)), key=lambda j: int(f"{j:020b}"[::-1], 2))]


TASKS = (
    Needle("seal_needle", "classic needle: one made-up number in presidential addresses"),
    Needle("seal_needle_multikey", "needle among needles of the same form with other keys", haystack="needles"),
    Needle("seal_needle_multivalue", "four numbers of one key, all asked for", values=4),
    Needle("seal_needle_multiquery", "the numbers of four keys out of eight", keys=8, queries=4),
    Needle("seal_passkey", "pass key in repeated noise", haystack="noise", pass_key=True),
)
