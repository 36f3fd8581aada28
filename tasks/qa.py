"""Question answering over passages: the passage that holds the answer stands among others of the same kinds.

Hsieh et al. 2024, "RULER", section 3 (question answering: one hop as in qa_1, two as in qa_2), and Liu et al. 2024, "Lost in the Middle"
(TACL), section 2: the place of the passage is dialled over a grid. RULER takes SQuAD and HotpotQA, whose facts models may know; here the
world is invented (prompts/invented.py), so that only the text can tell.
"""

import random
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Le

from seal_eval.core.errors import SealError
from seal_eval.core.plugins import Task
from seal_eval.core.types import Sample, Score
from seal_eval.prompts.corpus import Split
from seal_eval.prompts.invented import BEGIN, KINDS, MIDDLE, PERSON_END, TOWN_END, Passage, world
from seal_eval.prompts.mentions import Facts, Mention, places_of
from seal_eval.prompts.own_questions import OR
from seal_eval.prompts.packing import Packer, Pool, build_samples
from seal_eval.prompts.plain_text import plain_text
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.prompts.qa_files import FILES, FileQuestion, read_qa
from seal_eval.prompts.relations import without_other_relations
from seal_eval.prompts.scoring import score_values
from seal_eval.prompts.thinking import answer_of
from seal_eval.prompts.verdict import decide
from seal_eval.tasks.needle import paired, spaced, spread
from seal_eval.tasks.own import score_phrase

HEADER = "Below are documents about people, towns and books. I will ask you a question that they answer.\n\n"
LINE = "Document: {title}. {text}\n"
TAIL = "\nThese were the documents. {question} Answer with the name only.\n"
PREFIX = "The answer is:"
FILE_HEADER = "Below are documents. I will ask you a question that they answer.\n\n"
FILE_TAIL = "\nThese were the documents. {question} Answer in a few words.\n"
NAME = re.compile(rf"\b(?:{'|'.join(BEGIN)})(?:{'|'.join(MIDDLE)})(?:{'|'.join((*PERSON_END, *TOWN_END))})\b")
LIKE_A_NAME = re.compile(rf"[A-Z][a-z]+?(?:{'|'.join((*PERSON_END, *TOWN_END))})")  # one that the text does not hold
WORDS_LIKE_NAMES = frozenset({  # with which sentences begin
    "allow", "below", "chosen", "disregard", "follow", "hereby", "instead", "nearby", "regard", "report", "support", "thereby", "whereby",
})  # fmt: skip
PASSAGE = re.compile(r"^Document(?: \[\d+\])?: (?P<title>[^.\n]+)\. (?P<text>[^\n]+)$", re.MULTILINE)
STATES = (" was born in ", " is a novel by ", " was founded by ")  # what each kind of document states
QUESTION = 1000  # characters at the end of a prompt that hold the question
TOWN = re.compile(rf"[A-Z][a-z]+(?:{'|'.join(TOWN_END)})")
TITLES = frozenset(["mr", "mrs", "ms", "miss", "dr", "prof", "professor", "sir"])
PAIRS = 150  # pairs of passages for questions of two hops, from which a length's samples take theirs in turn


@dataclass(frozen=True)
class Passages(Task):
    """Settings: `hops`: 1 or 2 passages are needed; `depths`: number of places of the (first) passage, from the first to the last.

    `squad`, `hotpot`: the official file or its folder, whose questions on its passages are asked instead, of one hop and of two.
    """

    name: str
    summary: str
    hops: Annotated[int, Ge(1), Le(2)] = 1
    depths: Annotated[int, Ge(1), Le(1000)] = 10
    squad: str = ""
    hotpot: str = ""

    citation: ClassVar[str] = "Hsieh et al. 2024, RULER; Liu et al. 2024, Lost in the Middle"
    until: ClassVar[tuple[str, ...]] = (".", "\n\n")
    answer_tokens: ClassVar[int] = 96  # a sentence with the names in question
    file_settings: ClassVar[Mapping[str, tuple[str, ...]]] = {"squad": ("",), "hotpot": ("",)}
    files_read: ClassVar[Mapping[str, tuple[str, ...]]] = FILES

    def __post_init__(self) -> None:
        super().__post_init__()
        used, other = ("squad", "hotpot") if self.hops == 1 else ("hotpot", "squad")
        if getattr(self, other) and not getattr(self, used):  # with both, each task of a run takes its own
            raise SealError(f"{self.name}: {other} is not for questions of {self.hops} hop{'s' * (self.hops > 1)}; pass {used}=FOLDER")

    @property
    def official(self) -> tuple[str, str]:
        """(kind of the official file, where it is), ('squad', '') without one."""
        return ("squad", self.squad) if self.hops == 1 else ("hotpot", self.hotpot)

    def build(self, prompt_format: PromptFormat, length: int, n: int, seed: int, split: Split = "eval") -> list[Sample]:
        """`n` samples whose prompt and answer budget fill `length` tokens to within 1 %, never above.

        Raises SealError when `length` cannot be filled, naming roughly the smallest length that can, and as `read_qa`.
        """
        depths = spread(spaced(self.depths, "linear"))
        if self.official[1]:
            return self._of_file(prompt_format, length, n, seed, split, depths)

        def start(tokens: int) -> Callable[[int], list[Sample]]:
            packer = Packer(prompt_format, "", prompt_format.budget(self.answer_tokens), tokens, "D")
            rng = random.Random(f"{seed}:{self.name}:{split}:{tokens}")
            passages, pairs = world(rng, tokens // 55 + 200, PAIRS if self.hops > 1 else 0, split)
            texts = [LINE.format(title=p.title, text=p.text) for p in passages]
            pool = Pool([p.title for p in passages], [p.word for p in passages], texts, packer.costs(texts))
            return lambda i: [self._sample(packer, pool, passages, pairs, i, depths[paired(i, KINDS, len(depths))], seed, split)]

        return build_samples(start, self.name, length, n)

    def score(self, reply: str, doc: Mapping[str, Any]) -> Score:
        """Score 1 when the name that the reply answers is the right one. A surname alone will do. Of a file: an accepted answer."""
        if not doc["keys"]:
            return replace(score_phrase(reply, doc)[0], metrics={})
        return score_name(reply, doc)

    def _of_file(
        self, prompt_format: PromptFormat, length: int, n: int, seed: int, split: Split, depths: Sequence[float]
    ) -> list[Sample]:  # fmt: skip
        """Samples whose questions and passages are those of the official file, each question once before any comes again."""
        kind, place = self.official
        if split == "tune":
            raise SealError(f"{self.name}: the files of SQuAD and HotpotQA are for evaluation; tune without {kind}=")
        file = read_qa(kind, place, prompt_format.control_tokens)
        asked = random.Random(f"{seed}:{self.name}").sample(file.questions, len(file.questions))

        def start(tokens: int) -> Callable[[int], list[Sample]]:
            packer = Packer(prompt_format, "", prompt_format.budget(self.answer_tokens), tokens, "D")
            texts = [LINE.format(title=title, text=text) for title, text in file.passages]
            pool = Pool([title for title, _ in file.passages], texts, texts, packer.costs(texts))

            def one(i: int) -> list[Sample]:
                depth = depths[paired(i, len(asked), len(depths))]
                return [self._sample_of_file(packer, pool, asked[i % len(asked)], i, depth, seed, kind)]

            return one

        return build_samples(start, self.name, length, n)

    def _sample_of_file(self, packer: Packer, pool: Pool, asked: FileQuestion, i: int, depth: float, seed: int, kind: str) -> Sample:
        rng = random.Random(f"{seed}:{self.name}:{kind}:{packer.length}:{i}")
        others, costs = pool.draw(rng, packer.length, but=(*asked.needed, *asked.related))  # related ones may hold another right answer
        prefix = packer.prompt_format.answer_prefix(PREFIX)
        facts = [(pool.texts[k], rng.random() if j else depth) for j, k in enumerate(asked.needed)]
        tail = FILE_TAIL.format(question=asked.question)
        filled = packer.fill(FILE_HEADER, tail, prefix, others, costs, facts)
        return Sample(
            sample_id=f"{self.name}-{kind}-{packer.length}-{seed}-{i}", task=self.name, input=filled.text, prefix=prefix,
            answer=f" {asked.answers[0]}.", targets=(OR.join(asked.answers),), keys=(), length=packer.length, n_tokens=filled.n_tokens,
            depth=filled.depths[0], cluster=f"{self.name}-{kind}-{asked.ident}", seed=seed, answer_tokens=packer.answer_tokens,
        )  # fmt: skip

    def _sample(
        self, packer: Packer, pool: Pool, passages: list[Passage], pairs: list[tuple[Passage, Passage, Passage]], i: int, depth: float,
        seed: int, split: Split,
    ) -> Sample:  # fmt: skip
        prompt_format, length = packer.prompt_format, packer.length
        rng = random.Random(f"{seed}:{self.name}:{split}:{length}:{i}")
        own = i % len(passages)
        if self.hops == 1:
            asked, needed = passages[own], [pool.texts[own]]
        else:
            first, second, asked = pairs[i % len(pairs)]
            needed = [LINE.format(title=p.title, text=p.text) for p in (first, second)]
        others, costs = pool.draw(rng, length, but=[own])
        prefix = prompt_format.answer_prefix(PREFIX)
        facts = [(text, rng.random() if j else depth) for j, text in enumerate(needed)]
        filled = packer.fill(HEADER, TAIL.format(question=asked.question), prefix, others, costs, facts)
        sample_id = f"{self.name}-{split}-{length}-{seed}-{i}"
        return Sample(
            sample_id=sample_id, task=self.name, input=filled.text, prefix=prefix, answer=f" {asked.full}.", targets=(asked.word,),
            keys=(asked.title,), length=length, n_tokens=filled.n_tokens, depth=filled.depths[0], cluster=sample_id, seed=seed,
            answer_tokens=packer.answer_tokens,
        )  # fmt: skip


def score_name(reply: str, doc: Mapping[str, Any]) -> Score:
    """Score 1 when the invented name that a reply answers is the document's. A surname alone will do."""
    facts, answer = facts_of(doc["input"], tuple(doc["keys"])), answer_of(reply, doc)
    reading = None
    if answer is not None:
        text, question = plain_text(answer), doc["input"][-QUESTION:].rpartition(TAIL[: TAIL.index("{")])[2]
        names = names_in(text, facts, is_town(doc["targets"][0]), first_names(doc["input"]))
        names = without_other_relations(text, names, question)
        reading = decide(text, names, 1, titles_in(text, facts), facts.asked, [facts.owners.get(name.value, "") for name in names])
    found = score_values(reply, doc, reading, lambda name: name in facts.owners, "wrong name")
    return replace(found, metrics={})


@lru_cache(maxsize=64)
def facts_of(text: str, asked: tuple[str, ...]) -> Facts:
    """The invented names of a prompt's documents, with the title of the document that each stands in.

    The keys are the titles of documents of the kind that is asked about: people, books or towns. A question about a book's author also
    asks about the author's document.
    """
    passages = [(match["title"], match["text"]) for match in PASSAGE.finditer(text)]
    authors = [match[1] for title in asked for match in re.finditer(rf'"{re.escape(title)}" is a novel by (\w+ \w+)', text)]
    asked = (*asked, *(author for author in authors if any(title == author for title, _ in passages)))
    kinds = [kind for title, text in passages if title == asked[-1] for kind in STATES if kind in text]
    titled = [(title, text) for title, text in passages if kinds and kinds[0] in text]
    owners = dict.fromkeys(NAME.findall(text), "") | {name: title for title, text in titled for name in NAME.findall(text)}
    return Facts(owners, asked, frozenset(title for title, _ in titled))


def titles_in(text: str, facts: Facts) -> list[tuple[int, int, str]]:
    """Where a reply names titles of documents; a person's also by the surname alone."""
    return places_of(text, {(title.split()[-1] if NAME.fullmatch(title.split()[-1]) else title).lower(): title for title in facts.keys})


@lru_cache(maxsize=64)
def first_names(text: str) -> frozenset[str]:
    """The words before invented names in a prompt's documents, in lower case: first names, and a few others."""
    return frozenset(word.lower() for word in re.findall(rf"\b([A-Z][a-z]+) (?={NAME.pattern})", text))


def is_town(name: str) -> bool:
    """True for a town's name, False for a surname."""
    return TOWN.fullmatch(name) is not None


def names_in(text: str, facts: Facts, towns: bool, first: Collection[str] = ()) -> list[Mention]:
    """The towns or the surnames in a reply, in any case, without those of the question. Unknown ones do not count by themselves.

    A mention of a surname begins with the title and with the word of `first` in front of it.
    """
    known = {name.lower(): name for name in facts.owners}
    asked = " ".join(facts.asked).lower()
    found = []
    for match in re.finditer(r"[^\W\d_]+", text):
        word = match[0].lower()
        name = known.get(word) or (match[0] if LIKE_A_NAME.fullmatch(match[0]) and word not in WORDS_LIKE_NAMES else None)
        if name and word not in asked and is_town(name) == towns:
            start = match.start()
            while (before := re.search(r"([^\W\d_]+)\.? $", text[max(0, start - 40) : start])) and (
                before[1].lower() in TITLES or (before[1][0].isupper() and before[1].lower() in first)
            ):
                start -= len(before[0])
            found.append(Mention(name, start, match.end(), word in known))
    return found


TASKS = (
    Passages("seal_qa", "a question about one of many passages on invented people, towns and books"),
    Passages("seal_qa_two_hops", "a question that two of many passages answer together", hops=2),
)
