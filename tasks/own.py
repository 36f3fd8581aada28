"""A user's own questions: the passage that answers a question stands among other text, at an exact length and depth.

The files are described in docs/own-documents.md. Without files, questions about invented places ask the same way. Scores besides acc are
SQuAD's: Rajpurkar et al. 2016, "SQuAD: 100,000+ Questions for Machine Comprehension of Text", section 6.1.
"""

import random
import re
import string
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Le

from seal_eval.core.errors import SealError
from seal_eval.core.plugins import Task
from seal_eval.core.types import Sample, Score
from seal_eval.prompts.corpus import Split, split_of
from seal_eval.prompts.haystack import sentences_from
from seal_eval.prompts.own_questions import OR, Question, own_sentences, own_texts, read_questions
from seal_eval.prompts.packing import Packer, build_samples
from seal_eval.prompts.phrases import find_answers
from seal_eval.prompts.plain_text import plain_text
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.prompts.scoring import score_values
from seal_eval.prompts.thinking import answer_of
from seal_eval.prompts.verdict import decide
from seal_eval.prompts.wordings import NEXT_TURN
from seal_eval.tasks.needle import paired, spaced, spread

EXAMPLES = Path(__file__).parent / "own" / "questions.jsonl"
HEADER = "Read the following text. I will ask you a question about it afterwards.\n\nThe text:"
MAY_NOT = re.compile(r"\b(?:may|must|can|could|should|shall|do|does|did|will|would)(?:not| not|n't)\b|\bcan't\b", re.IGNORECASE)
TAIL = " (End of the text.)\n\n{question} Answer in a few words.\n"
PREFIX = "The answer is:"
LAST = 8  # sentences at the end of the text that are taken word by word


@dataclass(frozen=True)
class Own(Task):
    """Settings: `questions`: a JSON Lines file, examples without it; `texts`: a folder of .txt files, among whose sentences the passage
    stands, presidential addresses without it; `depths`: number of places of the passage.
    """

    name: str
    summary: str
    questions: str = ""
    texts: str = ""
    depths: Annotated[int, Ge(1), Le(1000)] = 11

    citation: ClassVar[str] = "Kamradt 2023, Needle In A Haystack; Rajpurkar et al. 2016, SQuAD"
    until: ClassVar[tuple[str, ...]] = (".", "\n\n")
    metrics: ClassVar[tuple[str, ...]] = ("token_f1", "exact_answer")
    file_settings: ClassVar[Mapping[str, tuple[str, ...]]] = {"questions": ("",), "texts": ("",)}
    answer_tokens: ClassVar[int] = 96  # a sentence around the answer

    def build(self, prompt_format: PromptFormat, length: int, n: int, seed: int, split: Split = "eval") -> list[Sample]:
        """`n` samples that take the questions in turn, each time at another depth; prompt and answer budget fill `length` to within 1 %.

        Raises SealError for a file that is not as described, for texts that are too short, and for own questions in tuning.
        """
        if self.questions and split == "tune":
            raise SealError(f"{self.name}: questions={self.questions} are for evaluation; tune on another task, such as seal_qa")
        texts = own_texts(self.texts, prompt_format.control_tokens)
        asked = read_questions(Path(self.questions) if self.questions else EXAMPLES, texts, self.texts, prompt_format.control_tokens)
        if not self.questions:
            asked = tuple(question for question in asked if split_of(question.question) == split)
        pieces, depths = own_sentences(texts), spread(spaced(self.depths, "linear"))

        def start(tokens: int) -> Callable[[int], list[Sample]]:
            packer = Packer(prompt_format, " ", prompt_format.budget(self.answer_tokens), tokens)
            costs = packer.costs([sentence for _, sentence in pieces])

            def one(i: int) -> list[Sample]:
                depth = depths[paired(i, len(asked), len(depths))]
                return [self._sample(packer, asked[i % len(asked)], pieces, costs, i, depth, seed, split)]

            return one

        return build_samples(start, self.name, length, n)

    def score(self, reply: str, doc: Mapping[str, Any]) -> Score:
        """Score 1 when the reply names an accepted answer, as whole words in any case, and does not take it back.

        metrics: SQuAD's exact match and F1 of the whole answer, the best over the accepted ones.
        """
        found, text = score_phrase(reply, doc)
        return replace(found, metrics=squad(text, doc["targets"][0].split(OR)))

    def _sample(
        self, packer: Packer, asked: Question, pieces: list[tuple[str, str]], costs: Sequence[int], i: int, depth: float, seed: int,
        split: Split,
    ) -> Sample:  # fmt: skip
        rng, hidden = random.Random(f"{seed}:{self.name}:{split}:{packer.length}:{i}"), asked.gives_away()
        if pieces:
            first = rng.randrange(len(pieces))
            order = [*range(first, len(pieces)), *range(first)]
            kept = [k for k in order if pieces[k][0] != asked.file and not hidden.search(pieces[k][1])]
            others, other_costs = [pieces[k][1] for k in kept], [costs[k] for k in kept]
            others, other_costs = cut_last(packer, HEADER + asked.passage + TAIL + asked.question, others, other_costs)
        else:
            _, prose, prose_costs = sentences_from("prose", split, packer.prompt_format, i, rng, packer.length)
            kept = [k for k, sentence in enumerate(prose) if not hidden.search(sentence)]
            others, other_costs = [prose[k] for k in kept], [prose_costs[k] for k in kept]
        prefix = packer.prompt_format.answer_prefix(PREFIX)
        filled = packer.fill(HEADER, TAIL.format(question=asked.question), prefix, others, other_costs, [(asked.passage, depth)])
        return Sample(
            sample_id=f"{self.name}-{split}-{packer.length}-{seed}-{i}", task=self.name, input=filled.text, prefix=prefix,
            answer=f" {asked.answers[0]}.", targets=(OR.join(asked.answers),), keys=(), length=packer.length, n_tokens=filled.n_tokens,
            depth=filled.depths[0], cluster=f"{self.name}-{asked.ident}", seed=seed, answer_tokens=packer.answer_tokens,
        )  # fmt: skip


def cut_last(packer: Packer, rest: str, pieces: list[str], costs: list[int]) -> tuple[list[str], list[int]]:
    """Return pieces, with costs, in which the last sentence that has room comes word by word, so that any length can be filled exactly.

    rest: about what else is in the prompt.
    """
    room = packer.length - packer.answer_tokens - packer.prompt_format.count(rest, "")
    whole = max(0, bisect_right(list(accumulate(costs)), room) - 1)
    words = " ".join(pieces[whole : whole + LAST]).split()
    if sum(costs[: whole + LAST]) < room:  # the texts are too short: the packer says so
        return pieces, costs
    return pieces[:whole] + words, [*costs[:whole], *packer.costs(words)]


def score_phrase(reply: str, doc: Mapping[str, Any]) -> tuple[Score, str]:
    """(score 1 when the reply names one of the answers that the document's target accepts, the answer's plain text)."""
    answer = answer_of(reply, doc)
    reading, text = None, plain_text(answer or "")
    if turn := next((m for m in NEXT_TURN.finditer(text) if re.search(r"\w", text[: m.start()])), None):
        text = text[: turn.start()]  # the model goes on with a question of its own
    if asks_what_not(doc.get("input", "")):
        text = MAY_NOT.sub(lambda match: " " * len(match[0]), text)
    if answer is not None:
        reading = decide(text, find_answers(text, doc["targets"][0].split(OR), doc["targets"][0]), 1)
    found = score_values(reply, doc, reading, lambda value: True, "wrong answer")
    if found.reason == "unparsable" and text.strip():
        found = replace(found, reason="wrong answer")
    return found, text


def asks_what_not(prompt: str) -> bool:
    """True when the question, the last of the prompt, asks what is not so: there "you may not use A" answers A."""
    question = re.split(r"[.?!\n]", prompt[-1000:].rpartition("?")[0])[-1]
    return re.search(r"\b(?:not|never|forbidden|prohibited)\b|n't\b", question, re.IGNORECASE) is not None


def squad(text: str, accepted: Sequence[str]) -> dict[str, float]:
    """SQuAD's exact match and F1 of an answer, the best over the accepted ones (evaluate-v1.1.py)."""

    def words(answer: str) -> list[str]:
        bare = "".join(char for char in answer.lower() if char not in string.punctuation)
        return re.sub(r"\b(a|an|the)\b", " ", bare).split()

    def f1(given: list[str], wanted: list[str]) -> float:
        same = sum((Counter(given) & Counter(wanted)).values())
        return 2 * same / (len(given) + len(wanted)) if same else 0.0

    given = words(text)
    return {
        "token_f1": max(f1(given, words(answer)) for answer in accepted),
        "exact_answer": float(any(given == words(answer) for answer in accepted)),
    }


TASKS = (Own("seal_own", "your own questions on your own texts, at exact lengths and depths"),)
