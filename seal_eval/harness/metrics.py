"""What lm-eval's YAML files call: the scorer of a document, and the summaries over all documents of a task."""

from collections.abc import Mapping
from typing import Any

from seal_eval.stats import lengths
from seal_eval.tasks import get_task

Items = list[tuple[int, float]]  # (length, acc) of every document
SUMMARIES = ("weighted_rising", "weighted_falling", "effective_length")


def process_results(doc: Mapping[str, Any], results: list[str]) -> dict[str, Any]:
    """acc, the task's other metrics, and for each summary what its aggregation and that of its standard error need."""
    score = get_task(doc["task"]).score(results[0], doc)
    acc = score.value or 0.0
    return {"acc": acc, **score.metrics, **{name + end: (doc["length"], acc) for name in SUMMARIES for end in ("", "_stderr")}}


def weighted_rising(items: Items) -> float:
    """Average over lengths, weights rising with length (RULER's wAvg. inc)."""
    return lengths.weighted_average(lengths.counts(items), "rising")


def weighted_rising_stderr(items: Items) -> float:
    """Its standard error."""
    return lengths.weighted_average_stderr(lengths.counts(items), "rising")


def weighted_falling(items: Items) -> float:
    """Average over lengths, weights falling with length (RULER's wAvg. dec)."""
    return lengths.weighted_average(lengths.counts(items), "falling")


def weighted_falling_stderr(items: Items) -> float:
    """Its standard error."""
    return lengths.weighted_average_stderr(lengths.counts(items), "falling")


def effective_length(items: Items) -> float:
    """The longest length with an accuracy of at least 85.6 %."""
    return lengths.effective_length(lengths.counts(items)).value


def effective_length_stderr(items: Items) -> float:
    """Its standard deviation under Jeffreys' posterior."""
    return lengths.effective_length_stderr(lengths.counts(items))
