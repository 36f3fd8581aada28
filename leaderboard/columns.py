"""The columns of the overview: for each its label, tooltip, value, text and which direction is better."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from seal_eval.leaderboard.board import Entry
from seal_eval.results.numbers import p_text, percent, size


@dataclass(frozen=True)
class Column:
    """key: its name in CSV and JSON; title: its tooltip; value: for sorting, CSV and JSON, None if missing; text: as shown.

    on_page: whether the overview shows it; CSV and JSON have all.
    """

    key: str
    label: str
    title: str
    better: Literal["up", "down", ""]
    value: Callable[[Entry], Any]
    text: Callable[[Entry], str]
    on_page: bool = True


def _about(key: str) -> Callable[[Entry], Any]:
    return lambda e: e.about.get(key)


def _optional(get: Callable[[Entry], Any], form: Callable[[Any], str]) -> Callable[[Entry], str]:
    return lambda e: "–" if get(e) is None else form(get(e))


def _places(e: Entry) -> str:
    if e.rank is None:
        return "–"
    return str(e.rank.low) if e.rank.low == e.rank.high else f"{e.rank.low}–{e.rank.high}"


def _gain(e: Entry) -> str:
    return percent(e.row.difference, sign=True) if e.row.difference else "–" if e.lacks else ""


def _effective(e: Entry) -> str:
    length = e.effective
    return "–" if length is None else f"{size(length.value, None)} ({length.low:,.0f}–{length.high:,.0f})"


def _accuracy(e: Entry) -> str:
    return percent(e.row.accuracy) if e.row.accuracy else e.lacks.partition(":")[0]


def _samples(e: Entry) -> str:
    if e.row.accuracy is None:
        return "–"
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
    Column("model", "model", "the model", "", lambda e: e.model, lambda e: e.model, on_page=False),
    Column("method", "method", "the method applied to the model", "", lambda e: e.method, lambda e: e.method),
    Column(
        "accuracy", "accuracy", "mean over all tasks and lengths, with its interval; none for a method that lacks some", "up",
        lambda e: e.row.accuracy and e.row.accuracy.value, _accuracy,
    ),
    Column(
        "places", "rank", "the ranks that the pairwise tests among the model's methods allow", "down",
        lambda e: e.rank and e.rank.low, _places,
    ),
    Column(
        "group", "tie group", "1: the leader and all methods not significantly worse", "down",
        lambda e: e.rank and e.rank.group, lambda e: str(e.rank.group) if e.rank else "–", on_page=False,
    ),
    Column("gain", "gain, points", "paired difference from the baseline, with its interval", "up", _gain_value, _gain),
    Column(
        "p", "p", "p-value of the gain, Holm-adjusted over the model's methods", "down",
        lambda e: e.row.p_adjusted, lambda e: p_text(e.row.p_adjusted),
    ),
    Column(
        "effective", "effective length", "longest length in tokens with at least 85.6 % right; the shortest over tasks", "up",
        lambda e: e.effective and e.effective.value, _effective,
    ),
    Column("perplexity", "prose", "rise in perplexity on unseen prose", "down", _ratio, _optional(_ratio, _rise)),
    Column("parameters", "trained", "number of trained parameters", "down", _trained, _optional(_trained, _whole), on_page=False),
    Column(
        "speed", "tokens/s", "prompt tokens per second; ≥: a lower bound, because loading was timed too or the machine was busy", "up",
        lambda e: e.tokens_per_second, _speed,
    ),
    Column("tuning", "tuning, s", "seconds of tuning", "down", _seconds, _optional(_seconds, _whole), on_page=False),
    Column("n", "n", "scored samples", "", lambda e: e.row.accuracy and e.row.accuracy.n, _samples),
)  # fmt: skip
