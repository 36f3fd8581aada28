"""Multi-document question answering: one of n documents holds the answer, and its position among them is dialled.

Liu et al. 2024, "Lost in the Middle: How Language Models Use Long Contexts" (TACL), section 2: 10, 20 and 30 documents. The paper takes
questions of NaturalQuestions, whose facts models may know; here the world is invented, as in seal_qa, so that only the document can tell.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Le

from seal_eval.core.errors import SealError
from seal_eval.core.plugins import Task
from seal_eval.core.types import Sample, Score
from seal_eval.prompts.corpus import Split
from seal_eval.prompts.invented import KINDS, world
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.tasks.needle import paired, spaced, spread
from seal_eval.tasks.qa import HEADER, PREFIX, TAIL, score_name

LINE = "Document [{number}]: {title}. {text}\n"
MOST = 8_000  # documents, for which there are names
SPARE = 200  # passages more than a sample takes, so that samples differ


@dataclass(frozen=True)
class Documents(Task):
    """Settings: `positions`: number of places of the document in question, from the first to the last."""

    name: str
    summary: str
    positions: Annotated[int, Ge(1), Le(1000)] = 5

    citation: ClassVar[str] = "Liu et al. 2024, Lost in the Middle"
    unit: ClassVar[str] = "documents"
    size_key: ClassVar[str] = "documents"
    tokens_per_unit: ClassVar[int] = 70
    sizes: ClassVar[tuple[int, ...]] = (10, 20, 30, 50, 100, 200, 500, 1000, 2000)
    small_sizes: ClassVar[tuple[int, ...]] = (2, 5)
    until: ClassVar[tuple[str, ...]] = (".", "\n\n")
    answer_tokens: ClassVar[int] = 96  # a sentence with the names in question

    def build(self, prompt_format: PromptFormat, length: int, n: int, seed: int, split: Split = "eval") -> list[Sample]:
        """`n` samples of `length` documents each; every position is asked about as often as the others. Raises SealError for too many."""
        if length > MOST:
            raise SealError(f"{self.name}: documents is {length}, must be at most {MOST}")
        places = spread(spaced(self.positions, "linear"))
        line_up = Lines(prompt_format, length, f"{seed}:{self.name}:{split}:{length}", split)
        return [self._sample(line_up, i, places[paired(i, KINDS, len(places))], seed, split) for i in range(n)]

    def score(self, reply: str, doc: Mapping[str, Any]) -> Score:
        """Score 1 when the name that the reply answers is the right one. A surname alone will do."""
        return score_name(reply, doc)

    def _sample(self, line_up: "Lines", i: int, place: float, seed: int, split: Split) -> Sample:
        prompt_format, length = line_up.prompt_format, line_up.length
        rng = random.Random(f"{seed}:{self.name}:{split}:{length}:{i}")
        own, at = i % len(line_up.passages), round(place * (length - 1))
        asked, others = line_up.passages[own], [k for k in range(len(line_up.passages)) if k != own]
        order = rng.sample(others, length - 1)
        order.insert(at, own)
        lines = [LINE.format(number=k + 1, title=line_up.passages[p].title, text=line_up.passages[p].text) for k, p in enumerate(order)]
        tail, prefix = TAIL.format(question=asked.question), prompt_format.answer_prefix(PREFIX)
        n_tokens, before = line_up.count(HEADER, lines, order, at, tail, prefix)
        sample_id = f"{self.name}-{split}-{length}-{seed}-{i}"
        return Sample(
            sample_id=sample_id, task=self.name, input=HEADER + "".join(lines) + tail, prefix=prefix, answer=f" {asked.full}.",
            targets=(asked.word,), keys=(asked.title,), length=length, n_tokens=n_tokens, depth=before / n_tokens, cluster=sample_id,
            seed=seed, answer_tokens=prompt_format.budget(self.answer_tokens),
        )  # fmt: skip


class Lines:
    """The passages of one length's samples, with their tokens, so that a prompt need not be tokenised whole.

    A line's tokens are those of its number and of its passage, where no token of the vocabulary spans a space or the beginning of a line.
    """

    def __init__(self, prompt_format: PromptFormat, length: int, seed: str, split: Split) -> None:
        self.prompt_format, self.length = prompt_format, length
        self.passages, _ = world(random.Random(seed), length + SPARE, 0, split)
        self.adds_up: bool | None = None if prompt_format.apart("", "D") and prompt_format.apart(" ") else False  # None: not checked yet
        self.of_passage = prompt_format.costs([LINE.format(number=1, title=p.title, text=p.text) for p in self.passages], "")
        numbered = prompt_format.costs([LINE.format(number=k + 1, title="Title", text="Text.") for k in range(length)], "")
        self.of_number = [cost - numbered[0] for cost in numbered]  # above that of the number 1

    def count(self, head: str, lines: Sequence[str], order: Sequence[int], at: int, tail: str, prefix: str) -> tuple[int, int]:
        """(tokens of a prompt, tokens in front of its line `at`). order: the passage of each line. The first prompt is counted whole."""
        if self.adds_up:
            costs = [self.of_passage[p] + extra for p, extra in zip(order, self.of_number, strict=True)]
            base, (before,) = self.prompt_format.locate(head + lines[at] + tail, prefix, [lines[at]])
            return base - costs[at] + sum(costs), before + sum(costs[:at])
        n_tokens, (before,) = self.prompt_format.locate(head + "".join(lines) + tail, prefix, [lines[at]])
        if self.adds_up is None:
            self.adds_up = True
            self.adds_up = self.count(head, lines, order, at, tail, prefix) == (n_tokens, before)
        return n_tokens, before


TASKS = (Documents("seal_documents", "a question that one of n documents on invented people, towns and books answers, at each position"),)
