"""Rules that extract answers from a reply, score them, and give the reason for the score."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from seal_eval.core.types import Score

PATTERNS = {
    "number": r"\d{1,3}(?:,\d{3})+(?!\d)|\d+",
    "word": r"[^\W\d_]+-[^\W\d_]+",
    "uuid": r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    "variable": r"\b[A-Z]{5}\b",
}
LONGEST = 1000  # characters; an answer must be shorter, so an endless run of digits is not a number
REFUSAL = re.compile(
    r"\b(can(no|')t|can not|could(n't| not)|unable|sorry|apologi[sz]e"
    r"|(do|does|did)(n't| not) (know|contain|mention|have|find|see|specify|include)"
    r"|no (such|mention|information)|not (mentioned|given|provided|specified|stated|found|available))\b",
    re.IGNORECASE,
)


def extract(reply: str, kind: str, skip: Sequence[str] = ()) -> list[str]:
    """The distinct values of one kind (a key of `PATTERNS`) in a reply, in order, without those in `skip`.

    Numbers are normalised: no thousands separators or leading zeros, digits of any script ('１２' is 12, '2,416' is 2416). Words and UUIDs
    are matched in any case and returned in lower case.
    """
    values = []
    for match in re.finditer(PATTERNS[kind], reply, re.IGNORECASE if kind in ("word", "uuid") else 0):
        text = match.group()
        if len(text) >= LONGEST:
            continue
        value = str(int(text.replace(",", ""))) if kind == "number" else text.lower() if kind in ("word", "uuid") else text
        if value not in skip:
            values.append(value)
    return list(dict.fromkeys(values))


def score_values(reply: str, doc: Mapping[str, Any], values: Sequence[str], in_text: Callable[[str], bool], other: str) -> Score:
    """Score 1 when the first n values of the reply are the n targets, in any order.

    Later values are ignored, so listing every value of the text does not help. Reasons: 'exact'; 'incomplete' (some of several targets);
    `other` (the first value is in the text but is not a target); 'not found' (the first value is not in the text); 'refused', 'cut off' and
    'unparsable' for a reply without a value. metrics: recall, the share of the targets among the first n values.
    """
    targets = set(doc["targets"])
    answers = list(values[: len(targets)])
    answer = ", ".join(answers) or None
    recall = len(targets & set(answers)) / len(targets)
    if recall == 1:
        reason = "exact"
    elif recall > 0:
        reason = "incomplete"
    elif answers:
        reason = other if in_text(answers[0]) else "not found"
    else:
        reason = why_no_answer(reply, int(doc["answer_tokens"]))
    return Score(float(recall == 1), answer, reason, {"recall": recall})


def why_no_answer(reply: str, answer_tokens: int) -> str:
    """Why a reply has no answer: it refuses (in English), was cut off by its budget, or cannot be parsed.

    A reply counts as cut off when it has at least two characters per token of its budget and does not end like a sentence.
    """
    if REFUSAL.search(reply[:2000]):
        return "refused"
    text = reply.rstrip()
    return "cut off" if len(text) >= 2 * answer_tokens and not text.endswith((".", "!", "?")) else "unparsable"


def last_digits(reply: str, targets: Sequence[str]) -> tuple[float, str | None]:
    """LongEval's own rule: (1 when the reply's last run of digits, as an integer, is a target, else 0; that run or None).

    It reads '2,416' as 416 and scores a right answer 0 when any number follows it; kept for comparison with published figures
    (DachengLi1/LongChat, folder longeval, commit 4b5faa5).
    """
    runs = re.findall(r"\d+", reply)
    if not runs:
        return 0.0, None
    return float(len(runs[-1]) < LONGEST and str(int(runs[-1])) in targets), runs[-1]
