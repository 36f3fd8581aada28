"""Needle in a haystack: one made-up sentence in natural prose is asked for.

Kamradt 2023, "Needle In A Haystack: pressure testing LLMs". Keys and values are drawn afresh for every sample and checked
to be absent from the prose; the needle stands at a sentence boundary and the depth it reached is measured.
"""

import random
from typing import Any

from seal_eval.errors import SealError
from seal_eval.scores import first_integer
from seal_eval.tasks.dataset import documents
from seal_eval.text import Document, Part, count_tokens, draw_keys, part_of, prose, token_index
from seal_eval.types import Sample, Score

NAME = "seal_needle"
SUMMARY = "needle in a haystack: one made-up number in presidential addresses"
CITATION = "Kamradt 2023, Needle In A Haystack"
ANSWER_TOKENS = 16

HEADER = "Read the following text. A registration number is hidden in it; I will ask you for it afterwards.\n\n"
NEEDLE = "The registration number of the {key} is {value}."
QUESTION = "\n\nWhat is the registration number of the {key}? Answer with the number.\n"
PREFIX = "The registration number of the {key} is"
DEPTHS = (0.0, 0.5, 1.0, 0.25, 0.75, 0.125, 0.625, 0.375, 0.875)  # any prefix is spread out


def build(tokenizer: Any, length: int, n: int, seed: int, part: Part = "eval") -> list[Sample]:
    """`n` samples whose prompt and answer budget fill `length` tokens up to less than one sentence.

    Each sample has an address of its own as long as there are enough. Raises SealError when nothing fits.
    """
    texts = list(prose(part))
    random.Random(f"{seed}:{NAME}:{part}:documents").shuffle(texts)
    return [_sample(tokenizer, length, i, seed, part, texts) for i in range(n)]


def dataset(**metadata: Any) -> dict[str, Any]:
    """For lm-eval's YAML."""
    return documents(NAME, **metadata)


def score(reply: str, targets: tuple[str, ...]) -> Score:
    """1 when the first number of the reply is the needle's."""
    return first_integer(reply, targets)


def _sample(tokenizer: Any, length: int, i: int, seed: int, part: Part, texts: list[Document]) -> Sample:
    rng = random.Random(f"{seed}:{NAME}:{part}:{length}:{i}")
    (key,) = draw_keys(rng, 1, part)
    value = rng.randint(1_000_000, 9_999_999)
    while part_of(str(value)) != part:
        value = rng.randint(1_000_000, 9_999_999)
    needle = NEEDLE.format(key=key, value=value)
    frame = HEADER + QUESTION.format(key=key) + PREFIX.format(key=key) + needle
    room = length - ANSWER_TOKENS - count_tokens(tokenizer, frame)
    sentences = _haystack(tokenizer, texts, i, room, rng)
    if str(value) in " ".join(sentences) or key in " ".join(sentences):
        raise SealError(f"{NAME}: the needle {needle!r} stands in the haystack already; use another seed than {seed}")
    while sentences:
        before = _boundary(sentences, DEPTHS[i % len(DEPTHS)])
        text = HEADER + " ".join([*sentences[:before], needle, *sentences[before:]]) + QUESTION.format(key=key)
        prefix = PREFIX.format(key=key)
        n_tokens = count_tokens(tokenizer, text + prefix)
        if n_tokens + ANSWER_TOKENS <= length:
            break
        sentences = sentences[:-1]
    else:
        raise SealError(f"{NAME}: length {length} is too short; the smallest is about {length - room + 64} tokens")
    start = text.index(needle)
    return Sample(
        sample_id=f"{NAME}-{part}-{length}-{seed}-{i}", task=NAME, input=text, prefix=prefix, answer=f" {value}.",
        targets=(str(value),), length=length, n_tokens=n_tokens, depth=token_index(tokenizer, text, start) / n_tokens,
        document=texts[i % len(texts)].id, seed=seed,
    )  # fmt: skip


def _haystack(tokenizer: Any, texts: list[Document], i: int, room: int, rng: random.Random) -> list[str]:
    """Whole sentences of about `room` tokens: the i-th address from a random place on, then the addresses after it."""
    chosen: list[str] = []
    first = texts[i % len(texts)].sentences
    queue = list(first[rng.randrange(max(len(first) // 2, 1)) :])
    turn = i
    while room > 0:
        if not queue:
            turn += 1
            if turn - i >= len(texts):
                raise SealError(f"{NAME}: the prose is too short for this length")
            queue = list(texts[turn % len(texts)].sentences)
        batch, queue = queue[:64], queue[64:]
        for sentence, ids in zip(batch, tokenizer(batch, add_special_tokens=False)["input_ids"], strict=True):
            room -= len(ids)
            if room < 0:
                break
            chosen.append(sentence)
    return chosen


def _boundary(sentences: list[str], depth: float) -> int:
    """The sentence boundary nearest to a fraction of the text, by characters."""
    ends = [0]
    for sentence in sentences:
        ends.append(ends[-1] + len(sentence) + 1)
    return min(range(len(ends)), key=lambda b: abs(ends[b] - depth * ends[-1]))
