"""LongEval: records of a fixed number of lines or conversation topics, as in the official benchmark.

Li et al. 2023, "How Long Can Open-Source LLMs Truly Promise on Context Length?" (DachengLi1/LongChat, folder longeval, commit
4b5faa5). Sizes and the form of lines and questions are official; the header's wording and the conversations are this project's. If
`longeval_data` names a folder with the official case files, their prompts are used byte for byte (prompts/longeval_cases.py).
"""

import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from seal_eval.core.errors import SealError
from seal_eval.core.plugins import Task
from seal_eval.core.types import Sample, Score
from seal_eval.prompts.corpus import Split, draw_keys, numbers, split_of
from seal_eval.prompts.longeval_cases import Case, official_sizes, read_cases
from seal_eval.prompts.plain_text import plain_text
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.prompts.scoring import last_digits, why_no_answer
from seal_eval.prompts.thinking import CUT_OFF, answer_of
from seal_eval.prompts.topic_names import read_topic
from seal_eval.tasks.lines import PHRASINGS, score_line

CITATION = "Li et al. 2023, LongEval (LMSYS)"
TOPICS_HEADER = (
    "Below is a record of earlier conversations on {n} different topics. You are the ASSISTANT, I am the USER. Each topic begins with "
    "the USER saying 'I would like to discuss the topic of <TOPIC>'. Memorize each <TOPIC>: at the end of the record I will ask you for "
    "the first one. The record begins here. "
)
TOPICS_QUESTION = " Now the record ends. What is the first topic that we discussed? Give me the name of the topic only.\n"
TOPICS_PREFIX = "The first topic that we discussed was"


@dataclass(frozen=True)
class _LongEval(Task):
    """longeval_data: folder with the official case files; empty for prompts built here."""

    name: str
    summary: str
    longeval_data: str = ""

    citation: ClassVar[str] = CITATION
    file_settings: ClassVar[Mapping[str, tuple[str, ...]]] = {"longeval_data": ("",)}
    files_read: ClassVar[Mapping[str, tuple[str, ...]]] = {"longeval_data": ("*_lines.jsonl", "*_topics.jsonl")}
    num_samples: ClassVar[int] = 50
    until: ClassVar[tuple[str, ...]] = ()  # as in LongEval: a reply ends with its budget

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.longeval_data and not Path(self.longeval_data).is_dir():
            raise SealError(f"{self.name}: longeval_data {self.longeval_data} is no folder; name the one with the official case files")

    def question_at(self, doc: Mapping[str, Any]) -> int:
        """Where the record is said to end, as in the official files."""
        return max(0, str(doc["input"]).rfind("Now the record"))

    def available_sizes(self) -> tuple[int, ...] | None:
        """Sizes of the official case files, when their folder is named."""
        return tuple(official_sizes(Path(self.longeval_data), self.unit)) if self.longeval_data else None

    def _official(self, prompt_format: PromptFormat, kind: str, size: int, n: int) -> list[Sample]:
        """The first `n` cases of an official file. Raises SealError when it has fewer."""
        cases = read_cases(Path(self.longeval_data), kind, size)
        if n > len(cases):
            raise SealError(f"{self.name}: num_samples is {n}, the official file for {size} {kind} holds {len(cases)} cases")
        return [self._sample(prompt_format, case, size, f"{self.name}-official-{size}-{i}", 0) for i, case in enumerate(cases[:n])]

    def _sample(self, prompt_format: PromptFormat, case: Case, size: int, sample_id: str, seed: int) -> Sample:
        n_tokens, (before,) = prompt_format.locate(case.prompt, case.prefix, [case.fact])
        return Sample(
            sample_id=sample_id, task=self.name, input=case.prompt, prefix=case.prefix, answer=case.answer, targets=(case.target,),
            keys=case.keys, length=size, n_tokens=n_tokens, depth=before / n_tokens, cluster=sample_id, seed=seed,
            answer_tokens=prompt_format.budget(self.answer_tokens),
        )  # fmt: skip


@dataclass(frozen=True)
class LongEvalLines(_LongEval):
    """acc: the first number of the reply counts; acc_official: LongEval's rule, the last digits of a reply of 100 tokens count."""

    unit: ClassVar[str] = "lines"
    size_key: ClassVar[str] = "lines"
    tokens_per_unit: ClassVar[int] = 23
    sizes: ClassVar[tuple[int, ...]] = (200, 300, 400, 500, 600, 680, 700, 800, 900, 1000, 1100, 1200, 1350)
    small_sizes: ClassVar[tuple[int, ...]] = (10, 20, 50, 100)  # not in LongEval; for windows that its smallest size does not fit
    answer_tokens: ClassVar[int] = 100
    metrics: ClassVar[tuple[str, ...]] = ("acc_official",)

    def build(self, prompt_format: PromptFormat, length: int, n: int, seed: int, split: Split = "eval") -> list[Sample]:
        """`n` records of `length` lines each, the target line drawn uniformly as in LongEval. Raises SealError for too many lines."""
        if self.longeval_data:
            return self._official(prompt_format, "lines", length, n)
        samples, phrasing = [], PHRASINGS[0]
        for i in range(n):
            rng = random.Random(f"{seed}:{self.name}:{split}:{length}:{i}")
            keys = draw_keys(rng, length, split)
            values = numbers(1, 50000, split)
            if length > len(values):
                raise SealError(f"{self.name}: {length} lines need as many distinct numbers, {len(values)} exist")
            lines = [phrasing.line.format(key=k, value=v) for k, v in zip(keys, rng.sample(values, length), strict=True)]
            at = rng.randrange(length)
            key, value = keys[at], lines[at].split("<")[1].split(">")[0]
            case = Case(
                phrasing.header + "".join(lines) + phrasing.question.format(key=key),
                prompt_format.answer_prefix(phrasing.prefix.format(key=key)),
                phrasing.answer(value),
                value,
                (key,),
                lines[at],
            )
            samples.append(self._sample(prompt_format, case, length, f"{self.name}-{split}-{length}-{seed}-{i}", seed))
        return samples

    def score(self, reply: str, doc: Mapping[str, Any]) -> Score:
        """Score by both rules; acc_official exactly as LongEval does."""
        return replace(score_line(reply, doc), metrics={"acc_official": last_digits(reply, doc["targets"])[0]})


@dataclass(frozen=True)
class LongEvalTopics(_LongEval):
    """acc: the first topic named in the reply is the first discussed; acc_named: the reply names it anywhere.

    LongEval itself scores topics with a language model; these rules need none.
    """

    unit: ClassVar[str] = "topics"
    size_key: ClassVar[str] = "topics"
    tokens_per_unit: ClassVar[int] = 700
    sizes: ClassVar[tuple[int, ...]] = (5, 10, 15, 20, 25)
    small_sizes: ClassVar[tuple[int, ...]] = (1, 2, 3)
    answer_tokens: ClassVar[int] = 50
    metrics: ClassVar[tuple[str, ...]] = ("acc_named",)

    def build(self, prompt_format: PromptFormat, length: int, n: int, seed: int, split: Split = "eval") -> list[Sample]:
        """`n` records of `length` conversations each, in random order. Raises SealError when `split` has fewer."""
        if self.longeval_data:
            return self._official(prompt_format, "topics", length, n)
        available = [c for c in conversations() if split_of(c["topic"]) == split]
        if length > len(available):
            raise SealError(f"{self.name}: {length} topics are asked for, {len(available)} belong to {split}")
        samples = []
        for i in range(n):
            rng = random.Random(f"{seed}:{self.name}:{split}:{length}:{i}")
            chosen = rng.sample(available, length)
            topic = chosen[0]["topic"]
            prompt = TOPICS_HEADER.format(n=length) + "".join(map(_transcript, chosen)) + TOPICS_QUESTION
            case = Case(prompt, prompt_format.answer_prefix(TOPICS_PREFIX), f" {topic}.", topic, (), f"discuss the topic of {topic}")
            samples.append(self._sample(prompt_format, case, length, f"{self.name}-{split}-{length}-{seed}-{i}", seed))
        return samples

    def score(self, reply: str, doc: Mapping[str, Any]) -> Score:
        """Score 1 when the topic that the reply answers is the target."""
        (target,) = doc["targets"]
        answer = answer_of(reply, doc)
        metrics = {"acc_named": float(_plain(target) in _plain(answer or ""))}
        if answer is None:
            return Score(0.0, None, CUT_OFF, metrics)
        text = plain_text(answer).replace("_", " ")
        reading = read_topic(text, topics_of(doc["input"]))
        named = "; ".join(reading.values) or None
        if reading.problem or not named:
            reason = reading.problem or why_no_answer(reply, doc)
            return Score(0.0, named, "not found" if reason == "unparsable" and text.strip() else reason, metrics)
        right = _plain(named) == _plain(target)
        return Score(float(right), named, "exact" if right else "wrong topic", metrics)


@cache
def conversations() -> tuple[dict[str, Any], ...]:
    """The conversations written for this project: {"topic", "turns"}; turns alternate, the user's first."""
    files = sorted((Path(__file__).parent / "conversations").glob("*.jsonl"))
    return tuple(json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines())


def topics_of(prompt: str) -> list[str]:
    """The topics that a record introduces, in order."""
    return re.findall(r"USER: [^\n]*?I would like to discuss the topic of ([^.\n]+)\.", prompt)


def _transcript(conversation: Mapping[str, Any]) -> str:
    turns: Sequence[str] = conversation["turns"]
    lines = [f"{'USER' if i % 2 == 0 else 'ASSISTANT'}: {turn} \n " for i, turn in enumerate(turns)]
    return "".join(lines) + f"USER: That is the end of our discussion of {conversation['topic']}; let us turn to the next topic.\n"


def _plain(text: str) -> str:
    """Lower case, letters and digits only, single spaces, no leading article."""
    return re.sub(r"^(the|a|an) ", "", " ".join(re.findall(r"[^\W_]+", text.casefold())))


TASKS = (
    LongEvalLines("seal_longeval_lines", "LongEval's line retrieval at its sizes of 200 to 1,350 lines"),
    LongEvalTopics("seal_longeval_topics", "LongEval's topics: which of 5 to 25 topics was discussed first"),
)
