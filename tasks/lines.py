"""Line retrieval: one line of a long record is asked for.

Li et al. 2023, "How Long Can Open-Source LLMs Truly Promise on Context Length?" (LongEval, LMSYS); the form of lines and
question is theirs, the wording of the header is ours. Values are unique in a record, so a wrong line cannot score.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from seal_eval.core.errors import whole_number
from seal_eval.core.types import Sample, Score
from seal_eval.prompts.corpus import Split, draw_keys, numbers
from seal_eval.prompts.packing import Packer, Pool, TooShort, build_samples
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.prompts.scoring import extract, score_values

HEADER = (
    "Below is a record of lines to remember. Every line starts with 'line <line index>' and ends with a '<REGISTER_CONTENT>', "
    "which is a number. Memorize the number of each line: I will ask you for one of them at the end.\n\n"
)
LINE = "line {key}: REGISTER_CONTENT is <{value}>\n"
QUESTION = "\nNow the record is over. Tell me what is the <REGISTER_CONTENT> in line {key}? I need the number.\n"
PREFIX = "The <REGISTER_CONTENT> in line {key} is <"
FIFTHS = (0, 3, 1, 4, 2)  # every five questions ask once in each fifth of the record
ALIKE = 8  # keys drawn per question, of which those whose question costs the same are asked


@dataclass(frozen=True)
class Lines:
    """questions_per_record: 1 is LongEval's protocol; more ask that many lines of one record, which is then the cluster."""

    name: str
    summary: str
    questions_per_record: int = 1

    citation: ClassVar[str] = "Li et al. 2023, LongEval (LMSYS)"
    unit: ClassVar[str] = "tokens"
    sizes: ClassVar[tuple[int, ...]] = ()
    num_samples: ClassVar[int] = 100
    until: ClassVar[tuple[str, ...]] = (">.", ">,", ">;", ">\n")
    metrics: ClassVar[tuple[str, ...]] = ()
    answer_tokens: ClassVar[int] = 32

    def __post_init__(self) -> None:
        whole_number(self.name, "questions_per_record", self.questions_per_record, 1, 1000)

    def build(self, prompt_format: PromptFormat, length: int, n: int, seed: int, split: Split = "eval") -> list[Sample]:
        """`n` samples whose prompt and answer budget fill `length` tokens to within 1 %, never above.

        Raises SealError when `length` cannot be filled so, naming the smallest that can.
        """

        def start(tokens: int) -> Callable[[int], list[Sample]]:
            packer = Packer(prompt_format, "", self.answer_tokens, tokens)
            lines = pool(packer, f"{seed}:{self.name}:{split}:{tokens}", split)
            return lambda r: self._record(packer, lines, r, seed, split)

        return build_samples(start, self.name, length, -(-n // self.questions_per_record))[:n]

    def score(self, reply: str, doc: Mapping[str, Any]) -> Score:
        """1 when the first number of the reply is the line's number. What follows it does not count."""
        score = score_values(reply, doc, extract(reply, "number"), lambda value: f"<{value}>" in doc["input"], "wrong line")
        return replace(score, metrics={})

    def _record(self, packer: Packer, lines: Pool, r: int, seed: int, split: Split) -> list[Sample]:
        prompt_format, length, q = packer.prompt_format, packer.length, self.questions_per_record
        rng = random.Random(f"{seed}:{self.name}:{split}:{length}:{r}")
        candidates = [(r * ALIKE * q + j) % len(lines.keys) for j in range(ALIKE * q)]
        asked, costs = alike(prompt_format, [lines.keys[c] for c in candidates], q)
        asked = [candidates[a] for a in asked]
        keys, values = lines.keys, lines.values
        others, other_costs = lines.draw(rng, length, but=asked)
        where = [(FIFTHS[(r * q + j) % 5] + rng.random()) / 5 for j in range(q)]
        longest = max(range(q), key=lambda j: costs[j])
        question, prefix = QUESTION.format(key=keys[asked[longest]]), prompt_format.answer_prefix(PREFIX.format(key=keys[asked[longest]]))
        facts = [(lines.texts[a], w) for a, w in zip(asked, where, strict=True)]
        filled = packer.fill(HEADER, question, prefix, others, other_costs, facts)
        record = filled.text.removesuffix(question)
        samples = []
        for j, a in enumerate(asked):
            i = r * q + j
            n_tokens = filled.n_tokens - costs[longest] + costs[j]
            if not packer.fits(n_tokens):
                raise TooShort(f"{self.name}: the questions of one record differ by {costs[longest] - costs[j]} tokens")
            samples.append(Sample(
                sample_id=f"{self.name}-{split}-{length}-{seed}-{i}", task=self.name, input=record + QUESTION.format(key=keys[a]),
                prefix=prompt_format.answer_prefix(PREFIX.format(key=keys[a])), answer=f"{values[a]}>",
                targets=(values[a],), keys=(keys[a],),
                length=length, n_tokens=n_tokens, depth=filled.depths[j] * filled.n_tokens / n_tokens,
                cluster=f"{self.name}-{split}-{length}-{seed}-record{r}", seed=seed, answer_tokens=self.answer_tokens,
            ))  # fmt: skip
        return samples


def pool(packer: Packer, seed: str, split: Split) -> Pool:
    """Lines with unique keys and values."""
    rng = random.Random(seed)
    known = numbers(1, 50000, split)
    cost = packer.costs([LINE.format(key="old-tower", value=known[-1])])[0]
    n = min(Pool.size(packer.length, cost), len(known))
    keys, values = draw_keys(rng, n, split), [str(v) for v in rng.sample(known, n)]
    texts = [LINE.format(key=k, value=v) for k, v in zip(keys, values, strict=True)]
    return Pool(keys, values, texts, packer.costs(texts))


def alike(prompt_format: PromptFormat, keys: list[str], q: int) -> tuple[list[int], list[int]]:
    """(`q` of the keys whose questions cost most nearly the same, those costs in tokens)."""
    if q == 1:
        return [0], [0]
    cost = [prompt_format.count(HEADER + QUESTION.format(key=k), prompt_format.answer_prefix(PREFIX.format(key=k))) for k in keys]
    order = sorted(range(len(keys)), key=lambda k: cost[k])
    first = min(range(len(order) - q + 1), key=lambda i: cost[order[i + q - 1]] - cost[order[i]])
    return order[first : first + q], [cost[k] for k in order[first : first + q]]


TASKS = (Lines("seal_lines", "line retrieval: the number on one named line of a long record"),)
