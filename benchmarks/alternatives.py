"""Intervals and a test that the simulation and the tests compare with those the project uses."""

import math
from dataclasses import dataclass

import numpy as np

from seal_eval.core.types import Estimate
from seal_eval.stats import mcnemar, wilson
from seal_eval.stats.intervals import _check
from seal_eval.stats.layout import Values


def clopper_pearson(k: int, n: int, level: float = 0.95) -> Estimate:
    """The exact interval: covers at least `level` at every accuracy, at the price of width (Clopper & Pearson 1934, Biometrika 26:404).

    Raises ValueError as `wilson` does.
    """
    from scipy.stats import binomtest

    _check(k, n, level)
    interval = binomtest(k, n).proportion_ci(confidence_level=level, method="exact")
    return Estimate(k / n, float(interval.low), float(interval.high), level, n, "Clopper-Pearson exact")


def jeffreys(k: int, n: int, level: float = 0.95) -> Estimate:
    """Equal-tailed interval of Beta(k + ½, n − k + ½); the lower end is 0 at k = 0, the upper end 1 at k = n.

    Brown, Cai, DasGupta 2001, Statist. Sci. 16:101, section 4.1.2. Raises ValueError as `wilson` does.
    """
    from scipy.stats import beta

    _check(k, n, level)
    low, high = beta.interval(level, k + 0.5, n - k + 0.5)
    return Estimate(k / n, float(low) if k else 0.0, float(high) if k < n else 1.0, level, n, "Jeffreys")


def newcombe(both: int, only_a: int, only_b: int, neither: int, level: float = 0.95) -> Estimate:
    """Newcombe's interval for the difference of two paired proportions from their Wilson intervals.

    Newcombe 1998, Statist. Med. 17:2635, method 10. Its width is not 0 even without discordant pairs. p_value is McNemar's mid-p. Raises
    ValueError as `wilson` and `mcnemar` do.
    """
    n, b, c = both + only_a + only_b + neither, only_a, only_b
    if n == 0:
        raise ValueError("no pairs: an interval needs at least one")
    test = mcnemar(both, only_a, only_b, neither)
    of_a, of_b = wilson(both + b, n, level), wilson(both + c, n, level)
    product = (both + b) * (c + neither) * (both + c) * (b + neither)
    determinant = both * neither - b * c
    corrected = max(determinant - n / 2, 0.0) if determinant > 0 else determinant  # continuity correction of method 10
    phi = corrected / math.sqrt(product) if product else 0.0

    def combined(width_a: float, width_b: float) -> float:
        return math.sqrt(max(width_a**2 - 2 * phi * width_a * width_b + width_b**2, 0.0))

    value = (b - c) / n
    low = value - combined(of_a.value - of_a.low, of_b.high - of_b.value)
    high = value + combined(of_a.high - of_a.value, of_b.value - of_b.low)
    return Estimate(value, max(low, -1.0), min(high, 1.0), level, n, "Newcombe 10; McNemar mid-p", p_value=test.p_midp, n_discordant=b + c)


@dataclass(frozen=True)
class Obuchowski:
    """chi2 has 1 degree of freedom; it and p_value are None when only_a equals only_b in every cluster. n: number of clusters."""

    chi2: float | None
    p_value: float | None
    n: int
    method: str = "Obuchowski"


def obuchowski(only_a: Values, only_b: Values) -> Obuchowski:
    """McNemar's test for clustered pairs (Obuchowski 1998, Statist. Med. 17:1495).

    only_a, only_b: discordant pairs of each cluster (document), [n_clusters]. With d = only_a − only_b of K clusters:
    χ² = (K − 1) / K · (Σ d)² / Σ d². Raises ValueError for negative counts, arrays that do not match, and fewer than two clusters.
    """
    from scipy.stats import chi2

    a, b = (np.asarray(counts, dtype=float) for counts in (only_a, only_b))
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"only_a and only_b: shapes {a.shape} and {b.shape}, needs one count of each per cluster")
    if len(a) < 2:
        raise ValueError(f"needs at least two clusters, got {len(a)}")
    if not (np.isfinite(a) & np.isfinite(b) & (a >= 0) & (b >= 0)).all():
        raise ValueError("only_a and only_b: counts of pairs must be at least 0")
    d = a - b
    if not d.any():
        return Obuchowski(None, None, len(d))
    statistic = float((len(d) - 1) / len(d) * d.sum() ** 2 / (d**2).sum())
    return Obuchowski(statistic, float(chi2.sf(statistic, 1)), len(d))
