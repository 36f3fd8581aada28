"""Line retrieval: name the number on one line of a long record.

Li et al. 2023, "How Long Can Open-Source LLMs Truly Promise on Context Length?" (LongEval, LMSYS). The first phrasing has LongEval's lines
and question; the other phrasings and every header are this project's. Values are unique in a record, so a wrong line cannot score.
"""

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Annotated, Any, ClassVar, NamedTuple

from annotated_types import Ge, Le

from seal_eval.core.plugins import Task
from seal_eval.core.types import Sample, Score
from seal_eval.prompts.corpus import Split, draw_keys, numbers
from seal_eval.prompts.mentions import Facts
from seal_eval.prompts.packing import Packer, Pool, TooShort, build_samples
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.prompts.scoring import read_values, score_values


class Phrasing(NamedTuple):
    """One way to write a record, to ask for a line of it, and to begin the answer. end: what follows the number in the answer."""

    header: str
    line: str
    question: str
    prefix: str
    end: str

    def answer(self, value: str) -> str:
        """What follows the prefix in the right answer."""
        gap = "" if self.prefix.endswith(("<", '"')) else " "  # a number or an identifier in brackets or quotes
        return f"{gap}{value}{self.end}"


PHRASINGS = (
    Phrasing(
        "Below is a record of lines to remember. Every line starts with 'line <line index>' and ends with a '<REGISTER_CONTENT>', "
        "which is a number. Memorize the number of each line: I will ask you for one of them at the end.\n\n",
        "line {key}: REGISTER_CONTENT is <{value}>\n",
        "\nNow the record is over. Tell me what is the <REGISTER_CONTENT> in line {key}? I need the number.\n",
        "The <REGISTER_CONTENT> in line {key} is <",
        ">",
    ),
    Phrasing(
        "These are the lockers of a station and the number that is kept in each.\n\n",
        "The {key} locker keeps {value}\n",
        "\nThese were all the lockers. Which number does the {key} locker keep?\n",
        "The {key} locker keeps",
        "\n",
    ),
    Phrasing(
        "Here is a table with two columns, a name and a code.\n\n",
        "| {key} | {value} |\n",
        "\nThe table ends here. What is the code in the row of {key}? Answer with the code.\n",
        "| {key} |",
        " |",
    ),
)
FIFTHS = (0, 3, 1, 4, 2)  # five consecutive questions ask about each fifth of the record once
ALIKE = 8  # candidate keys per question; the ones chosen have questions of nearly the same number of tokens


@dataclass(frozen=True)
class Records(Task):
    """A record of pairs of keys and values, and questions about some of the keys.

    questions_per_record: with more than 1, that many samples ask about one record, which is their cluster.
    """

    name: str
    summary: str
    questions_per_record: Annotated[int, Ge(1), Le(1000)] = 1

    first: ClassVar[str] = "l"  # what pairs begin with

    def build(self, prompt_format: PromptFormat, length: int, n: int, seed: int, split: Split = "eval") -> list[Sample]:
        """`n` samples whose prompt and answer budget fill `length` tokens to within 1 %, never above.

        Raises SealError when `length` cannot be filled, naming roughly the smallest length that can.
        """

        def start(tokens: int) -> Callable[[int], list[Sample]]:
            packer = Packer(prompt_format, "", prompt_format.budget(self.answer_tokens), tokens, self.first)
            pools: dict[Phrasing, Pool] = {}

            def record(r: int) -> list[Sample]:
                phrasing = self.phrasing_of(r)
                if phrasing not in pools:
                    pools[phrasing] = self.pool(packer, phrasing, f"{seed}:{self.name}:{split}:{tokens}", split)
                return self._record(packer, pools[phrasing], r, seed, split)

            return record

        return build_samples(start, self.name, length, -(-n // self.questions_per_record))[:n]

    def phrasing_of(self, r: int) -> Phrasing:
        """The phrasing of record r."""
        raise NotImplementedError

    def pool(self, packer: Packer, phrasing: Phrasing, seed: str, split: Split) -> Pool:
        """Pairs with unique keys and values, drawn with the random seed `seed`."""
        raise NotImplementedError

    def pads(self, length: int) -> Sequence[str]:
        """What may stand in place of {pad} in the question, so that the length is filled; the first that does is taken."""
        return ("",)

    def depth(self, i: int, rng: random.Random) -> float:
        """Where the pair of question i is to stand in its record, 0..1."""
        return (FIFTHS[i % 5] + rng.random()) / 5

    def _record(self, packer: Packer, lines: Pool, r: int, seed: int, split: Split) -> list[Sample]:
        prompt_format, length, q, phrasing = packer.prompt_format, packer.length, self.questions_per_record, self.phrasing_of(r)
        packer.check_room(q * min(lines.costs) + packer.answer_tokens)  # before thousands of keys are compared
        rng = random.Random(f"{seed}:{self.name}:{split}:{length}:{r}")
        candidates = [(r * ALIKE * q + j) % len(lines.keys) for j in range(min(ALIKE * q, len(lines.keys)))]  # each once
        chosen, costs = alike(prompt_format, phrasing, [lines.keys[c] for c in candidates], q)
        chosen = [candidates[c] for c in chosen]
        keys, values = lines.keys, lines.values
        others, other_costs = lines.draw(rng, length, but=chosen)
        depths = [self.depth(r * q + j, rng) for j in range(q)]
        longest = max(range(q), key=lambda j: costs[j])
        prefix = prompt_format.answer_prefix(phrasing.prefix.format(key=keys[chosen[longest]]))
        facts = [(lines.texts[c], depth) for c, depth in zip(chosen, depths, strict=True)]
        problem: TooShort | None = None
        for pad in self.pads(length):
            question = phrasing.question.format(key=keys[chosen[longest]], pad=pad)
            try:
                filled = packer.fill(phrasing.header, question, prefix, others, other_costs, facts)
                break
            except TooShort as error:
                problem = problem or error
        else:
            raise TooShort(str(problem), problem.least if problem else 0)
        record = filled.text.removesuffix(question)
        samples = []
        for j, c in enumerate(chosen):
            i = r * q + j
            n_tokens = filled.n_tokens - costs[longest] + costs[j]
            if not packer.fits(n_tokens):
                raise TooShort(f"{self.name}: the questions of one record differ by {costs[longest] - costs[j]} tokens")
            samples.append(Sample(
                sample_id=f"{self.name}-{split}-{length}-{seed}-{i}", task=self.name,
                input=record + phrasing.question.format(key=keys[c], pad=pad),
                prefix=prompt_format.answer_prefix(phrasing.prefix.format(key=keys[c])), answer=phrasing.answer(values[c]),
                targets=(values[c],), keys=(keys[c],),
                length=length, n_tokens=n_tokens, depth=filled.depths[j] * filled.n_tokens / n_tokens,
                cluster=f"{self.name}-{split}-{length}-{seed}-record{r}", seed=seed, answer_tokens=packer.answer_tokens,
            ))  # fmt: skip
        return samples


@dataclass(frozen=True)
class Lines(Records):
    """Settings.

    questions_per_record: 1 as in LongEval; with more, that many samples ask about one record, which is their cluster.
    phrasing: 0 as in LongEval, 1 sentences, 2 a table, or -1 for all in turn, one for each record.
    """

    phrasing: Annotated[int, Ge(-1), Le(len(PHRASINGS) - 1)] = 0

    citation: ClassVar[str] = "Li et al. 2023, LongEval (LMSYS)"
    until: ClassVar[tuple[str, ...]] = (">",)
    answer_tokens: ClassVar[int] = 80

    def score(self, reply: str, doc: Mapping[str, Any]) -> Score:
        """Score 1 when the number that the reply answers is the line's."""
        return replace(score_line(reply, doc), metrics={})

    def phrasing_of(self, r: int) -> Phrasing:
        """The phrasing of record r."""
        return PHRASINGS[r % len(PHRASINGS) if self.phrasing < 0 else self.phrasing]

    def pool(self, packer: Packer, phrasing: Phrasing, seed: str, split: Split) -> Pool:
        """Lines of a phrasing with unique keys and values, drawn with the random seed `seed`."""
        rng = random.Random(seed)
        candidates = numbers(1, 50000, split)
        cost = packer.costs([phrasing.line.format(key="old-tower", value=candidates[-1])])[0]
        n = min(Pool.size(packer.length, cost), len(candidates))
        keys, values = draw_keys(rng, n, split), [str(v) for v in rng.sample(candidates, n)]
        texts = [phrasing.line.format(key=k, value=v) for k, v in zip(keys, values, strict=True)]
        return Pool(keys, values, texts, packer.costs(texts))


def score_line(reply: str, doc: Mapping[str, Any]) -> Score:
    """The score of a reply that names the number of one line of a record."""
    facts = facts_of(doc["input"], tuple(doc["keys"]))
    return score_values(reply, doc, read_values(reply, doc, "number", facts), lambda value: value in facts.owners, "wrong line")


STATED = tuple(  # a key of LongEval's own files may be any text without a colon
    re.compile(re.escape(p.line.rstrip("\n")).replace(r"\{key\}", r"(?P<key>[^:|\n]+?)").replace(r"\{value\}", r"(?P<value>\d+)"))
    for p in PHRASINGS
)


@lru_cache(maxsize=64)
def facts_of(text: str, asked: tuple[str, ...]) -> Facts:
    """The lines of a record."""
    owners = {str(int(match["value"])): match["key"] for pattern in STATED for match in pattern.finditer(text)}
    return Facts(owners, asked, frozenset(owners.values()))


def alike(prompt_format: PromptFormat, phrasing: Phrasing, keys: list[str], q: int) -> tuple[list[int], list[int]]:
    """(indices of the `q` keys whose prompts differ least in tokens, tokens of each without the record).

    q = 1 returns the first key with cost 0: nothing is compared.
    """
    if q == 1:
        return [0], [0]
    header, question, prefix = phrasing.header, phrasing.question, phrasing.prefix
    cost = [prompt_format.count(header + question.format(key=k, pad=""), prompt_format.answer_prefix(prefix.format(key=k))) for k in keys]
    order = sorted(range(len(keys)), key=lambda k: cost[k])
    first = min(range(len(order) - q + 1), key=lambda i: cost[order[i + q - 1]] - cost[order[i]])
    return order[first : first + q], [cost[k] for k in order[first : first + q]]


TASKS = (Lines("seal_lines", "line retrieval: the number on one named line of a long record"),)
