"""Scores a reply: reads its answer, compares it with the targets, and gives the reason for the score."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from seal_eval.core.types import Score
from seal_eval.prompts.mentions import Facts, find_uuids, find_variables, find_words, places_of
from seal_eval.prompts.numerals import LONGEST, find_numbers
from seal_eval.prompts.plain_text import plain_text
from seal_eval.prompts.thinking import CUT_OFF, answer_of
from seal_eval.prompts.verdict import Reading, decide

NO_ANSWER = ("unparsable", "refused", "cut off", CUT_OFF)  # reasons of replies in which no value was read
REFUSAL = re.compile(
    r"\b(can(no|')t|can not|could(n't| not)|unable|sorry|apologi[sz]e"
    r"|(do|does|did)(n't| not) (know|contain|mention|have|find|see|specify|include)"
    r"|no (such|mention|information)|not (mentioned|given|provided|specified|stated|found|available))\b",
    re.IGNORECASE,
)

# in front of the value of a variable: that it is another one's. "A, not 12345", "A does not hold the value 12345"
NOT_HELD = re.compile(r"(?:\b(?:not|never|than|different from|instead of)|n't)\b[^.,;:\n]{0,30}$", re.IGNORECASE)


def read_values(reply: str, doc: Mapping[str, Any], kind: str, facts: Facts, digits: int | None = None) -> Reading | None:
    """The values of a kind (number, word, uuid, variable) that a reply answers; None when it ends inside its thinking.

    digits: the number of digits of the document's numbers, when they all have the same.
    """
    answer = answer_of(reply, doc)
    if answer is None:
        return None
    text = plain_text(answer)
    if kind == "number":
        text, mentions = find_numbers(text, facts.owners, digits)
    words, keys = find_words(text, facts)
    if kind == "word":
        mentions = words
    elif kind == "uuid":
        mentions, uuid_keys = find_uuids(text, facts.keys)
        keys = sorted([*keys, *uuid_keys])
    elif kind == "variable":
        mentions = find_variables(text, facts.owners)
        said = places_of(text, {form: key for key in facts.keys for form in (key, f"{int(key):,}")})
        keys = [place for place in said if not NOT_HELD.search(text, max(0, place[0] - 60), place[0])]
    return decide(text, mentions, len(doc["targets"]), keys, facts.asked, [facts.owners.get(m.value, "") for m in mentions])


def score_values(
    reply: str, doc: Mapping[str, Any], reading: Reading | None, in_text: Callable[[str], bool], other: str
) -> Score:  # fmt: skip
    """Score 1 when the values that a reply answers are the targets, in any order.

    Reasons: 'exact'; 'incomplete' (some of several targets); 'hedged' and 'too many values'; `other` (a value of the text that is no
    target); 'not found' (a value that is not in the text); 'refused', 'cut off', 'cut off while thinking' and 'unparsable' for a reply
    without a value. metrics: recall, the share of the targets among the first n values read; recall_ruler, see `ruler_recall`.
    """
    targets = set(doc["targets"])
    values = reading.values if reading else ()
    recall = len(targets & set(values[: len(targets)])) / len(targets)
    metrics = {"recall": recall, "recall_ruler": ruler_recall(reply, doc["targets"])}
    answer = ", ".join(values) or None
    if reading is None:
        reason = CUT_OFF
    elif reading.problem:
        reason = reading.problem
    elif recall == 1:
        reason = "exact"
    elif recall > 0:
        reason = "incomplete"
    elif values:
        reason = other if in_text(values[0]) else "not found"
    else:
        reason = why_no_answer(reply, doc)
    return Score(float(reason == "exact"), answer, reason, metrics)


def ruler_recall(reply: str, targets: Sequence[str]) -> float:
    """RULER's score: the share of the targets that occur anywhere in the reply, in any case.

    `string_match_all` of scripts/eval/synthetic/constants.py (NVIDIA/RULER); Hsieh et al. 2024, section 4.
    """
    return sum(target.lower() in reply.lower() for target in targets) / len(targets)


def why_no_answer(reply: str, doc: Mapping[str, Any]) -> str:
    """Why a reply has no answer: it refuses (in English), was cut off by its budget, or cannot be parsed.

    A reply counts as cut off when it has at least two characters per token of its budget and does not end like a sentence.
    """
    answer = answer_of(reply, doc)
    if answer is None:
        return CUT_OFF
    if REFUSAL.search(plain_text(answer[:2000])):
        return "refused"
    text = reply.rstrip()
    return "cut off" if len(text) >= 2 * int(doc["answer_tokens"]) and not text.endswith((".", "!", "?")) else "unparsable"


def last_digits(reply: str, targets: Sequence[str]) -> tuple[float, str | None]:
    """LongEval's own rule: (1 when the reply's last run of digits, as an integer, is a target, else 0; that run or None).

    It reads '2,416' as 416 and scores a right answer 0 when any number follows it; kept for comparison with published figures
    (DachengLi1/LongChat, folder longeval, commit 4b5faa5).
    """
    runs = re.findall(r"\d+", reply)
    if not runs:
        return 0.0, None
    return float(len(runs[-1]) < LONGEST and str(int(runs[-1])) in targets), runs[-1]
