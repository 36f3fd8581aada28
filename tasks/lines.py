"""Line retrieval: one line of a long record is asked for.

Li et al. 2023, "How Long Can Open-Source LLMs Truly Promise on Context Length?" (LongEval, LMSYS); the form of lines and
question is theirs, the wording of the header is ours. Values are unique in a record, so a wrong line cannot score.
"""

import random
from typing import Any

from seal_eval.errors import SealError
from seal_eval.scores import first_integer
from seal_eval.tasks.dataset import documents
from seal_eval.text import Part, best_fit, count_tokens, draw_keys, numbers, token_index, tokens_each
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
CLOSE, SPARE = 8, 200  # about so many of the last lines are chosen for their lengths, out of so many
FIFTHS = (0, 3, 1, 4, 2)  # every five samples ask once in each fifth of the record


def build(tokenizer: Any, length: int, n: int, seed: int, part: Part = "eval") -> list[Sample]:
    """`n` samples whose prompt and answer budget fill `length` tokens to within 1 %, never above.

    Raises SealError when `length` cannot be filled so, naming the smallest that can.
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
    most = length // 10 + SPARE + 1  # a line has more than ten tokens
    keys = draw_keys(rng, most, part)
    values = rng.sample(numbers(1, 50000, part), min(most, len(numbers(1, 50000, part))))
    asked, *others = [LINE.format(key=k, value=v) for k, v in zip(keys, values, strict=False)]
    where = (FIFTHS[i % 5] + rng.random()) / 5
    question, prefix = QUESTION.format(key=keys[0]), PREFIX.format(key=keys[0])

    frame = count_tokens(tokenizer, HEADER + asked + question + prefix) + ANSWER_TOKENS
    costs = tokens_each(tokenizer, others)
    room = length - frame
    for _ in range(8):  # joined lines may count a token more or less than alone
        chosen = _fill(others, costs, room)
        before = int(where * (len(chosen) + 1))
        record = "".join(chosen[:before]) + asked + "".join(chosen[before:])
        n_tokens = count_tokens(tokenizer, HEADER + record + question + prefix)
        over = n_tokens + ANSWER_TOKENS - length
        if -0.01 * length < over <= 0:
            break
        room -= over  # too much or, where joining saved tokens, too little
    else:
        raise SealError(f"{NAME}: length {length} cannot be filled; the smallest with this tokenizer is about {frame + 4 * costs[0]}")
    start = len(HEADER) + sum(map(len, chosen[:before]))
    text = HEADER + record + question
    return Sample(
        sample_id=f"{NAME}-{part}-{length}-{seed}-{i}", task=NAME, input=text, prefix=prefix, answer=f"{values[0]}>",
        targets=(str(values[0]),), length=length, n_tokens=n_tokens, depth=token_index(tokenizer, text, start) / n_tokens,
        document=f"{NAME}-{part}-{length}-{seed}-{i}", seed=seed,
    )  # fmt: skip


def _fill(lines: list[str], costs: list[int], room: int) -> list[str]:
    """Lines in order while there is much room; then those of the next ones whose tokens add up to the rest."""
    n = 0
    while n < len(lines) - SPARE and room > CLOSE * costs[n]:
        room -= costs[n]
        n += 1
    return lines[:n] + [lines[n + i] for i in best_fit(costs[n : n + SPARE], room)]
