"""Line retrieval: name the number on one line of a long record.

Li et al. 2023, "How Long Can Open-Source LLMs Truly Promise on Context Length?" (LongEval, LMSYS). Lines and question have LongEval's form,
the header's wording is this project's. Values are unique in a record, so a wrong line cannot score.
"""

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Le

from seal_eval.core.plugins import Task
from seal_eval.core.types import Sample, Score
from seal_eval.prompts.corpus import Split, draw_keys, numbers
from seal_eval.prompts.mentions import Facts
from seal_eval.prompts.packing import Packer, Pool, TooShort, build_samples
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.prompts.scoring import read_values, score_values

HEADER = (
    "Below is a record of lines to remember. Every line starts with 'line <line index>' and ends with a '<REGISTER_CONTENT>', "
    "which is a number. Memorize the number of each line: I will ask you for one of them at the end.\n\n"
)
LINE = "line {key}: REGISTER_CONTENT is <{value}>\n"
QUESTION = "\nNow the record is over. Tell me what is the <REGISTER_CONTENT> in line {key}? I need the number.\n"
PREFIX = "The <REGISTER_CONTENT> in line {key} is <"
FIFTHS = (0, 3, 1, 4, 2)  # five consecutive questions ask about each fifth of the record once
ALIKE = 8  # candidate keys per question; the ones chosen have questions of nearly the same number of tokens


@dataclass(frozen=True)
class Lines(Task):
    """questions_per_record: 1 as in LongEval; with more, that many samples ask about one record, which is their cluster."""

    name: str
    summary: str
    questions_per_record: Annotated[int, Ge(1), Le(1000)] = 1

    citation: ClassVar[str] = "Li et al. 2023, LongEval (LMSYS)"
    unit: ClassVar[str] = "tokens"
    sizes: ClassVar[tuple[int, ...]] = ()
    num_samples: ClassVar[int] = 100
    until: ClassVar[tuple[str, ...]] = (">",)
    metrics: ClassVar[tuple[str, ...]] = ()
    answer_tokens: ClassVar[int] = 80

    def build(self, prompt_format: PromptFormat, length: int, n: int, seed: int, split: Split = "eval") -> list[Sample]:
        """`n` samples whose prompt and answer budget fill `length` tokens to within 1 %, never above.

        Raises SealError when `length` cannot be filled, naming roughly the smallest length that can.
        """

        def start(tokens: int) -> Callable[[int], list[Sample]]:
            packer = Packer(prompt_format, "", prompt_format.budget(self.answer_tokens), tokens)
            lines = pool(packer, f"{seed}:{self.name}:{split}:{tokens}", split)
            return lambda r: self._record(packer, lines, r, seed, split)

        return build_samples(start, self.name, length, -(-n // self.questions_per_record))[:n]

    def score(self, reply: str, doc: Mapping[str, Any]) -> Score:
        """Score 1 when the number that the reply answers is the line's."""
        return replace(score_line(reply, doc), metrics={})

    def _record(self, packer: Packer, lines: Pool, r: int, seed: int, split: Split) -> list[Sample]:
        prompt_format, length, q = packer.prompt_format, packer.length, self.questions_per_record
        rng = random.Random(f"{seed}:{self.name}:{split}:{length}:{r}")
        candidates = [(r * ALIKE * q + j) % len(lines.keys) for j in range(ALIKE * q)]
        chosen, costs = alike(prompt_format, [lines.keys[c] for c in candidates], q)
        chosen = [candidates[c] for c in chosen]
        keys, values = lines.keys, lines.values
        others, other_costs = lines.draw(rng, length, but=chosen)
        depths = [(FIFTHS[(r * q + j) % 5] + rng.random()) / 5 for j in range(q)]
        longest = max(range(q), key=lambda j: costs[j])
        question, prefix = QUESTION.format(key=keys[chosen[longest]]), prompt_format.answer_prefix(PREFIX.format(key=keys[chosen[longest]]))
        facts = [(lines.texts[c], depth) for c, depth in zip(chosen, depths, strict=True)]
        filled = packer.fill(HEADER, question, prefix, others, other_costs, facts)
        record = filled.text.removesuffix(question)
        samples = []
        for j, c in enumerate(chosen):
            i = r * q + j
            n_tokens = filled.n_tokens - costs[longest] + costs[j]
            if not packer.fits(n_tokens):
                raise TooShort(f"{self.name}: the questions of one record differ by {costs[longest] - costs[j]} tokens")
            samples.append(Sample(
                sample_id=f"{self.name}-{split}-{length}-{seed}-{i}", task=self.name, input=record + QUESTION.format(key=keys[c]),
                prefix=prompt_format.answer_prefix(PREFIX.format(key=keys[c])), answer=f"{values[c]}>",
                targets=(values[c],), keys=(keys[c],),
                length=length, n_tokens=n_tokens, depth=filled.depths[j] * filled.n_tokens / n_tokens,
                cluster=f"{self.name}-{split}-{length}-{seed}-record{r}", seed=seed, answer_tokens=packer.answer_tokens,
            ))  # fmt: skip
        return samples


def score_line(reply: str, doc: Mapping[str, Any]) -> Score:
    """The score of a reply that names the number of one line of a record."""
    facts = facts_of(doc["input"], tuple(doc["keys"]))
    return score_values(reply, doc, read_values(reply, doc, "number", facts), lambda value: value in facts.owners, "wrong line")


@lru_cache(maxsize=64)
def facts_of(text: str, asked: tuple[str, ...]) -> Facts:
    """The lines of a record."""
    owners = {str(int(value)): key for key, value in re.findall(r"line ([^:\n]+): REGISTER_CONTENT is <(\d+)>", text)}
    return Facts(owners, asked, frozenset(owners.values()))


def pool(packer: Packer, seed: str, split: Split) -> Pool:
    """Lines with unique keys and values, drawn with the random seed `seed`."""
    rng = random.Random(seed)
    candidates = numbers(1, 50000, split)
    cost = packer.costs([LINE.format(key="old-tower", value=candidates[-1])])[0]
    n = min(Pool.size(packer.length, cost), len(candidates))
    keys, values = draw_keys(rng, n, split), [str(v) for v in rng.sample(candidates, n)]
    texts = [LINE.format(key=k, value=v) for k, v in zip(keys, values, strict=True)]
    return Pool(keys, values, texts, packer.costs(texts))


def alike(prompt_format: PromptFormat, keys: list[str], q: int) -> tuple[list[int], list[int]]:
    """(indices of the `q` keys whose prompts differ least in tokens, tokens of each without the record).

    q = 1 returns the first key with cost 0: nothing is compared.
    """
    if q == 1:
        return [0], [0]
    cost = [prompt_format.count(HEADER + QUESTION.format(key=k), prompt_format.answer_prefix(PREFIX.format(key=k))) for k in keys]
    order = sorted(range(len(keys)), key=lambda k: cost[k])
    first = min(range(len(order) - q + 1), key=lambda i: cost[order[i + q - 1]] - cost[order[i]])
    return order[first : first + q], [cost[k] for k in order[first : first + q]]


TASKS = (Lines("seal_lines", "line retrieval: the number on one named line of a long record"),)
