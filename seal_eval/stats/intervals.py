"""Intervals for one proportion."""

from seal_eval.types import Estimate


def wilson(k: int, n: int, level: float = 0.95) -> Estimate:
    """Wilson's score interval for k successes in n trials (Wilson 1927, JASA 22:209).

    Raises ValueError unless 0 <= k <= n, n > 0 and 0 < level < 1.
    """
    from scipy.stats import binomtest

    check_level(level)
    if n <= 0 or not 0 <= k <= n:
        raise ValueError(f"k={k} successes in n={n} trials: needs 0 <= k <= n and n > 0")
    interval = binomtest(k, n).proportion_ci(confidence_level=level, method="wilson")
    return Estimate(k / n, float(interval.low), float(interval.high), level, n, "Wilson score")


def check_level(level: float) -> None:
    """Raise ValueError for a confidence level outside 0..1."""
    if not 0 < level < 1:
        raise ValueError(f"level={level} must lie between 0 and 1, for example 0.95")
