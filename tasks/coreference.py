"""Which of several like requests: a long conversation of requests and replies; one reply has to be repeated word for word.

In the form of MRCR: Vodrahalli et al. 2024, "Michelangelo: Long Context Evaluations Beyond Haystacks via Latent Structure Queries"; OpenAI
2025, Hugging Face openai/mrcr, whose rule is the metric `ratio`. Requests and replies are this project's: sentences of ten kinds.
"""

import random
import re
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Le

from seal_eval.core.plugins import Task
from seal_eval.core.types import Sample, Score
from seal_eval.prompts.chat_turns import between_turns
from seal_eval.prompts.corpus import Split, words
from seal_eval.prompts.mentions import Mention
from seal_eval.prompts.packing import Packer, Pool, build_samples
from seal_eval.prompts.plain_text import plain_text
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.prompts.scoring import score_values
from seal_eval.prompts.thinking import answer_of
from seal_eval.prompts.verdict import decide

REQUEST = "Write a {kind} about the {topic}."
REPLIES = {
    "poem": "O {topic}, {x} and {y}, you sleep beside {z}.",
    "riddle": "It has {x}, it wants {y}, it fears {z}, and only the {topic} knows it.",
    "letter": "Dear {topic}, I send you {x} and {y}, please look after {z}.",
    "recipe": "For the {topic} take {x}, stir in {y}, and serve it with {z}.",
    "rule": "Whoever meets the {topic} shall carry {x}, greet {y}, and leave {z}.",
    "rumour": "They say that the {topic} stole {x}, sold {y}, and bought {z}.",
    "slogan": "Buy the {topic} today, get {x} and {y}, and win {z}.",
    "toast": "To the {topic}, to {x}, to {y}, and to {z}.",
    "report": "Last night the {topic} found {x}, lost {y}, and returned {z}.",
    "dream": "The {topic} turned into {x}, then into {y}, and woke up as {z}.",
}
HEADER = "The following is a conversation between a user and an assistant.\n\n"
ASK = "Write the code {code}, and behind it, word for word, the {ordinal} {kind} about the {topic} in our conversation. Write nothing else."
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
TOPICS = 25
CODE_LETTERS = string.ascii_letters + string.digits
BEGUN = 4  # words by which replies are looked up
TOKENS_OF_TURN = 25  # at least


@dataclass(frozen=True)
class Coreference(Task):
    """Settings: `alike`: number of requests of the kind and topic in question; `turns`: `template` writes the conversation in the turns of
    the chat template, where one is applied and has such turns, `text` always writes `User:` and `Assistant:`.
    """

    name: str
    summary: str
    alike: Annotated[int, Ge(1), Le(len(ORDINALS))] = 4
    turns: Literal["template", "text"] = "template"

    citation: ClassVar[str] = "Vodrahalli et al. 2024, Michelangelo; OpenAI 2025, MRCR"
    until: ClassVar[tuple[str, ...]] = (".", "\n\n")
    metrics: ClassVar[tuple[str, ...]] = ("ratio",)
    answer_tokens: ClassVar[int] = 160  # the question again, and the reply as an item of a list

    def build(self, prompt_format: PromptFormat, length: int, n: int, seed: int, split: Split = "eval") -> list[Sample]:
        """`n` samples whose prompt and answer budget fill `length` tokens to within 1 %, never above.

        Raises SealError when `length` cannot be filled, naming roughly the smallest length that can.
        """
        form = Form.of(prompt_format, self.turns)

        def start(tokens: int) -> Callable[[int], list[Sample]]:
            packer = Packer(prompt_format, "", prompt_format.budget(self.answer_tokens), tokens, form.user[:1] or REQUEST[0])
            if not form.to_user.endswith("\n"):
                packer.adds_up = False  # a token may span the end of a reply's mark and the next request
            rng = random.Random(f"{seed}:{self.name}:{split}:{tokens}")
            topics = rng.sample(words(split)[1], TOPICS)
            asked = [(kind, topic) for kind in REPLIES for topic in topics]
            drawn = rng.choices(asked, k=Pool.size(tokens, TOKENS_OF_TURN))
            texts = [form.turn(kind, topic, a_reply(rng, kind, topic, split)) for kind, topic in drawn]
            pool = Pool([" ".join(about) for about in drawn], texts, texts, packer.costs(texts))
            return lambda i: [self._sample(packer, form, pool, asked, i, seed, split)]

        return build_samples(start, self.name, length, n)

    def score(self, reply: str, doc: Mapping[str, Any]) -> Score:
        """Score 1 when the reply repeats the asked text of the conversation word for word, in any case, and no other.

        metrics: ratio, the rule of OpenAI's MRCR: how much of reply and right answer behind the code is the same, 0 without the code.
        """
        replies, answer = replies_in(doc["input"]), answer_of(reply, doc)
        reading, text = None, plain_text(answer or "")
        if answer is not None:
            code = re.escape(doc["keys"][0])
            text = re.sub(rf"({code})(?=\w)", r"\1 ", text)  # the code may stand close to what follows it
            places = [(match.start(), match.end(), doc["keys"][0]) for match in re.finditer(code, text)]
            reading = decide(text, repeated(text, replies), 1, places)
        found = score_values(reply, doc, reading, lambda value: True, "wrong turn")
        if found.reason == "unparsable" and text.strip():
            found = replace(found, reason="not found")  # words that are none of the conversation's replies
        return replace(found, metrics={"ratio": official_ratio(str(doc.get("prefix", "")) + (answer or ""), doc)})

    def question_at(self, doc: Mapping[str, Any]) -> int:
        """Where the last request begins; see `Task.question_at`."""
        return str(doc["input"]).rindex(ASK[: ASK.index("{")])

    def _sample(
        self, packer: Packer, form: "Form", pool: Pool, asked: Sequence[tuple[str, str]], i: int, seed: int, split: Split
    ) -> Sample:  # fmt: skip
        rng = random.Random(f"{seed}:{self.name}:{split}:{packer.length}:{i}")
        kind, topic = rng.choice(asked)
        others = [k for k, about in enumerate(pool.keys) if about == f"{kind} {topic}"]
        pieces, costs = pool.draw(rng, packer.length, but=others)
        replies: dict[str, None] = {}
        while len(replies) < self.alike:
            replies[a_reply(rng, kind, topic, split)] = None
        wanted, code = i % self.alike, "".join(rng.choices(CODE_LETTERS, k=10))
        turns = [form.turn(kind, topic, reply) for reply in replies]
        facts = list(zip(turns, sorted(rng.random() for _ in turns), strict=True))
        question = ASK.format(code=code, ordinal=ORDINALS[wanted], kind=kind, topic=topic)
        prefix = packer.prompt_format.answer_prefix(code)
        filled = packer.fill(form.head, form.user + question + form.end, prefix, pieces, costs, facts)
        target, sample_id = list(replies)[wanted], f"{self.name}-{split}-{packer.length}-{seed}-{i}"
        return Sample(
            sample_id=sample_id, task=self.name, input=filled.text, prefix=prefix, answer=f"{'' if prefix else code} {target}.",
            targets=(target,), keys=(code,), length=packer.length, n_tokens=filled.n_tokens, depth=filled.depths[wanted], cluster=sample_id,
            seed=seed, answer_tokens=packer.answer_tokens,
        )  # fmt: skip


@dataclass(frozen=True)
class Form:
    """How a conversation is written. user: before a request; to_reply, to_user: behind a request and behind its reply; end: of the text."""

    head: str
    user: str
    to_reply: str
    to_user: str
    end: str

    @staticmethod
    def of(prompt_format: PromptFormat, turns: str) -> "Form":
        """The form for a prompt format: its template's turns, or text."""
        if turns == "template" and (marks := between_turns(prompt_format)):
            return Form("", "", *marks, "")
        return Form(HEADER, "User: ", "\nAssistant: ", "\n", "\n" if prompt_format.settings.chat_template else "\nAssistant:")

    def turn(self, kind: str, topic: str, reply: str) -> str:
        """A request with its reply."""
        return f"{self.user}{REQUEST.format(kind=kind, topic=topic)}{self.to_reply}{reply}.{self.to_user}"


def a_reply(rng: random.Random, kind: str, topic: str, split: Split) -> str:
    """A random reply, without its full stop."""
    adjectives, nouns = words(split)
    things = [f"{adjective} {noun}" for adjective, noun in zip(rng.choices(adjectives, k=3), rng.choices(nouns, k=3), strict=True)]
    x, y, z = (f"a{'n' if thing[0] in 'aeiou' else ''} {thing}" for thing in things)
    return REPLIES[kind].format(topic=topic, x=x, y=y, z=z)[:-1]


REPLY = re.compile(
    "|".join(
        re.sub(r"\\\{[xyz]\\\}", "an? [a-z]+ [a-z]+", re.escape(text[:-1])).replace(r"\{topic\}", "[a-z]+") for text in REPLIES.values()
    )
)


@lru_cache(maxsize=64)
def replies_in(text: str) -> dict[tuple[str, ...], list[str]]:
    """A conversation's replies by their first words, in lower case."""
    found: dict[tuple[str, ...], list[str]] = {}
    for reply in dict.fromkeys(REPLY.findall(text)):
        found.setdefault(tuple(re.findall(r"\w+", reply.lower())[:BEGUN]), []).append(reply)
    return found


def repeated(text: str, replies: Mapping[tuple[str, ...], Sequence[str]]) -> list[Mention]:
    """Where a text repeats one of a conversation's replies, whatever stands between the words."""
    said = list(re.finditer(r"\w+", text.lower()))
    spoken = [m[0] for m in said]
    found = []
    for k in range(len(said)):
        for reply in replies.get(tuple(spoken[k : k + BEGUN]), ()):
            own = re.findall(r"\w+", reply.lower())
            if spoken[k : k + len(own)] == own:
                found.append(Mention(reply, said[k].start(), said[k + len(own) - 1].end()))
    return found


def official_ratio(said: str, doc: Mapping[str, Any]) -> float:
    """The rule of OpenAI's MRCR (Hugging Face openai/mrcr, `grade`): difflib's ratio behind the code, 0 for a text without it in front."""
    code, target, said = doc["keys"][0], doc["targets"][0], said.strip()
    return SequenceMatcher(None, said.removeprefix(code).strip(), f"{target}.").ratio() if said.startswith(code) else 0.0


TASKS = (Coreference("seal_coreference", "the reply to the first, second, … of several like requests in a long conversation"),)
