"""Walks in a graph: which nodes lead to a node, or are reached from it in so many steps, in a long shuffled list of edges.

In the form of GraphWalks (OpenAI 2025, "Introducing GPT-4.1 in the API"; Hugging Face openai/graphwalks): parents of a node, and nodes at a
given depth of a breadth-first search, scored by the exact set and by F1. Nodes are made-up words here, the wording is this project's.
"""

import random
import re
import string
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Le

from seal_eval.core.plugins import Task
from seal_eval.core.types import Sample, Score
from seal_eval.prompts.corpus import Split
from seal_eval.prompts.packing import Packer, Pool, TooShort, build_samples
from seal_eval.prompts.plain_text import plain_text
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.prompts.scoring import score_values
from seal_eval.prompts.thinking import answer_of
from seal_eval.prompts.verdict import Reading
from seal_eval.prompts.word_list import read_words
from seal_eval.prompts.wordings import STRONG
from seal_eval.tasks.frequent_words import coded_words

HEADER = "Below is a directed graph as a list of edges, one on each line: 'a -> b' is an edge from node a to node b.\n\n"
EDGE = "{a} -> {b}\n"
QUESTIONS = {
    "parents": "Which nodes have an edge to {node}?",
    "reach": "Which nodes are exactly {steps} edges away from {node}, along the direction of the edges?",
}
TAIL = "\nThat was the graph. {question} Answer with the names of the nodes only.\n"
PREFIX = "The nodes are:"
EDGES = re.compile(r"^([a-z]{6}) -> ([a-z]{6})$", re.MULTILINE)
ARROW = re.compile(r"[-=]{1,4}>|<[-=]{1,4}")
# what names the way to a node instead of one: (via a), from a
BY = r"\b(?:via|through|from|by way of)\b"
WAY = re.compile(rf"\((?:\w+ ){{0,2}}{BY}[^()\n]*\)|{BY} (?:nodes? )?[\"']?(\w+)\b[\"']?|\b(\w+)'s\b", re.IGNORECASE)
EXPLAINED = re.compile(r"\b(\w{1,20})[\"' ]{0,3}\(([^()\n]*)\)")  # a (b -> a), a (b)
PARTS = re.compile(rf"(?<=[.;\n])|,(?=\s*\w{{1,20}}\s*(?:{ARROW.pattern}))")
ARROWS = str.maketrans(dict.fromkeys("\u2794\u279c\u279d\u279e\u27a1\u27f9\u21a6", "->") | dict.fromkeys("\u2190\u27f5\u21d0", "<-"))
TOKENS_OF_EDGE = 8  # at least


@dataclass(frozen=True)
class Graph(Task):
    """Settings: `operation`: parents, reach, or both in turn; `parents`: edges that lead to the node in question; `steps` and `branches`:
    how far, and over how many edges from each node, for reach.
    """

    name: str
    summary: str
    operation: Literal["both", "parents", "reach"] = "both"
    parents: Annotated[int, Ge(1), Le(50)] = 3
    steps: Annotated[int, Ge(1), Le(5)] = 2
    branches: Annotated[int, Ge(1), Le(5)] = 2

    citation: ClassVar[str] = "OpenAI 2025, GraphWalks"
    until: ClassVar[tuple[str, ...]] = (".", "\n\n")
    metrics: ClassVar[tuple[str, ...]] = ("f1",)

    @property
    def answer_tokens(self) -> int:
        """Room for the nodes as a list, and for an opening such as 'Sure! The answer is:'."""
        return 48 + 12 * max(self.parents, self.branches**self.steps)

    def build(self, prompt_format: PromptFormat, length: int, n: int, seed: int, split: Split = "eval") -> list[Sample]:
        """`n` samples whose prompt and answer budget fill `length` tokens to within 1 %, never above.

        Raises SealError when `length` cannot be filled, naming roughly the smallest length that can.
        """

        def start(tokens: int) -> Callable[[int], list[Sample]]:
            packer = Packer(prompt_format, "", prompt_format.budget(self.answer_tokens), tokens, string.ascii_lowercase)
            edges = random_edges(packer, f"{seed}:{self.name}:{split}:{tokens}", split, 2 * max(self.parents, self._reached))
            return lambda i: [self._sample(packer, edges, i, seed, split)]

        return build_samples(start, self.name, length, n)

    def score(self, reply: str, doc: Mapping[str, Any]) -> Score:
        """Score 1 when the nodes of the reply's list are the targets, in any order. metrics: f1 of the two sets."""
        nodes, answer, targets = nodes_of(doc["input"]), answer_of(reply, doc), set(doc["targets"])
        reach = not any(QUESTIONS["parents"].format(node=key) in doc["input"] for key in doc["keys"])
        reading = None if answer is None else read_nodes(plain_text(answer), nodes, len(targets), doc["keys"], reach)
        found = score_values(reply, doc, reading, lambda node: node in nodes, "wrong node")
        named = set(reading.values) if reading else set()
        f1 = 2 * len(targets & named) / (len(targets) + len(named))
        return replace(found, metrics={"f1": f1})

    @property
    def _reached(self) -> int:
        """The nodes of a question about reach, besides the one where it begins."""
        return sum(self.branches**k for k in range(1, self.steps + 1))

    def _sample(self, packer: Packer, edges: Pool, i: int, seed: int, split: Split) -> Sample:
        prompt_format, length = packer.prompt_format, packer.length
        rng = random.Random(f"{seed}:{self.name}:{split}:{length}:{i}")
        parents = self.operation == "parents" or (self.operation == "both" and i % 2 == 0)
        nodes = sorted({*edges.keys})
        packer.check_room(packer.answer_tokens)
        if (n_own := self.parents if parents else self._reached) >= len(nodes):
            raise TooShort(f"{self.name}: {n_own} nodes are needed, {len(nodes)} have edges at length {length}")
        own = rng.sample(nodes, 1 + n_own)
        node = own[0]
        begins, ends = set(), set()  # no other edge may begin or end there, or there would be more targets
        if parents:
            needed, targets, ends = [(a, node) for a in own[1:]], own[1:], {node}
        else:
            needed = [(own[(k - 1) // self.branches], own[k]) for k in range(1, len(own))]  # a tree, level by level
            targets = own[-(self.branches**self.steps) :]
            begins = {*own} - {*targets}
        wrong = [k for k, (a, b) in enumerate(zip(edges.keys, edges.values, strict=True)) if a in begins or b in ends]
        pieces, costs = edges.draw(rng, length, but=wrong)
        facts = [(EDGE.format(a=a, b=b), rng.random()) for a, b in needed]
        question = QUESTIONS["parents" if parents else "reach"].format(node=node, steps=self.steps)
        prefix = prompt_format.answer_prefix(PREFIX)
        filled = packer.fill(HEADER, TAIL.format(question=question), prefix, pieces, costs, facts)
        sample_id = f"{self.name}-{split}-{length}-{seed}-{i}"
        return Sample(
            sample_id=sample_id, task=self.name, input=filled.text, prefix=prefix, answer=" " + ", ".join(targets) + ".",
            targets=tuple(targets), keys=(node,), length=length, n_tokens=filled.n_tokens, depth=min(filled.depths), cluster=sample_id,
            seed=seed, answer_tokens=packer.answer_tokens,
        )  # fmt: skip


def random_edges(packer: Packer, seed: str, split: Split, least: int) -> Pool:
    """Different edges between random nodes, of at least `least`, about two from each in a prompt. keys and values: their ends."""
    rng = random.Random(seed)
    n = Pool.size(packer.length, TOKENS_OF_EDGE)
    nodes = coded_words(rng, max(300 + packer.length // 20, least), split)
    drawn = dict.fromkeys((a, b) for a, b in zip(rng.choices(nodes, k=n), rng.choices(nodes, k=n), strict=True) if a != b)
    texts = [EDGE.format(a=a, b=b) for a, b in drawn]
    return Pool([a for a, _ in drawn], [b for _, b in drawn], texts, packer.costs(texts))


def read_nodes(text: str, nodes: Collection[str], n: int, asked: Collection[str], reach: bool) -> Reading:
    """The nodes that a reply's plain text answers. reach: those are reached from the node in question, else they lead to it.

    Edges that do not touch this node are work: if the reply has no list besides, the nodes at their far ends are the answer.
    """
    text = text.translate(ARROWS)
    if reach:
        text = WAY.sub(lambda m: m[0] if (m[1] or m[2] or "").lower() not in {*nodes, ""} else " ", text)
    others = frozenset(nodes) - frozenset(asked)

    def explained(m: re.Match[str]) -> str:
        within = [word for word in re.findall(r"\w+", m[2].lower()) if word in others]
        return f"{m[1]} " if m[1].lower() in others and (ARROW.search(m[2]) or (reach and len(within) == 1)) else m[0]

    text = EXPLAINED.sub(explained, text)
    ends = other_ends(text, asked)
    if ARROW.search(ends):
        rest = "".join(" \n" if ARROW.search(part) else part for part in PARTS.split(text))
        reading = read_words(other_ends(rest, asked), nodes, n, asked, made_up=True)
        if len(reading.values) >= (1 if STRONG.search(text) else max(1, n // 2)):
            return reading
        ends = far_ends(ends)
    return read_words(ends, nodes, n, asked, made_up=True)


def other_ends(text: str, asked: Collection[str]) -> str:
    """The reply with the other node alone for each edge of the node in question: 'a' for 'a -> asked', 'a to asked', 'asked -> a'."""
    for key in asked:
        quoted, arrow = rf"[\"' ]*{key}\b[\"' ]*", f"(?:{ARROW.pattern})"
        text = re.sub(rf"(?i)(?<=[\w)}}\]])[\"' ]*{arrow}{quoted}|\b{key}[\"' ]*{arrow}(?=\W*\w)", " ", text)
        text = re.sub(rf'(?i)"[^"\n]{{1,40}}"\s*:\s*"{key}"', " ", text)  # a field that names the question's node
        text = re.sub(rf"(?i)(?: (?:points?|leads?|goes|links?|connects?))? (?:in)?to (?:the )?(?:node )?[\"']?{key}\b", " ", text)
    return text


def far_ends(text: str) -> str:
    """The reply with the far ends alone of its chains of edges: 'c, d' for 'a -> b -> c, d'. Where an edge begins, none ends."""
    parts, begins = [], set()
    for part in PARTS.split(text):
        nodes = ARROW.split(part)
        far = nodes.pop(0 if "<" in part else -1)
        nodes[:1] = [re.split("[|:]", node)[-1] for node in nodes[:1]]  # without the cell or label in front of a chain
        begins.update(re.findall(r"\w+", " ".join(nodes).lower()))
        parts.append(far)
    return re.sub(r"\w+", lambda m: "" if m[0].lower() in begins else m[0], "".join(parts))


@lru_cache(maxsize=64)
def nodes_of(text: str) -> frozenset[str]:
    """The nodes of a prompt's graph."""
    return frozenset(node for edge in EDGES.findall(text) for node in edge)


TASKS = (Graph("seal_graph", "parents of a node, or nodes so many edges away, in a long list of edges"),)
