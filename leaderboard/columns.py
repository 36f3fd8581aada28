"""The overview's columns: one line gives each its label, its value, its text and which way is better."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from seal_eval.leaderboard.board import Entry
from seal_eval.results.numbers import p_text, percent, size


@dataclass(frozen=True)
class Column:
    """value: what is sorted by and written to CSV and JSON, None for missing; text: what people read."""

    key: str
    label: str
    title: str
    better: Literal["up", "down", ""]
    value: Callable[[Entry], Any]
    text: Callable[[Entry], str]


def _about(key: str) -> Callable[[Entry], Any]:
    return lambda e: e.about.get(key)


def _optional(get: Callable[[Entry], Any], form: Callable[[Any], str]) -> Callable[[Entry], str]:
    return lambda e: "–" if get(e) is None else form(get(e))


def _places(e: Entry) -> str:
    return str(e.rank.low) if e.rank.low == e.rank.high else f"{e.rank.low}–{e.rank.high}"


def _gain(e: Entry) -> str:
    return percent(e.row.difference, sign=True) if e.row.difference else ""


def _effective(e: Entry) -> str:
    found = e.effective
    return "–" if found is None else f"{size(found.value, None)} ({found.low:,.0f}–{found.high:,.0f})"


def _accuracy(e: Entry) -> str:
    return percent(e.row.accuracy)


def _samples(e: Entry) -> str:
    missing = e.row.accuracy.n_missing
    return f"{e.row.accuracy.n:,}" + (f" ({missing} unscored)" if missing else "")


def _rise(ratio: float) -> str:
    """1.013 → '+1.3 %'"""
    return f"{100 * (ratio - 1):+.1f} %".replace("-", "−")


def _gain_value(e: Entry) -> Any:
    return e.row.difference and e.row.difference.value


def _speed(entry: Entry) -> str:
    return "–" if entry.tokens_per_second is None else f"{'≥ ' * entry.at_least}{entry.tokens_per_second:,.0f}"


_ratio, _trained, _seconds = _about("prose_perplexity_ratio"), _about("trained_parameters"), _about("tuning_seconds")
_whole = "{:,.0f}".format

COLUMNS = (
    Column("model", "model", "the model", "", lambda e: e.model, lambda e: e.model),
    Column("method", "method", "what was done to it", "", lambda e: e.method, lambda e: e.method),
    Column("accuracy", "accuracy", "mean over all tasks and lengths, with its interval", "up", lambda e: e.row.accuracy.value, _accuracy),
    Column("places", "places", "places that pairwise tests among the model's methods leave open", "down", lambda e: e.rank.low, _places),
    Column("group", "tied", "1: the leader and all it cannot be told from", "down", lambda e: e.rank.group, lambda e: str(e.rank.group)),
    Column("gain", "gain, points", "paired difference from the baseline, with its interval", "up", _gain_value, _gain),
    Column("p", "p", "of the gain, Holm over the model's methods", "down", lambda e: e.row.p_adjusted, lambda e: p_text(e.row.p_adjusted)),
    Column(
        "effective", "effective length", "longest length with 85.6 % right, shortest over tasks, in tokens", "up",
        lambda e: e.effective and e.effective.value, _effective,
    ),
    Column("perplexity", "prose", "rise of the perplexity of unseen prose", "down", _ratio, _optional(_ratio, _rise)),
    Column("parameters", "trained", "trained parameters", "down", _trained, _optional(_trained, _whole)),
    Column(
        "speed", "tokens/s", "prompt tokens per second; ≥: loading was in the time, or the machine had other work", "up",
        lambda e: e.tokens_per_second, _speed,
    ),
    Column("tuning", "tuning, s", "seconds of tuning", "down", _seconds, _optional(_seconds, _whole)),
    Column("n", "n", "scored samples", "", lambda e: e.row.accuracy.n, _samples),
)  # fmt: skip
