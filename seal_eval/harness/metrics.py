"""Functions that the YAML files in tasks/yaml name: the scorer of one document, and the summaries over all documents of a task."""

from collections.abc import Mapping
from typing import Any

from seal_eval.stats import lengths
from seal_eval.tasks import get_task

Items = list[tuple[int, float]]  # (length in the task's unit, acc: 0 or 1) of each document
SUMMARIES = ("weighted_rising", "weighted_falling", "effective_length")


def process_results(doc: Mapping[str, Any], results: list[str]) -> dict[str, Any]:
    """Score the reply results[0] to a document. Return acc (0 when unscored), the task's other metrics, and a (length, acc) per summary.

    lm-eval passes the pairs of all documents to the functions below.
    """
    score = get_task(doc["task"]).score(results[0], doc)
    acc = score.value or 0.0
    return {"acc": acc, **score.metrics, **{name + end: (doc["length"], acc) for name in SUMMARIES for end in ("", "_stderr")}}


def weighted_rising(items: Items) -> float:
    """Return the accuracy averaged over lengths with weights that rise with length (RULER's wAvg. inc)."""
    return lengths.weighted_average(lengths.counts(items), "rising")


def weighted_rising_stderr(items: Items) -> float:
    """Return the standard error of `weighted_rising`."""
    return lengths.weighted_average_stderr(lengths.counts(items), "rising")


def weighted_falling(items: Items) -> float:
    """Return the accuracy averaged over lengths with weights that fall with length (RULER's wAvg. dec)."""
    return lengths.weighted_average(lengths.counts(items), "falling")


def weighted_falling_stderr(items: Items) -> float:
    """Return the standard error of `weighted_falling`."""
    return lengths.weighted_average_stderr(lengths.counts(items), "falling")


def effective_length(items: Items) -> float:
    """Return the longest tested length with an accuracy of at least 85.6 % (RULER's threshold), 0 when there is none."""
    return lengths.effective_length(lengths.counts(items)).value


def effective_length_stderr(items: Items) -> float:
    """Return the standard deviation of `effective_length` when each accuracy follows its posterior under Jeffreys' prior."""
    return lengths.effective_length_stderr(lengths.counts(items))
