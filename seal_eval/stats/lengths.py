"""Summaries over lengths: weighted averages and effective length (Hsieh et al. 2024, RULER, section 4)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Literal

import numpy as np

from seal_eval.core.types import Estimate
from seal_eval.stats.intervals import wilson

THRESHOLD = 0.856  # RULER's: Llama-2-7B-chat at 4K
POSTERIOR_DRAWS = 4000

Counts = Mapping[int, tuple[int, int]]  # length → (right, asked)


def counts(pairs: Iterable[tuple[int, float]]) -> dict[int, tuple[int, int]]:
    """Count (length, 0 or 1) pairs: length → (right, asked), lengths in ascending order."""
    table: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for length, value in pairs:
        table[int(length)][0] += value == 1
        table[int(length)][1] += 1
    return {length: (table[length][0], table[length][1]) for length in sorted(table)}


def weighted_average(by_length: Counts, weights: Literal["rising", "falling"]) -> float:
    """Weighted accuracy Σ w_i p_i / Σ w_i over m lengths in ascending order, w = 1..m or m..1 (RULER's wAvg. inc and dec)."""
    return weighted_shares({length: k / n for length, (k, n) in by_length.items()}, weights)


def weighted_shares(accuracy_by_length: Mapping[int, float], weights: Literal["rising", "falling"]) -> float:
    """The same from accuracies, which may be averages of scores between 0 and 1."""
    accuracies = [accuracy for _, accuracy in sorted(accuracy_by_length.items())]
    w = range(1, len(accuracies) + 1) if weights == "rising" else range(len(accuracies), 0, -1)
    return sum(a * b for a, b in zip(w, accuracies, strict=True)) / sum(w)


def weighted_average_stderr(by_length: Counts, weights: Literal["rising", "falling"]) -> float:
    """Standard error of `weighted_average`: √(Σ w_i² p_i (1 - p_i) / (n_i - 1)) / Σ w_i; a length with one case adds no variance."""
    cells = [v for _, v in sorted(by_length.items())]
    w = range(1, len(cells) + 1) if weights == "rising" else range(len(cells), 0, -1)
    total = sum(a * a * k * (n - k) / n**2 / (n - 1) for a, (k, n) in zip(w, cells, strict=True) if n > 1)
    return float(np.sqrt(total) / sum(w))


def longest(accuracy_by_length: Mapping[int, float], threshold: float = THRESHOLD) -> int:
    """The longest length whose accuracy is at least the threshold; 0 when none is."""
    return max((length for length, accuracy in accuracy_by_length.items() if accuracy >= threshold), default=0)


def effective_length(by_length: Counts, threshold: float = THRESHOLD, level: float = 0.95) -> Estimate:
    """The longest tested length whose accuracy is at least the threshold, 0 when none is.

    The interval runs from the longest length whose lower Wilson bound reaches the threshold to the longest length whose upper bound does.
    The bounds hold for all lengths together (`simultaneous`). The value is not unbiased: of several lengths just below the threshold,
    one often reaches it by chance. n: number of cases. Raises ValueError for no length.
    """
    strict = simultaneous(level, len(by_length))
    found = effective_of({length: wilson(k, n, strict) for length, (k, n) in by_length.items()}, threshold)
    return replace(found, level=level)


def simultaneous(level: float, n: int) -> float:
    """The level of each of n intervals that hold together at `level`: 1 − (1 − level) / n (Bonferroni)."""
    return 1 - (1 - level) / max(n, 1)


def effective_of(accuracy_by_length: Mapping[int, Estimate], threshold: float = THRESHOLD) -> Estimate:
    """The same from accuracies with intervals, for example of clustered samples; the bounds hold together if these intervals do.

    Raises ValueError for no length.
    """
    estimates = list(accuracy_by_length.values())
    if not estimates:
        raise ValueError("no length: an effective length needs at least one")
    value, low, high = (
        longest({length: getattr(e, field) for length, e in accuracy_by_length.items()}, threshold) for field in ("value", "low", "high")
    )
    method = f"accuracy >= {threshold:.1%}, bounds: {', '.join(dict.fromkeys(e.method for e in estimates))}"
    return Estimate(value, low, high, estimates[0].level, sum(e.n for e in estimates), method)


def effective_length_stderr(by_length: Counts, threshold: float = THRESHOLD) -> float:
    """Standard deviation of the effective length over draws of each accuracy from Beta(k + ½, n - k + ½) (Jeffreys), seed 0."""
    rng = np.random.default_rng(0)
    lengths = sorted(by_length)
    accuracies = np.stack([rng.beta(k + 0.5, n - k + 0.5, POSTERIOR_DRAWS) for k, n in (by_length[x] for x in lengths)])
    effective = np.where(accuracies >= threshold, np.array(lengths)[:, None], 0).max(axis=0)
    return float(effective.std())
