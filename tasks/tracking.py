"""Variable tracking: name all variables that hold a value, through chains of assignments scattered over a text.

Hsieh et al. 2024, "RULER: What's the Real Context Size of Your Long-Context Language Models?", section 3 (multi-hop tracing). Chains and
hops are RULER's, the wording is this project's.
"""

import random
import re
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Le

from seal_eval.core.plugins import Task
from seal_eval.core.types import Sample, Score
from seal_eval.prompts.corpus import Split, numbers, split_of
from seal_eval.prompts.haystack import HAYSTACK_FILES, HAYSTACK_READ, refuse_needles, sentences_from
from seal_eval.prompts.mentions import Facts
from seal_eval.prompts.packing import Packer, build_samples
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.prompts.scoring import read_values, score_values
from seal_eval.tasks.needle import spaced, spread

HEADER = (
    "Chains of variable assignments are hidden in the following text. Track them: a variable that is assigned another variable holds "
    "the same value. For example, after VAR AAAAA = 12345 and VAR BBBBB = VAR AAAAA, the variables with the value 12345 are: "
    "AAAAA, BBBBB.\n\nThe text:"
)
TAIL = " (End of the text.)\n\nFind all variables that hold the value {value}. Answer with their names only.\n"
PREFIX = "The {n} variables with the value {value} are:"


@dataclass(frozen=True)
class VariableTracking(Task):
    """Settings: `chains` of assignments, the question is about the first; `hops` from variable to variable in each chain;
    `haystack` as in seal_needle, but not needles.
    """

    name: str
    summary: str
    chains: Annotated[int, Ge(1), Le(100)] = 1
    hops: Annotated[int, Ge(1), Le(30)] = 4
    haystack: str = "noise"

    citation: ClassVar[str] = "Hsieh et al. 2024, RULER"
    until: ClassVar[tuple[str, ...]] = (".", "\n\n")
    metrics: ClassVar[tuple[str, ...]] = ("recall", "recall_ruler")
    file_settings: ClassVar[Mapping[str, tuple[str, ...]]] = HAYSTACK_FILES
    files_read: ClassVar[Mapping[str, tuple[str, ...]]] = HAYSTACK_READ

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_needles(self.name, self.haystack)

    @property
    def answer_tokens(self) -> int:
        """Room for the names, of five capitals each, as a list or table, and for an opening such as 'Sure! The answer is:'."""
        return 48 + 20 * (self.hops + 1)

    def build(self, prompt_format: PromptFormat, length: int, n: int, seed: int, split: Split = "eval") -> list[Sample]:
        """`n` samples whose prompt and answer budget fill `length` tokens to within 1 %, never above.

        Raises SealError when `length` cannot be filled, naming roughly the smallest length that can, and for a haystack that is too small.
        """
        starts = spread(spaced(5, "linear"))  # places of the first chain's beginning; halved below, so in the first half of the text

        def start(tokens: int) -> Callable[[int], list[Sample]]:
            packer = Packer(prompt_format, " ", prompt_format.budget(self.answer_tokens), tokens)
            return lambda i: [self._sample(packer, i, starts[i % 5] / 2, seed, split)]

        return build_samples(start, self.name, length, n)

    def score(self, reply: str, doc: Mapping[str, Any]) -> Score:
        """Score 1 when the names that the reply answers are the targets, in any order."""
        facts = replace(facts_of(doc["input"]), asked=tuple(doc["keys"]))
        reading = read_values(reply, doc, "variable", facts)
        return score_values(reply, doc, reading, lambda name: name in facts.owners, "wrong variable")

    def _sample(self, packer: Packer, i: int, first: float, seed: int, split: Split) -> Sample:
        rng = random.Random(f"{seed}:{self.name}:{split}:{packer.length}:{i}")
        names: dict[str, None] = {}
        while len(names) < self.chains * (self.hops + 1):
            name = "".join(rng.choices(string.ascii_uppercase, k=5))
            if split_of(name) == split and name not in HEADER:
                names[name] = None
        variables, values = list(names), rng.sample(numbers(10000, 99999, split), self.chains)
        while any(str(value) in HEADER for value in values):  # of the example in the header, which holds it, too
            values = rng.sample(numbers(10000, 99999, split), self.chains)
        facts = []
        for c in range(self.chains):
            chain = variables[c * (self.hops + 1) : (c + 1) * (self.hops + 1)]
            begin = rng.random() / 2 if c else first
            depths = [begin, *sorted(rng.uniform(begin, 1) for _ in chain[1:])]
            assignments = [f"VAR {chain[0]} = {values[c]}.", *(f"VAR {b} = VAR {a}." for a, b in pairwise(chain))]
            facts += list(zip(assignments, depths, strict=True))
        targets = variables[: self.hops + 1]
        cluster, pieces, costs = sentences_from(self.haystack, split, packer.prompt_format, i, rng, packer.length)
        prefix = packer.prompt_format.answer_prefix(PREFIX.format(n=len(targets), value=values[0]))
        filled = packer.fill(HEADER, TAIL.format(value=values[0]), prefix, pieces, costs, facts)
        sample_id = f"{self.name}-{split}-{packer.length}-{seed}-{i}"
        return Sample(
            sample_id=sample_id, task=self.name, input=filled.text, prefix=prefix, answer=" " + ", ".join(targets) + ".",
            targets=tuple(targets), keys=(str(values[0]),), length=packer.length, n_tokens=filled.n_tokens, depth=filled.depths[0],
            cluster=cluster or sample_id, seed=seed, answer_tokens=packer.answer_tokens,
        )  # fmt: skip


@lru_cache(maxsize=64)
def facts_of(text: str) -> Facts:
    """The variables of a text, each with the value that it holds at the end of its chain ('' when the text does not give it)."""
    assigned = dict(re.findall(r"VAR ([A-Z]{5}) = (?:VAR )?([A-Z]{5}|\d{1,15})", text))
    owners = dict[str, str]()
    for name in re.findall(r"VAR ([A-Z]{5}) ", text):
        way = dict.fromkeys([name])
        while (last := next(reversed(way))) in assigned and last not in owners and assigned[last] not in way:
            way[assigned[last]] = None
        value = owners.get(last, last if last.isdecimal() else "")
        owners |= {link: value for link in way if not link.isdecimal()}
    return Facts(owners, keys=frozenset(owners.values()) - {""})


TASKS = (VariableTracking("seal_variable_tracking", "all variables that hold a value, through four hops of assignments"),)
