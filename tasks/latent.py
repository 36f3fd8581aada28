"""Latent association: the needle shares no word with the question, so it is found only by what the model knows.

Modarressi et al. 2025, "NoLiMa: Long-Context Evaluation Beyond Literal Matching" (ICML 2025). The idea is theirs, the associations, the
wording and the other needles in the text are this project's: associations/associations.jsonl has places in cities and countries, tools of
professions, gear of pastimes, authors of literatures, and dishes. NoLiMa reports the length up to which 85 % of the accuracy at the
shortest length is kept; `seal-eval compare` shows the accuracy at each length.
"""

import json
import random
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple, get_args

from annotated_types import Ge, Le

from seal_eval.core.plugins import Task
from seal_eval.core.types import Sample, Score
from seal_eval.prompts.corpus import Split, split_of
from seal_eval.prompts.haystack import HAYSTACK_FILES, HAYSTACK_READ, refuse_needles, sentences_from
from seal_eval.prompts.invented import FIRST
from seal_eval.prompts.mentions import Facts, Mention, places_of
from seal_eval.prompts.packing import Packer, build_samples
from seal_eval.prompts.plain_text import plain_text
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.prompts.scoring import score_values
from seal_eval.prompts.thinking import answer_of
from seal_eval.prompts.verdict import decide
from seal_eval.tasks.needle import paired, spaced, spread

# kind of association → (needle, question); {thing} is what the needle names, {known} what it is known for
FORMS = {
    "landmark": ("{name} lives right next to {thing}.", "Which person has been to {known}?"),
    "tool": ("{name} keeps a {thing} in the car.", "Which person is a {known} by profession?"),
    "gear": ("{name} asked for {thing} as a birthday present.", "Which person is into {known}?"),
    "author": ("{name} reads {thing} every evening.", "Which person knows the {known} literature well?"),
    "food": ("{name} ordered {thing} at noon.", "Which person is fond of {known}?"),
}
HEADER = "The following text mentions some people in passing. Remember them: I will ask you about one of them afterwards.\n\nThe text:"
TAIL = " (End of the text.)\n\n{question} Answer with the name only.\n"
PREFIX = "The person is"


class Association(NamedTuple):
    """What a needle names, and what that is known for: in one step, and for places in two (city, country).

    also: what else it could be taken for, so that no question about that has two answers.
    """

    kind: str
    thing: str
    one: str
    two: str
    also: tuple[str, ...]

    def known(self, hops: int) -> str:
        """What the question asks for."""
        return self.one if hops == 1 else self.two


@dataclass(frozen=True)
class Latent(Task):
    """Settings: `hops`: 1, or 2 (places and their countries only); `people`: needles of the same kind in the text; `depths`: number of
    places of the needle in question; `haystack` as in seal_needle, but not needles.
    """

    name: str
    summary: str
    hops: Annotated[int, Ge(1), Le(2)] = 1
    people: Annotated[int, Ge(1), Le(8)] = 4
    depths: Annotated[int, Ge(1), Le(1000)] = 11
    haystack: str = "prose"

    citation: ClassVar[str] = "Modarressi et al. 2025, NoLiMa"
    until: ClassVar[tuple[str, ...]] = (".", "\n\n")
    file_settings: ClassVar[Mapping[str, tuple[str, ...]]] = HAYSTACK_FILES
    files_read: ClassVar[Mapping[str, tuple[str, ...]]] = HAYSTACK_READ
    answer_tokens: ClassVar[int] = 80  # a sentence that says why

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_needles(self.name, self.haystack)

    def build(self, prompt_format: PromptFormat, length: int, n: int, seed: int, split: Split = "eval") -> list[Sample]:
        """`n` samples whose prompt and answer budget fill `length` tokens to within 1 %, never above.

        Raises SealError when `length` cannot be filled, naming roughly the smallest length that can, and for a haystack that is too small.
        """
        depths, usable = spread(spaced(self.depths, "linear")), self._usable(split)
        order = random.Random(f"{seed}:{self.name}:{split}").sample(usable, len(usable))

        def start(tokens: int) -> Callable[[int], list[Sample]]:
            packer = Packer(prompt_format, " ", prompt_format.budget(self.answer_tokens), tokens)
            return lambda i: [self._sample(packer, order[i % len(order)], i, depths[paired(i, len(order), len(depths))], seed, split)]

        return build_samples(start, self.name, length, n)

    def _usable(self, split: Split) -> list[Association]:
        return [a for a in associations(split) if self.hops == 1 or a.two]

    def score(self, reply: str, doc: Mapping[str, Any]) -> Score:
        """Score 1 when the person that the reply answers is the right one."""
        facts, answer = facts_of(doc["input"]), answer_of(reply, doc)
        reading = None
        if answer is not None:
            text, asked = plain_text(answer), tuple(doc["keys"])
            people = people_in(text, facts)
            keys = things_in(text, facts, asked, question_of(doc["input"]))
            reading = decide(text, people, 1, keys, asked, [facts.owners.get(m.value, "") for m in people])
        found = score_values(reply, doc, reading, lambda name: name in facts.owners, "wrong person")
        return replace(found, metrics={})

    def _sample(self, packer: Packer, asked: Association, i: int, depth: float, seed: int, split: Split) -> Sample:
        rng = random.Random(f"{seed}:{self.name}:{split}:{packer.length}:{i}")
        usable = self._usable(split)
        known = re.compile(rf"\b{re.escape(asked.known(self.hops))}\b", re.IGNORECASE)
        others: list[Association] = []
        for other in rng.sample(usable, len(usable)):
            differs = other.kind == asked.kind and not {other.one, other.two} & {asked.one, asked.two} - {""}
            fits = known.search(other.thing) or asked.known(self.hops) in other.also
            if len(others) < self.people - 1 and differs and not fits:
                others.append(other)
        cluster, pieces, costs = sentences_from(self.haystack, split, packer.prompt_format, i, rng, packer.length)
        names = rng.sample([name for name in FIRST if split_of(name) == split], 1 + len(others))
        needle, question = FORMS[asked.kind]
        texts = [needle.format(name=name, thing=a.thing) for name, a in zip(names, (asked, *others), strict=True)]
        facts = [(text, rng.random() if j else depth) for j, text in enumerate(texts)]
        mentioned = re.compile(rf"\b(?:(?:{'|'.join(names)})\b|{re.escape(asked.known(self.hops))})")  # India, also in Indian
        kept = [k for k, piece in enumerate(pieces) if not mentioned.search(piece)]
        prefix = packer.prompt_format.answer_prefix(PREFIX)
        tail = TAIL.format(question=question.format(known=asked.known(self.hops)))
        filled = packer.fill(HEADER, tail, prefix, [pieces[k] for k in kept], [costs[k] for k in kept], facts)
        sample_id = f"{self.name}-{split}-{packer.length}-{seed}-{i}"
        return Sample(
            sample_id=sample_id, task=self.name, input=filled.text, prefix=prefix, answer=f" {names[0]}.", targets=(names[0],),
            keys=(asked.thing,), length=packer.length, n_tokens=filled.n_tokens, depth=filled.depths[0], cluster=cluster or sample_id,
            seed=seed, answer_tokens=packer.answer_tokens,
        )  # fmt: skip


@cache
def associations(split: Split) -> tuple[Association, ...]:
    """The associations that belong to `split`, in an order that mixes their kinds."""
    file = Path(__file__).parent / "associations" / "associations.jsonl"
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    found = [Association(row["kind"], row["needle"], row["one"], row.get("two", ""), tuple(row.get("also", ()))) for row in rows]
    return tuple(random.Random(0).sample([a for a in found if split_of(a.thing) == split], sum(split_of(a.thing) == split for a in found)))


@lru_cache(maxsize=64)
def facts_of(text: str) -> Facts:
    """The people of a prompt's needles, each with the thing that its needle names."""
    forms = [
        re.escape(needle).replace(r"\{name\}", "(?P<name>[A-Z][a-z]+)").replace(r"\{thing\}", "(?P<thing>[^.\n]+)")
        for needle, _ in FORMS.values()
    ]
    found = {match["name"]: match["thing"] for form in forms for match in re.finditer(rf"\b{form}", text) if match["name"] in FIRST}
    return Facts(found, keys=frozenset(found.values()))


def question_of(text: str) -> str:
    """What a prompt's question asks for: 'Hamburg'."""
    asked = text.rpartition(TAIL[: TAIL.index("{")])[2]
    forms = (re.escape(question).replace(r"\{known\}", "(.+)") for _, question in FORMS.values())
    return next((match[1] for form in forms if (match := re.match(form, asked))), "")


@cache
def known_for() -> dict[str, tuple[str, ...]]:
    """What each thing is known for."""
    return {a.thing: tuple(filter(None, (a.one, a.two))) for split in get_args(Split) for a in associations(split)}


def things_in(text: str, facts: Facts, asked: Collection[str], question: str) -> list[tuple[int, int, str]]:
    """Where a reply names the needles' things or what they are known for. What the question asks for stands for the thing in question."""
    words = {}
    for thing in facts.keys:
        for word in (thing, *known_for().get(thing, ())):
            words[re.sub(r"^(?:the|an?|his|her|some) ", "", word).lower()] = thing
    words |= {question.lower(): thing for thing in asked if question}
    return places_of(text, words)


def people_in(text: str, facts: Facts) -> list[Mention]:
    """The people that a reply mentions, in any case; other first names count only when no person of the text is named."""
    known = {name.lower(): name for name in FIRST}
    found = [(match, known[match[0].lower()]) for match in re.finditer(r"[^\W\d_]+", text) if match[0].lower() in known]
    return [Mention(name, match.start(), match.end(), name in facts.owners) for match, name in found]


TASKS = (Latent("seal_latent", "a person whom only an association links with the question, among others"),)
