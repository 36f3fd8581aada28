"""Intervals for one proportion."""

from seal_eval.core.types import Estimate


def wilson(k: int, n: int, level: float = 0.95) -> Estimate:
    """Wilson's score interval for k successes in n trials (Wilson 1927, JASA 22:209).

    Raises ValueError unless 0 <= k <= n, n > 0 and 0 < level < 1.
    """
    from scipy.stats import binomtest

    _check(k, n, level)
    interval = binomtest(k, n).proportion_ci(confidence_level=level, method="wilson")
    return Estimate(k / n, float(interval.low), float(interval.high), level, n, "Wilson score")


def clopper_pearson(k: int, n: int, level: float = 0.95) -> Estimate:
    """The exact interval: covers at least `level` at every accuracy, and is wider for it (Clopper & Pearson 1934, Biometrika 26:404).

    Raises as `wilson`.
    """
    from scipy.stats import binomtest

    _check(k, n, level)
    interval = binomtest(k, n).proportion_ci(confidence_level=level, method="exact")
    return Estimate(k / n, float(interval.low), float(interval.high), level, n, "Clopper-Pearson exact")


def jeffreys(k: int, n: int, level: float = 0.95) -> Estimate:
    """Equal-tailed interval of Beta(k + ½, n − k + ½); its ends are 0 at k = 0 and 1 at k = n.

    Brown, Cai, DasGupta 2001, Statist. Sci. 16:101, section 4.1.2. Raises as `wilson`.
    """
    from scipy.stats import beta

    _check(k, n, level)
    low, high = beta.interval(level, k + 0.5, n - k + 0.5)
    return Estimate(k / n, float(low) if k else 0.0, float(high) if k < n else 1.0, level, n, "Jeffreys")


def _check(k: int, n: int, level: float) -> None:
    check_level(level)
    if n <= 0 or not 0 <= k <= n or k != int(k) or n != int(n):
        raise ValueError(f"k={k} successes in n={n} trials: needs whole numbers with 0 <= k <= n and n > 0")


def z_of(level: float) -> float:
    """The standard normal quantile of a two-sided level: 1.96 for .95."""
    from scipy.stats import norm

    return float(norm.ppf((1 + level) / 2))


def check_level(level: float) -> None:
    """Raise ValueError for a confidence level outside 0..1."""
    if not 0 < level < 1:
        raise ValueError(f"level={level} must lie between 0 and 1, for example 0.95")
