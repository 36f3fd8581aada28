"""Tells a reply's answer from what the model thinks before it."""

import re
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

from seal_eval.core.errors import SealError

CUT_OFF = "cut off while thinking"  # the reason of a reply that ends inside its thinking
# how models mark their thinking: DeepSeek-R1 and Qwen3; older fine-tunes; Magistral; Kimi; Cohere; Open-Thoughts; Seed;
# Gemma 4; Apertus; Solar Open, whose answer begins behind <|content|>; LongCat
PAIRS = (
    ("<think>", "</think>"), ("<thinking>", "</thinking>"), ("<thought>", "</thought>"), ("<reasoning>", "</reasoning>"),
    ("[THINK]", "[/THINK]"), ("◁think▷", "◁/think▷"), ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"), ("<seed:think>", "</seed:think>"), ("<|channel>", "<channel|>"),
    ("<|inner_prefix|>", "<|inner_suffix|>"), ("<|think|>", "<|content|>"),
    ("<longcat_think>", "</longcat_think>"),
)  # fmt: skip
# Apriel's prompt ends with the first sentence, and the answer stands between the two others
STEPS, ANSWER_BEGINS, ANSWER_ENDS = "Here are my reasoning steps:", "[BEGIN FINAL RESPONSE]", "[END FINAL RESPONSE]"
# Granite 3.2 is told to write both. Other models may, too, so they count in a reply that begins with the first, or if the prompt says so
SENTENCES = ("Here is my thought process:", "Here is my response:")
THOUGHT = re.compile(r"[\s*#]*Here(?: is|['’]s) my thought process:", re.IGNORECASE)
RESPONSE = re.compile(r"Here(?: is|['’]s) my response:[\s*]*", re.IGNORECASE)
MARKS = (*(mark for pair in PAIRS for mark in pair), ANSWER_BEGINS, ANSWER_ENDS)
THINK_TOKENS = frozenset({*MARKS, "<|channel|>", "<|message|>", "<|start|>", "<|end|>"})
# gpt-oss names the channel of each message; its last message on the channel `final` is the answer
CHANNEL = re.compile(r"<\|channel\|>\s*(\w+)[^<]*<\|message\|>")
FINAL_CHANNEL = "<|channel|>final<|message|>"
BARE_CHANNEL = re.compile(r"^\s*analysis(?=[^\s:.,;])|assistantfinal|assistant\s*analysis", re.ASCII)  # the same without its special tokens


def answer_of(reply: str, doc: Mapping[str, Any]) -> str | None:
    """What a reply says after its thinking; None when it ends inside the thinking.

    doc: a document; `think_start` and `think_end` are another pair of marks, `think_open` says that the prompt itself begins the thinking.
    """
    own = str(doc.get("think_start") or ""), str(doc.get("think_end") or "")
    answer, cut = without_thinking(reply, own, bool(doc.get("think_open")))
    return None if cut else answer


def without_thinking(reply: str, own: tuple[str, str] = ("", ""), opened: bool = False) -> tuple[str, bool]:
    """(the reply without its thinking, whether it ends inside the thinking).

    Only what follows the last closing mark is the answer. own: another pair of marks; the opening one may be empty. opened: the prompt
    begins the thinking, so a reply without a closing mark ends inside it.
    """
    channels = list(CHANNEL.finditer(reply))
    if channels:
        last = channels[-1]
        return (reply[last.end() :], False) if last[1] == "final" else ("", True)
    bare = [match[0].strip() for match in BARE_CHANNEL.finditer(reply)]
    if bare and bare[0] == "analysis":
        return (reply.rpartition("assistantfinal")[2], False) if bare[-1] == "assistantfinal" else ("", True)
    if ANSWER_BEGINS in reply:
        return reply.rpartition(ANSWER_BEGINS)[2].partition(ANSWER_ENDS)[0], False
    if THOUGHT.match(reply):
        answers = list(RESPONSE.finditer(reply))
        if answers or own == SENTENCES:
            return (reply[answers[-1].end() :], False) if answers else ("", True)
    for opening, closing in (own, *PAIRS):
        closed = max((m.start() for m in _mark(closing).finditer(reply)), default=-1) if closing else -1
        begin = closed + len(closing) if closed >= 0 else 0
        found = _mark(opening).search(reply, begin) if opening else None
        again = found.start() if found else -1
        if again >= 0:  # opened and not closed: what stands before it may be an answer
            return reply[begin:again], not reply[begin:again].strip()
        if closed >= 0:
            return reply[begin:], False
    return ("", True) if opened else (reply, False)


@cache
def _mark(mark: str) -> re.Pattern[str]:
    """Matches a mark in any case. A copy of the reply in lower case would not do: it can be longer (İ)."""
    return re.compile(re.escape(mark), re.IGNORECASE)


def opens_thinking(end: str, own: Sequence[tuple[str, str]] = ()) -> bool:
    """True when a prompt ends inside a thinking block, which its chat template has begun.

    end: what the template writes behind the question; marks before that may be mere words, as in "Never write <think>". own: another
    pair of marks.
    """
    return any(end.rfind(opening) > end.rfind(closing) for opening, closing in (*own, *PAIRS, (STEPS, ANSWER_BEGINS)))


def check_known(mark: str | None) -> None:
    """Raise SealError for a closing mark, given to an engine, that the tasks do not know."""
    if mark and mark not in MARKS:
        raise SealError(
            f"--model_args think_end_token is {mark!r}, no mark that is known; name it in --metadata think_end_token={mark} instead"
        )


def closing_mark(vocabulary: Collection[str], template: str) -> str | None:
    """The closing mark that a tokenizer has as a token or that its chat template writes; None for a model that does not think."""
    for _, closing in (*PAIRS, (STEPS, ANSWER_BEGINS), SENTENCES):
        if closing in vocabulary or closing in template:
            return closing
    return FINAL_CHANNEL if "<|channel|>" in vocabulary or "<|channel|>" in template else None
