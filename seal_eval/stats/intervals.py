"""Intervals for one proportion."""

import math
from dataclasses import replace

from seal_eval.core.types import Estimate


def wilson(k: int, n: int, level: float = 0.95) -> Estimate:
    """Wilson's score interval for k successes in n trials (Wilson 1927, JASA 22:209).

    Raises ValueError unless k and n are whole numbers with 0 <= k <= n, n > 0 and 0 < level < 1.
    """
    _check(k, n, level)
    p, z = k / n, z_of(level)  # written out: scipy.stats takes a tenth of the time in which a run starts
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = ((middle + sign * half) / (1 + z * z / n) for sign in (-1, 1))
    return Estimate(p, 0.0 if k == 0 else low, 1.0 if k == n else high, level, n, "Wilson score")


def _check(k: int, n: int, level: float) -> None:
    check_level(level)
    if n <= 0 or not 0 <= k <= n or k != int(k) or n != int(n):
        raise ValueError(f"k={k} successes in n={n} trials: needs whole numbers with 0 <= k <= n and n > 0")


def z_of(level: float) -> float:
    """The standard normal quantile of a two-sided confidence level: 1.96 for 0.95."""
    from scipy.special import ndtri

    return -float(ndtri((1 - level) / 2))  # of (1 + level) / 2 it would be infinite for levels near 1


def reconciled(estimate: Estimate) -> Estimate:
    """The estimate; if its interval excludes 0 although its test does not reject at the level, the interval extended to 0."""
    if estimate.p_value is None or estimate.p_value <= 1 - estimate.level:
        return estimate
    return replace(estimate, low=min(estimate.low, 0.0), high=max(estimate.high, 0.0))


def check_level(level: float) -> None:
    """Raise ValueError unless the confidence level lies between 0 and 1, both excluded."""
    if not 0 < level < 1:
        raise ValueError(f"level={level} must lie between 0 and 1, for example 0.95")
