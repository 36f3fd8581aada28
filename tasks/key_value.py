"""Key-value retrieval: the value of one key of a JSON object whose keys and values are random UUIDs.

Liu et al. 2024, "Lost in the Middle: How Language Models Use Long Contexts" (TACL), section 4. Nothing but the key tells a pair from
another, so this is retrieval without meaning. The place of the pair is dialled over a grid of depths; the wording is this project's.
"""

import random
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Le

from seal_eval.core.types import Score
from seal_eval.prompts.corpus import Split, split_of
from seal_eval.prompts.mentions import Facts
from seal_eval.prompts.packing import Packer, Pool
from seal_eval.prompts.scoring import read_values, score_values
from seal_eval.tasks.lines import Phrasing, Records
from seal_eval.tasks.needle import spaced, spread

PAIR = '"{key}": "{value}",\n'
HEADER = "Below is a JSON object. Its keys and its values are random identifiers. I will ask you for the value of one key.\n\n{\n"
TAIL = '"end": "{pad}"\n}}\n\nThat was the JSON object. What is the value of the key "{key}"? Answer with the value only.\n'
FORM = Phrasing(HEADER, PAIR, TAIL, '"{key}": "', '"')
PAIRS = re.compile(r'"([0-9a-f-]{36})": "([0-9a-f-]{36})"')


@dataclass(frozen=True)
class KeyValue(Records):
    """Settings: `questions_per_record`: with more than 1, that many samples ask about one object, which is their cluster;
    `depths`: number of places of the pair in question, from the first to the last.
    """

    depths: Annotated[int, Ge(1), Le(1000)] = 11

    citation: ClassVar[str] = "Liu et al. 2024, Lost in the Middle"
    until: ClassVar[tuple[str, ...]] = ('"',)
    first: ClassVar[str] = '"'
    answer_tokens: ClassVar[int] = 176  # the value, the key where it is repeated, and an opening

    def score(self, reply: str, doc: Mapping[str, Any]) -> Score:
        """Score 1 when the identifier that the reply answers is the key's value."""
        facts = pairs_of(doc["input"], tuple(doc["keys"]))
        found = score_values(reply, doc, read_values(reply, doc, "uuid", facts), lambda value: value in facts.owners, "wrong value")
        return replace(found, metrics={})

    def phrasing_of(self, r: int) -> Phrasing:
        """The phrasing of object r."""
        return FORM

    def pool(self, packer: Packer, phrasing: Phrasing, seed: str, split: Split) -> Pool:
        """Pairs with unique keys and values, drawn with the random seed `seed`."""
        rng = random.Random(seed)
        n = Pool.size(packer.length, packer.costs([PAIR.format(key=uuid.UUID(int=7), value=uuid.UUID(int=8))])[0])
        drawn: dict[str, None] = {}
        while len(drawn) < 2 * n:
            one = str(uuid.UUID(int=rng.getrandbits(128), version=4))
            if split_of(one) == split:
                drawn[one] = None
        keys, values = list(drawn)[:n], list(drawn)[n:]
        texts = [PAIR.format(key=k, value=v) for k, v in zip(keys, values, strict=True)]
        return Pool(keys, values, texts, packer.costs(texts))

    def pads(self, length: int) -> Sequence[str]:
        """Dots as the value of the last key: identifiers have nearly the same number of tokens, so pairs alone fill few short lengths."""
        return [" ." * n for n in range(0, 150, max(1, length // 150))]

    def depth(self, i: int, rng: random.Random) -> float:
        """Where the pair of question i is to stand in its object, 0..1."""
        return spread(spaced(self.depths, "linear"))[i % self.depths]


@lru_cache(maxsize=64)
def pairs_of(text: str, asked: tuple[str, ...]) -> Facts:
    """The pairs of a prompt's object."""
    owners = {value: key for key, value in PAIRS.findall(text)}
    return Facts(owners, asked, frozenset(owners.values()))


TASKS = (KeyValue("seal_key_value", "key-value retrieval: the value of one key of a long JSON object of random identifiers"),)
