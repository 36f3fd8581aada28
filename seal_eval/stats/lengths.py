"""Summaries over lengths: weighted averages and effective length (Hsieh et al. 2024, RULER, section 4)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np

from seal_eval.core.types import Estimate
from seal_eval.stats.intervals import wilson

THRESHOLD = 0.856  # RULER's: Llama-2-7B-chat at 4K
POSTERIOR_DRAWS = 4000

Counts = Mapping[int, tuple[int, int]]  # length → (right, asked)


def counts(pairs: Iterable[tuple[int, float]]) -> dict[int, tuple[int, int]]:
    """(length, 0 or 1) pairs → length → (right, asked), by rising length."""
    found: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for length, value in pairs:
        found[int(length)][0] += value == 1
        found[int(length)][1] += 1
    return {length: (found[length][0], found[length][1]) for length in sorted(found)}


def weighted_average(by_length: Counts, weights: Literal["rising", "falling"]) -> float:
    """Σ w_i p_i / Σ w_i over the lengths in rising order, w = 1..m or m..1 (RULER's wAvg. inc and dec)."""
    return weighted_shares({length: k / n for length, (k, n) in by_length.items()}, weights)


def weighted_shares(accuracy_by_length: Mapping[int, float], weights: Literal["rising", "falling"]) -> float:
    """The same from accuracies, whose scores need not be whole."""
    shares = [share for _, share in sorted(accuracy_by_length.items())]
    w = range(1, len(shares) + 1) if weights == "rising" else range(len(shares), 0, -1)
    return sum(a * b for a, b in zip(w, shares, strict=True)) / sum(w)


def weighted_average_stderr(by_length: Counts, weights: Literal["rising", "falling"]) -> float:
    """Standard error of that: √(Σ w_i² p_i (1 - p_i) / (n_i - 1)) / Σ w_i; lengths with one case count as certain."""
    cells = [v for _, v in sorted(by_length.items())]
    w = range(1, len(cells) + 1) if weights == "rising" else range(len(cells), 0, -1)
    total = sum(a * a * k * (n - k) / n**2 / (n - 1) for a, (k, n) in zip(w, cells, strict=True) if n > 1)
    return float(np.sqrt(total) / sum(w))


def longest(accuracy_by_length: Mapping[int, float], threshold: float = THRESHOLD) -> int:
    """The longest length whose accuracy reaches the threshold; 0 when none does."""
    return max((length for length, share in accuracy_by_length.items() if share >= threshold), default=0)


def effective_length(by_length: Counts, threshold: float = THRESHOLD, level: float = 0.95) -> Estimate:
    """The longest tested length whose accuracy reaches the threshold, 0 when none does.

    Its interval runs from the longest length whose lower Wilson bound reaches the threshold to the longest whose upper bound
    does. n is the number of cases.
    """
    return effective_of({length: wilson(k, n, level) for length, (k, n) in by_length.items()}, threshold)


def effective_of(accuracy_by_length: Mapping[int, Estimate], threshold: float = THRESHOLD) -> Estimate:
    """The same from accuracies that have their intervals already, such as those between documents. Raises ValueError for none."""
    found = list(accuracy_by_length.values())
    if not found:
        raise ValueError("no length: an effective length needs at least one")
    value, low, high = (
        longest({x: getattr(e, what) for x, e in accuracy_by_length.items()}, threshold) for what in ("value", "low", "high")
    )
    how = f"accuracy >= {threshold:.1%}, bounds: {', '.join(dict.fromkeys(e.method for e in found))}"
    return Estimate(value, low, high, found[0].level, sum(e.n for e in found), how)


def effective_length_stderr(by_length: Counts, threshold: float = THRESHOLD) -> float:
    """Standard deviation of the effective length when each accuracy is drawn from Beta(k + ½, n - k + ½) (Jeffreys), seed 0."""
    rng = np.random.default_rng(0)
    lengths = sorted(by_length)
    shares = np.stack([rng.beta(k + 0.5, n - k + 0.5, POSTERIOR_DRAWS) for k, n in (by_length[x] for x in lengths)])
    drawn = np.where(shares >= threshold, np.array(lengths)[:, None], 0).max(axis=0)
    return float(drawn.std())
