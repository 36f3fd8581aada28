"""Needles in a haystack: made-up facts among sentences of prose, noise, or other needles.

Kamradt 2023, "Needle In A Haystack: pressure testing LLMs" (depth × length grid); the variants are those of Hsieh et al. 2024,
"RULER" (multi-key, multi-value, multi-query), the pass key is that of Mohtashami & Jaggi 2023. Keys and values are drawn afresh
for every sample and checked to be absent from the haystack; the depth that a needle reached is measured.
"""

import math
import random
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from seal_eval.core.errors import SealError, nearest, whole_number
from seal_eval.core.types import Sample, Score
from seal_eval.prompts.corpus import Split, draw_keys, split_of
from seal_eval.prompts.haystack import sentences_from
from seal_eval.prompts.packing import Packer, Pool, build_samples
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.prompts.scoring import extract, score_values


class Phrasing(NamedTuple):
    """One way to state a fact, to ask for it, and to begin the answer.

    {is} and {belong} agree with the values expected, {are} with the keys asked for.
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
TOKENS = {"number": 12, "word": 12, "uuid": 40}  # budget of one value


@dataclass(frozen=True)
class Needle:
    """Settings: `keys` needles of the same form, each with its own key, `queries` of which are asked for; `values` per key;
    `value`: number (7 digits), word or uuid; `haystack`: prose, noise, needles, a folder of .txt files or datasets:ID;
    `depths` places of the first asked needle, spaced linearly or by a sigmoid (denser at both ends), of which so many samples as
    `depths_per_haystack` share one text, which is then the cluster; `phrasing`: 0, 1, 2, or -1 for all in turn.
    """

    name: str
    summary: str
    keys: int = 1
    values: int = 1
    queries: int = 1
    value: str = "number"
    haystack: str = "prose"
    depths: int = 11
    depths_per_haystack: int = 1
    spacing: str = "linear"
    phrasing: int = -1
    pass_key: bool = False

    unit: ClassVar[str] = "tokens"
    sizes: ClassVar[tuple[int, ...]] = ()
    num_samples: ClassVar[int] = 100
    metrics: ClassVar[tuple[str, ...]] = ("recall",)

    def __post_init__(self) -> None:
        for setting, low, high in (
            ("keys", self.queries, 10_000), ("values", 1, 50), ("queries", 1, 50), ("depths", 1, 1000),
            ("depths_per_haystack", 1, 1000), ("phrasing", -1, len(PHRASINGS) - 1),
        ):  # fmt: skip
            whole_number(self.name, setting, getattr(self, setting), low, high)
        if not isinstance(self.haystack, str):
            raise SealError(f"{self.name}: haystack is {self.haystack!r}, must be prose, noise, needles, a folder or datasets:ID")
        for setting, known in (("value", TOKENS), ("spacing", ("linear", "sigmoid"))):
            if getattr(self, setting) not in known:
                raise SealError(
                    f"{self.name}: {setting} '{getattr(self, setting)}' is not known{nearest(str(getattr(self, setting)), known)}"
                )

    @property
    def citation(self) -> str:
        """Where the form comes from."""
        if self.pass_key:
            return "Mohtashami & Jaggi 2023, Landmark Attention"
        return "Kamradt 2023, Needle In A Haystack" + ("; Hsieh et al. 2024, RULER" if self.name != "seal_needle" else "")

    @property
    def answer_tokens(self) -> int:
        """Room for the values and for a sentence around them."""
        return 20 + TOKENS[self.value] * self.values * self.queries

    @property
    def until(self) -> tuple[str, ...]:
        """One value ends with its sentence; several may come as a list."""
        return (".",) if self.values * self.queries == 1 else ("\n\n",)

    def build(self, prompt_format: PromptFormat, length: int, n: int, seed: int, split: Split = "eval") -> list[Sample]:
        """`n` samples whose prompt and answer budget fill `length` tokens to within 1 %, never above.

        Raises SealError when `length` cannot be filled so, naming the smallest that can, and for a haystack too small.
        """
        depths = spread(spaced(self.depths, self.spacing))

        def start(tokens: int) -> Callable[[int], list[Sample]]:
            packer = Packer(prompt_format, " ", self.answer_tokens, tokens)
            pools: dict[Phrasing, Pool] = {}
            return lambda i: [self._sample(packer, pools, i, depths[i % len(depths)], seed, split)]

        return build_samples(start, self.name, length, n)

    def score(self, reply: str, doc: Mapping[str, Any]) -> Score:
        """1 when the first values of the reply, as many as are expected, are the expected ones, in any order.

        The numbers of a text have as many digits each: what else a reply counts or lists ("the 4 numbers are", "1: 4187321") is no value,
        unless there is nothing else.
        """
        unlisted = re.sub(r"(?:^|(?<=\s))\d{1,2}[.)]\s", " ", reply)
        target = doc["targets"][0]
        kind = kind_of(target)
        found = extract(unlisted, kind, skip=doc["keys"])
        if kind == "number":
            found = [value for value in found if len(value) == len(target)] or found
        return score_values(reply, doc, found, lambda value: value in doc["input"], "wrong needle")

    def _sample(self, packer: Packer, pools: dict[Phrasing, Pool], i: int, depth: float, seed: int, split: Split) -> Sample:
        prompt_format, length = packer.prompt_format, packer.length
        place = f"{seed}:{self.name}:{split}:{length}"
        rng, hay, shared = random.Random(f"{place}:{i}"), i // self.depths_per_haystack, self.depths_per_haystack > 1
        hay_rng = random.Random(f"{place}:haystack{hay}") if shared else rng
        many = self.values * self.queries > 1
        one, what = SINGULAR[self.value], (PLURAL if many else SINGULAR)[self.value]
        turn = hay if shared else i + i // self.depths  # every depth meets every phrasing
        phrasing = PASS_KEY if self.pass_key else PHRASINGS[turn % len(PHRASINGS) if self.phrasing < 0 else self.phrasing]
        if self.haystack == "needles" and phrasing not in pools:
            pools[phrasing] = self._pool(packer, phrasing, seed, split)
        pieces, costs, cluster, keys, values = self._haystack(packer, pools.get(phrasing), i, rng, hay_rng, split)
        needles = [phrasing.needle.format(one=one, key=keys[j // self.values], value=v) for j, v in enumerate(values)]
        facts = [(text, rng.random() if j else depth) for j, text in enumerate(needles)]
        asked, targets = keys[: self.queries], values[: self.queries * self.values]
        words = {
            "what": what, "keys": _listed([f"the {k}" for k in asked]), "is": "are" if many else "is",
            "belong": "belong" if many else "belongs", "are": "are" if self.queries > 1 else "is",
        }  # fmt: skip
        prefix = prompt_format.answer_prefix(phrasing.prefix.format(**words))
        tail = TAIL.format(question=phrasing.question.format(**words), what=what)
        filled = packer.fill(
            HEADER.format(what=what if self.pass_key else PLURAL[self.value]), tail, prefix, pieces, costs, facts, alike=shared
        )
        around = " ".join(filled.pieces)
        if present := [text for text in (*values, *keys) if text in around]:
            raise SealError(f"{self.name}: {present[0]!r} of the needle stands in the haystack already; use another seed than {seed}")
        sample_id = f"{self.name}-{split}-{length}-{seed}-{i}"
        return Sample(
            sample_id=sample_id, task=self.name, input=filled.text, prefix=prefix, answer=f" {_listed(targets)}.", targets=tuple(targets),
            keys=() if self.pass_key else tuple(asked),
            length=length, n_tokens=filled.n_tokens, depth=filled.depths[0],
            cluster=cluster or (f"{self.name}-{split}-{length}-{seed}-haystack{hay}" if shared else sample_id),
            seed=seed, answer_tokens=self.answer_tokens,
        )  # fmt: skip

    def _haystack(
        self, packer: Packer, others: Pool | None, i: int, rng: random.Random, hay_rng: random.Random, split: Split
    ) -> tuple[Any, ...]:
        """(sentences, their costs, id of their text or None, keys, values); values[j] belongs to keys[j // self.values]."""
        prompt_format, own = packer.prompt_format, self.keys * self.values
        if others:
            mine = [(i * own + j) % len(others.keys) for j in range(own)]
            keys = [others.keys[m] for m in mine[: self.keys]]
            return *others.draw(hay_rng, packer.length, but=mine), None, keys, [others.values[m] for m in mine]
        words = draw(rng, self.keys + (own if self.value == "word" else 0), "word", split)
        keys, values = words[: self.keys], words[self.keys :] or draw(rng, own, self.value, split)
        name, sentences, costs = sentences_from(self.haystack, split, prompt_format, i // self.depths_per_haystack, hay_rng, packer.length)
        return sentences, costs, name, keys, values

    def _pool(self, packer: Packer, phrasing: Phrasing, seed: int, split: Split) -> Pool:
        rng = random.Random(f"{seed}:{self.name}:{split}:{packer.length}")
        form = phrasing.needle.replace("{one}", SINGULAR[self.value])
        n = Pool.size(packer.length, packer.costs([form.format(key="old-tower", value=draw(rng, 1, self.value, split)[0])])[0])
        words = draw(rng, 2 * n if self.value == "word" else n, "word", split)
        keys, values = words[:n], words[n:] or draw(rng, n, self.value, split)
        texts = [form.format(key=k, value=v) for k, v in zip(keys, values, strict=True)]
        return Pool(keys, values, texts, packer.costs(texts))


def draw(rng: random.Random, n: int, kind: str, split: Split) -> list[str]:
    """`n` distinct values of a kind that belong to `split`."""
    if kind == "word":
        return draw_keys(rng, n, split)
    found: dict[str, None] = {}
    while len(found) < n:
        value = str(rng.randint(1_000_000, 9_999_999)) if kind == "number" else str(uuid.UUID(int=rng.getrandbits(128), version=4))
        if split_of(value) == split:
            found[value] = None
    return list(found)


def kind_of(value: str) -> str:
    """Which kind of value this is."""
    return "number" if value.isdecimal() else "uuid" if len(value) == 36 and value.count("-") == 4 else "word"


def spaced(n: int, spacing: str) -> list[float]:
    """`n` depths from 0 to 1. Sigmoid (Kamradt 2023): 1 / (1 + exp(-10 (x - 0.5))) between the two ends."""
    if n == 1:
        return [0.5]
    even = [j / (n - 1) for j in range(n)]
    return even if spacing == "linear" else [x if x in (0, 1) else 1 / (1 + math.exp(-10 * (x - 0.5))) for x in even]


def spread(values: Sequence[float]) -> list[float]:
    """The values in an order of which any beginning is spread out (van der Corput's)."""
    return [values[j] for j in sorted(range(len(values)), key=lambda j: int(f"{j:020b}"[::-1], 2))]


def _listed(items: Sequence[str]) -> str:
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]


TASKS = (
    Needle("seal_needle", "classic needle: one made-up number in presidential addresses"),
    Needle("seal_needle_multikey", "needle among needles of the same form with other keys", haystack="needles"),
    Needle("seal_needle_multivalue", "four numbers of one key, all asked for", values=4),
    Needle("seal_needle_multiquery", "the numbers of four keys out of eight", keys=8, queries=4),
    Needle("seal_passkey", "pass key in repeated noise", haystack="noise", pass_key=True),
)
