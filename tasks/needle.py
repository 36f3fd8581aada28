"""Needle in a haystack: one made-up sentence in natural prose is asked for.

Kamradt 2023, "Needle In A Haystack: pressure testing LLMs". Keys and values are drawn afresh for every sample and checked
to be absent from the prose; the needle stands at a sentence boundary and the depth it reached is measured.
"""

import random
from typing import Any

from seal_eval.errors import SealError
from seal_eval.scores import first_integer
from seal_eval.tasks.dataset import documents
from seal_eval.text import Document, Part, best_fit, count_tokens, draw_keys, part_of, prose, token_index, tokens_each
from seal_eval.types import Sample, Score

NAME = "seal_needle"
SUMMARY = "needle in a haystack: one made-up number in presidential addresses"
CITATION = "Kamradt 2023, Needle In A Haystack"
ANSWER_TOKENS = 16

HEADER = "Read the following text. A registration number is hidden in it; I will ask you for it afterwards.\n\n"
NEEDLE = "The registration number of the {key} is {value}."
QUESTION = "\n\nWhat is the registration number of the {key}? Answer with the number.\n"
PREFIX = "The registration number of the {key} is"
SPARE = 60  # sentences to choose the last ones from
CLOSE = 120  # tokens of room at which the choosing starts
DEPTHS = (0.0, 0.5, 1.0, 0.25, 0.75, 0.125, 0.625, 0.375, 0.875)  # any prefix is spread out


def build(tokenizer: Any, length: int, n: int, seed: int, part: Part = "eval") -> list[Sample]:
    """`n` samples whose prompt and answer budget fill `length` tokens to within 1 %, never above.

    Each sample has an address of its own as long as there are enough. Raises SealError when `length` cannot be filled so.
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
    prefix, question = PREFIX.format(key=key), QUESTION.format(key=key)
    frame = count_tokens(tokenizer, HEADER + needle + question + prefix) + ANSWER_TOKENS
    pool = _sentences(texts, i, rng)
    room = length - frame
    for _ in range(8):  # joined sentences may count a token more or less than alone
        sentences = _fill(tokenizer, pool, room)
        before = _boundary(sentences, DEPTHS[i % len(DEPTHS)])
        text = HEADER + " ".join([*sentences[:before], needle, *sentences[before:]]) + question
        n_tokens = count_tokens(tokenizer, text + prefix)
        over = n_tokens + ANSWER_TOKENS - length
        if -0.01 * length < over <= 0:
            break
        room -= over  # too much or, where joining saved tokens, too little
    else:
        raise SealError(f"{NAME}: length {length} cannot be filled; the smallest with this tokenizer is about {frame + 64}")
    if str(value) in " ".join(sentences) or key in " ".join(sentences):
        raise SealError(f"{NAME}: the needle {needle!r} stands in the haystack already; use another seed than {seed}")
    start = text.index(needle)
    return Sample(
        sample_id=f"{NAME}-{part}-{length}-{seed}-{i}", task=NAME, input=text, prefix=prefix, answer=f" {value}.",
        targets=(str(value),), length=length, n_tokens=n_tokens, depth=token_index(tokenizer, text, start) / n_tokens,
        document=texts[i % len(texts)].id, seed=seed,
    )  # fmt: skip


def _sentences(texts: list[Document], i: int, rng: random.Random) -> list[str]:
    """The i-th address from a random place on, then all the addresses after it."""
    first = texts[i % len(texts)].sentences
    pool = list(first[rng.randrange(max(len(first) // 2, 1)) :])
    for turn in range(1, len(texts)):
        pool += texts[(i + turn) % len(texts)].sentences
    return pool


def _fill(tokenizer: Any, pool: list[str], room: int) -> list[str]:
    """Sentences in order while there is much room, then those of the next ones whose tokens add up to the rest."""
    n = 0
    while room > CLOSE:
        batch = pool[n : n + 64]
        if not batch:
            raise SealError(f"{NAME}: the prose ends {room} tokens before the length is reached; choose a shorter length")
        for cost in tokens_each(tokenizer, [" " + s for s in batch]):
            if room - cost < CLOSE // 2:
                return pool[:n] + _rest(tokenizer, pool[n : n + SPARE], room)
            room -= cost
            n += 1
    return pool[:n] + _rest(tokenizer, pool[n : n + SPARE], room)


def _rest(tokenizer: Any, candidates: list[str], room: int) -> list[str]:
    return [candidates[i] for i in best_fit(tokens_each(tokenizer, [" " + s for s in candidates]), room)]


def _boundary(sentences: list[str], depth: float) -> int:
    """The sentence boundary nearest to a fraction of the text, by characters."""
    ends = [0]
    for sentence in sentences:
        ends.append(ends[-1] + len(sentence) + 1)
    return min(range(len(ends)), key=lambda b: abs(ends[b] - depth * ends[-1]))
