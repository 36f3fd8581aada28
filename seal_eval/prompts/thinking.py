"""Tells a reply's answer from what the model thinks before it."""

import re
from bisect import bisect_left
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
# names of blocks that models open and close in their own words, as <scratchpad>…</scratchpad> or [REASONING]…[/REASONING]
NAMES = (
    "thoughts", "scratchpad", "analysis", "reasoning", "reasoning_content", "reflection", "inner_monologue", "thinking",
)  # fmt: skip
WRITTEN = (
    *((f"{left}{name}{right}", f"{left}/{name}{right}") for name in NAMES for left, right in (("<", ">"), ("<|", "|>"), ("[", "]"))),
    ("<unused94>", "<unused95>"), ("```thinking\n", "\n```"),  # MedGemma; Markdown
)  # fmt: skip
# what web interfaces write around the thinking that they fold
FOLDED = re.compile(
    r"<details\b[^<>]{0,200}>\s*<summary>[^<>]{0,60}\b(?:though?ts?|thinking|reason(?:ed|ing))\b[^<>]{0,60}</summary>.*?</details>",
    re.I | re.S,
)
MARKS = (*(mark for pair in PAIRS for mark in pair), ANSWER_BEGINS, ANSWER_ENDS)
THINK_TOKENS = frozenset({*MARKS, "<|channel|>", "<|message|>", "<|start|>", "<|end|>"})
# gpt-oss names the channel of each message; its last message on the channel `final` is the answer
CHANNEL = re.compile(r"<\|channel\|>\s*(\w+)(?:[^<]|<\|constrain\|>)*<\|message\|>")
FINAL_CHANNEL = "<|channel|>final<|message|>"
# the same without its special tokens
BARE_CHANNEL = re.compile(r"^\s*analysis(?=[^\s:.,;])|assistantfinal|assistant\s*analysis", re.ASCII)
BARE_FINAL = re.compile(r"^\s*final(?=[^\sa-z:.,;_-])")


def answer_of(reply: str, doc: Mapping[str, Any]) -> str | None:
    """What a reply says after its thinking; None when it ends inside the thinking.

    doc: a document; `think_start` and `think_end` are another pair of marks, `think_open` says that the prompt itself begins the thinking.
    """
    own = str(doc.get("think_start") or ""), str(doc.get("think_end") or "")
    answer, cut = without_thinking(reply, own, bool(doc.get("think_open")))
    return None if cut else answer


def without_thinking(reply: str, own: tuple[str, str] = ("", ""), opened: bool = False) -> tuple[str, bool]:
    """(the reply without its thinking, whether it ends inside the thinking).

    Only what follows the last closing mark is the answer; where nothing follows it, what stands before it and outside the thinking.
    own: another pair of marks; the opening one may be empty. opened: the prompt begins the thinking, so a reply without a closing mark
    ends inside it.
    """
    answer, cut = _outside(reply, own, opened)
    for opening, closing in WRITTEN:
        if closing in answer.lower() and opening in answer.lower() and (parts := _parts(answer, opening, closing)):
            answer = _last(parts[0])
    if re.search(r"\w", rest := FOLDED.sub("", answer)):
        answer = rest
    return answer, cut


def _outside(reply: str, own: tuple[str, str], opened: bool) -> tuple[str, bool]:
    """`without_thinking` for marks that models are trained to write."""
    channels = list(CHANNEL.finditer(reply))
    if channels:
        final = next((channel for channel in reversed(channels) if channel[1] == "final"), None)
        return (reply[final.end() :], False) if final else ("", True)
    bare = [match[0].strip() for match in BARE_CHANNEL.finditer(reply)]
    if bare and (bare[0] == "analysis" or bare[-1] == "assistantfinal"):
        return (reply.rpartition("assistantfinal")[2], False) if bare[-1] == "assistantfinal" else ("", True)
    if final := BARE_FINAL.match(reply):
        return reply[final.end() :], False
    if ANSWER_BEGINS in reply:
        return reply.rpartition(ANSWER_BEGINS)[2].partition(ANSWER_ENDS)[0], False
    if THOUGHT.match(reply):
        answers = list(RESPONSE.finditer(reply))
        if answers or own == SENTENCES:
            return (reply[answers[-1].end() :], False) if answers else ("", True)
    for opening, closing in (own, *PAIRS):
        if parts := _parts(reply, opening, closing, opened):
            answer = _last(parts[0])
            return answer, parts[1] and not answer.strip()
    return ("", True) if opened else (reply, False)


def _parts(reply: str, opening: str, closing: str, opened: bool = False) -> tuple[list[str], bool] | None:
    """(what stands outside the thinking, whether the last block is not closed); None without marks."""
    ends = [match.span() for match in _mark(closing).finditer(reply)] if closing else []
    begins = [match.start() for match in _mark(opening).finditer(reply)] if opening else []
    if not ends and not begins:
        return None
    bounds = [(0, 0), *ends]
    if opened or (ends and (not begins or begins[0] > ends[0][0])):
        bounds = bounds[1:]  # what the first closing mark closes is thinking
    texts, unclosed = [], not bounds
    for i, (_, begin) in enumerate(bounds):
        end = bounds[i + 1][0] if i + 1 < len(bounds) else len(reply)
        k = bisect_left(begins, begin)
        unclosed = k < len(begins) and begins[k] < end
        texts.append(reply[begin : begins[k] if unclosed else end])
    return texts, unclosed


def _last(texts: Sequence[str]) -> str:
    """The last text that says something, else the last."""
    return next((text for text in reversed(texts) if re.search(r"\w", text)), texts[-1] if texts else "")


@cache
def _mark(mark: str) -> re.Pattern[str]:
    """Matches a mark in any case, also with a space before its last bracket. A copy of the reply in lower case would not do: it can be
    longer (İ).
    """
    return re.compile(re.escape(mark[:-1]) + (r"\s?" if mark[-1:] == ">" else "") + re.escape(mark[-1:]), re.IGNORECASE)


def opens_thinking(end: str, own: Sequence[tuple[str, str]] = ()) -> bool:
    """True when a prompt ends inside a thinking block, which its chat template has begun.

    end: what the template writes behind the question; marks before that may be mere words, as in "Never write <think>". own: another
    pair of marks.
    """
    return any(end.rfind(opening) > end.rfind(closing) for opening, closing in (*own, *PAIRS, (STEPS, ANSWER_BEGINS)))


def closed_thinking(end: str, own: Sequence[tuple[str, str]] = ()) -> str:
    """The mark with which a prompt has ended the thinking before the reply begins; '' for none. end, own: as in `opens_thinking`."""
    return next((closing for _, closing in (*own, *PAIRS) if closing and end.rstrip().endswith(closing)), "")


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
