"""A user's own questions: the passage that answers a question stands among other text, at an exact length and depth.

The files are described in docs/own-documents.md. Without files, questions about invented places ask the same way. Scores besides acc are
SQuAD's: Rajpurkar et al. 2016, "SQuAD: 100,000+ Questions for Machine Comprehension of Text", section 6.1.
"""

import random
import re
import string
import sys
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Le

from seal_eval.core.errors import SealError
from seal_eval.core.names import first_of
from seal_eval.core.plugins import Task
from seal_eval.core.types import Sample, Score
from seal_eval.prompts.corpus import Split, split_of
from seal_eval.prompts.haystack import TEXT_FILES, sentences_from
from seal_eval.prompts.own_questions import OR, Question, own_sentences, own_texts, read_questions
from seal_eval.prompts.packing import PackedText, Packer, TooLittleText, TooShort, build_samples
from seal_eval.prompts.phrases import find_answers, read_answers
from seal_eval.prompts.plain_text import plain_text
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.prompts.scoring import score_values
from seal_eval.prompts.thinking import answer_of
from seal_eval.prompts.verdict import decide
from seal_eval.prompts.wordings import NEXT_TURN
from seal_eval.tasks.needle import paired, spaced, spread

EXAMPLES = Path(__file__).parent / "own" / "questions.jsonl"
HEADER = "Read the following text. I will ask you a question about it afterwards.\n\nThe text:"
MAY_NOT = re.compile(
    r"\b(?:may|must|can|could|should|shall|do|does|did|will|would)(?:not| not|n't)\b|\bcan't\b"
    r"|\b(?:is|are)(?: not|n't) (?:allowed|permitted)\b",
    re.IGNORECASE,
)
TAIL = " (End of the text.)\n\n{question} Answer in a few words.\n"
PREFIX = "The answer is:"
LAST = 8  # sentences at the end of the text that are taken word by word
TRIALS = 20  # texts, until none of their parts tell the answer together


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
    files_read: ClassVar[Mapping[str, tuple[str, ...]]] = {"texts": TEXT_FILES}
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
        if unheld := tuple(question.ident for question in asked if not _held(question)):
            _tell(self.questions, unheld)
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
        rng = random.Random(f"{seed}:{self.name}:{split}:{packer.length}:{i}")
        if pieces:
            first = rng.randrange(len(pieces))
            order = [k for k in (*range(first, len(pieces)), *range(first)) if pieces[k][0] != asked.file]
            around, around_costs = [pieces[k][1] for k in order], [costs[k] for k in order]
        else:
            _, around, around_costs = sentences_from("prose", split, packer.prompt_format, i, rng, packer.length)
        filled = self._filled(packer, asked, around, around_costs, depth, own=bool(pieces))
        return Sample(
            sample_id=f"{self.name}-{split}-{packer.length}-{seed}-{i}", task=self.name, input=filled.text,
            prefix=packer.prompt_format.answer_prefix(PREFIX), answer=f" {asked.answers[0]}.", targets=(OR.join(asked.answers),), keys=(),
            length=packer.length, n_tokens=filled.n_tokens, depth=filled.depths[0], cluster=f"{self.name}-{asked.document}", seed=seed,
            answer_tokens=packer.answer_tokens,
        )  # fmt: skip

    def _filled(self, packer: Packer, asked: Question, around: list[str], costs: Sequence[int], depth: float, own: bool) -> PackedText:
        """The passage at its depth among the sentences around it that neither tell the answer nor repeat the passage.

        own: the sentences are those of the user's texts, the last of which may be cut into words. What was apart may tell the answer once
        it stands together: then it is left out, too.
        """
        tail, prefix = TAIL.format(question=asked.question), packer.prompt_format.answer_prefix(PREFIX)
        telling = asked.telling(around)
        kept = [k for k, sentence in enumerate(around) if k not in telling and not (own and sentence in asked.passage)]
        pieces, piece_costs = [around[k] for k in kept], [costs[k] for k in kept]
        if own:
            pieces, piece_costs = cut_last(packer, HEADER + asked.passage + TAIL + asked.question, pieces, piece_costs)
        left_out = f"; {len(telling)} of {len(around)} sentences tell the answer and are left out" if telling else ""
        for _ in range(TRIALS):
            try:
                if not pieces:
                    packer.check_room(packer.prompt_format.count(HEADER + asked.passage + tail, prefix) + packer.answer_tokens)
                    raise TooLittleText("no text is left around the passage; add text")
                filled = packer.fill(HEADER, tail, prefix, pieces, piece_costs, [(asked.passage, depth)])
            except TooShort as error:
                raise TooShort(f"question {asked.ident}: {error}", error.least) from error
            except TooLittleText as error:
                raise SealError(f"{self.name}: question {asked.ident}: {error}{left_out}") from error
            if not (together := asked.telling(filled.pieces)):
                return filled
            told = {filled.pieces[k] for k in together}
            kept = [k for k, piece in enumerate(pieces) if piece not in told]
            pieces, piece_costs = [pieces[k] for k in kept], [piece_costs[k] for k in kept]
        raise SealError(f"{self.name}: question {asked.ident}: its answer comes about wherever sentences of the text meet; give more text")


def _held(asked: Question) -> bool:
    """True when the passage holds an accepted answer, or when that is yes or no, which is always inferred."""
    inferred = any(answer.lower() in ("yes", "no") for answer in asked.answers)
    return inferred or bool(asked.gives_away().search(asked.passage) or find_answers(plain_text(asked.passage), asked.answers, "held"))


@lru_cache(maxsize=8)  # once per run, not once per size
def _tell(questions: str, unheld: tuple[str, ...]) -> None:
    """Say on stderr which questions have an answer that their passage does not hold: the passage or the answer may be misspelt."""
    print(
        f"{questions}: the passage of {first_of(unheld, 5)} holds no accepted answer word for word; right replies must infer it",
        file=sys.stderr,
    )


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
        reading = decide(*read_answers(text, doc["targets"][0].split(OR), doc["targets"][0]), 1)
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
