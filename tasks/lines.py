"""Line retrieval: one line of a long record is asked for.

Li et al. 2023, "How Long Can Open-Source LLMs Truly Promise on Context Length?" (LongEval, LMSYS); the form of lines and
question is theirs, the wording of the header is ours. Values are unique in a record, so a wrong line cannot score.
"""

import random
from typing import Any

from seal_eval.errors import SealError
from seal_eval.scores import first_integer
from seal_eval.tasks.dataset import documents
from seal_eval.text import Part, count_tokens, draw_keys, numbers, token_index
from seal_eval.types import Sample, Score

NAME = "seal_lines"
SUMMARY = "line retrieval: the number on one named line of a long record"
CITATION = "Li et al. 2023, LongEval (LMSYS)"
ANSWER_TOKENS = 16

HEADER = (
    "Below is a record of lines to remember. Every line starts with 'line <line index>' and ends with a "
    "'<REGISTER_CONTENT>', which is a number. Memorize the <REGISTER_CONTENT> of each line index: at the end of the "
    "record I will ask you for one of them. The record begins here.\n\n"
)
LINE = "line {key}: REGISTER_CONTENT is <{value}>\n"
QUESTION = "\nNow the record is over. Tell me what is the <REGISTER_CONTENT> in line {key}? I need the number.\n"
PREFIX = "The <REGISTER_CONTENT> in line {key} is <"
FIFTHS = (0, 3, 1, 4, 2)  # every five samples ask once in each fifth of the record


def build(tokenizer: Any, length: int, n: int, seed: int, part: Part = "eval") -> list[Sample]:
    """`n` samples whose prompt and answer budget fill `length` tokens up to less than one line.

    Raises SealError when not even one line fits.
    """
    return [_sample(tokenizer, length, i, seed, part) for i in range(n)]


def dataset(**metadata: Any) -> dict[str, Any]:
    """For lm-eval's YAML."""
    return documents(NAME, **metadata)


def score(reply: str, targets: tuple[str, ...]) -> Score:
    """1 when the first number of the reply is the line's number. What follows it does not count."""
    return first_integer(reply, targets)


def _sample(tokenizer: Any, length: int, i: int, seed: int, part: Part) -> Sample:
    rng = random.Random(f"{seed}:{NAME}:{part}:{length}:{i}")
    most = max(length // 10, 2)  # a line has more than ten tokens
    keys = draw_keys(rng, most, part)
    values = rng.sample(numbers(1, 50000, part), min(most, len(numbers(1, 50000, part))))
    lines = [LINE.format(key=k, value=v) for k, v in zip(keys, values, strict=False)]
    where = (FIFTHS[i % 5] + rng.random()) / 5

    n_lines = _lines_that_fit(tokenizer, lines, length)
    while n_lines:
        asked = int(where * n_lines)
        text = HEADER + "".join(lines[:n_lines]) + QUESTION.format(key=keys[asked])
        prefix = PREFIX.format(key=keys[asked])
        n_tokens = count_tokens(tokenizer, text + prefix)
        if n_tokens + ANSWER_TOKENS <= length:
            break
        n_lines -= 1
    else:
        least = count_tokens(tokenizer, HEADER + lines[0] + QUESTION.format(key=keys[0]) + PREFIX.format(key=keys[0]))
        raise SealError(f"{NAME}: length {length} is too short; the smallest with this tokenizer is about {least + ANSWER_TOKENS}")
    start = len(HEADER) + sum(map(len, lines[:asked]))
    return Sample(
        sample_id=f"{NAME}-{part}-{length}-{seed}-{i}", task=NAME, input=text, prefix=prefix, answer=f"{values[asked]}>",
        targets=(str(values[asked]),), length=length, n_tokens=n_tokens, depth=token_index(tokenizer, text, start) / n_tokens,
        document=f"{NAME}-{part}-{length}-{seed}-{i}", seed=seed,
    )  # fmt: skip


def _lines_that_fit(tokenizer: Any, lines: list[str], length: int) -> int:
    """Upper estimate of the number of lines, from the lines' own token counts."""
    room = length - ANSWER_TOKENS - count_tokens(tokenizer, HEADER + QUESTION + PREFIX)
    for n, ids in enumerate(tokenizer(lines, add_special_tokens=False)["input_ids"]):
        room -= len(ids)
        if room < 0:
            return min(n + 2, len(lines))
    return len(lines)
