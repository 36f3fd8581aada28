"""Multi-document question answering: one of n documents holds the answer, and its position among them is dialled.

Liu et al. 2024, "Lost in the Middle: How Language Models Use Long Contexts" (TACL), section 2: 10, 20 and 30 documents. The paper takes
questions of NaturalQuestions, whose facts models may know; here the world is invented, as in seal_qa, so that only the document can tell.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Le

from seal_eval.core.errors import SealError
from seal_eval.core.plugins import Task
from seal_eval.core.types import Sample, Score
from seal_eval.prompts.corpus import Split
from seal_eval.prompts.invented import world
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.tasks.needle import spaced, spread
from seal_eval.tasks.qa import HEADER, PREFIX, TAIL, score_name

LINE = "Document [{number}]: {title}. {text}\n"
MOST = 20_000  # documents


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
        places, samples = spread(spaced(self.positions, "linear")), []
        for i in range(n):
            rng = random.Random(f"{seed}:{self.name}:{split}:{length}:{i}")
            passages, _ = world(rng, length, 0, split)
            asked, others = passages[0], passages[1:]
            at = round(places[i % len(places)] * (length - 1))
            order = [*others[:at], asked, *others[at:]]
            lines = [LINE.format(number=k + 1, title=p.title, text=p.text) for k, p in enumerate(order)]
            text, prefix = HEADER + "".join(lines) + TAIL.format(question=asked.question), prompt_format.answer_prefix(PREFIX)
            n_tokens, (before,) = prompt_format.locate(text, prefix, [lines[at]])
            sample_id = f"{self.name}-{split}-{length}-{seed}-{i}"
            samples.append(Sample(
                sample_id=sample_id, task=self.name, input=text, prefix=prefix, answer=f" {asked.full}.", targets=(asked.word,),
                keys=(asked.title,), length=length, n_tokens=n_tokens, depth=before / n_tokens, cluster=sample_id, seed=seed,
                answer_tokens=prompt_format.budget(self.answer_tokens),
            ))  # fmt: skip
        return samples

    def score(self, reply: str, doc: Mapping[str, Any]) -> Score:
        """Score 1 when the name that the reply answers is the right one. A surname alone will do."""
        return score_name(reply, doc)


TASKS = (Documents("seal_documents", "a question that one of n documents on invented people, towns and books answers, at each position"),)
