"""Power of a paired comparison of 0/1 scores: the differences it can detect, and the number of samples that takes."""

import math
from functools import lru_cache

import numpy as np

from seal_eval.core.types import Estimate
from seal_eval.stats.intervals import check_level, z_of
from seal_eval.stats.layout import Array, Layout, effective_clusters, variance

MOST_EXACT = 4000  # pairs; above, Connor's approximation is within one pair in a thousand
MOST_DISCORDANT = 500  # expected discordant pairs; above, the same for the smallest detectable difference


def paired_power(n: int, discordance: float, difference: float, level: float = 0.95) -> float:
    """Probability that the two-sided mid-p McNemar test on `n` independent pairs rejects at significance level 1 − level.

    discordance: share of pairs on which the methods differ; difference: of their accuracies. The power for m discordant pairs is averaged
    over m ~ Bin(n, discordance) (Connor 1987, Biometrics 43:207, unconditional power; mid-p: Fagerland et al. 2013).
    Raises ValueError for |difference| above discordance and values out of range.
    """
    from scipy.stats import binom

    check_plan(n, discordance, difference, level)
    if discordance == 0:
        return 0.0
    share = (1 + difference / discordance) / 2  # of discordant pairs that only A has right
    m = np.arange(n + 1)
    weights = binom.pmf(m, n, discordance)
    total = 0.0
    for pairs, weight in zip(m[weights > 1e-14], weights[weights > 1e-14], strict=True):
        critical = _rejected_up_to(int(pairs), 1 - level)
        if critical >= 0:
            total += weight * (binom.cdf(critical, pairs, share) + binom.sf(pairs - critical - 1, pairs, share))
    return float(total)


@lru_cache(maxsize=256)  # one task with one length has three rows of the same pairs
def minimum_detectable(n: int, discordance: float, power: float = 0.8, level: float = 0.95) -> float | None:
    """The smallest difference δ of accuracies for which `paired_power` reaches `power`; None when not even 1 does.

    discordance: the share of pairs on which the methods differ, as far as δ leaves it possible: from δ on all discordant pairs go one way,
    so their share is the larger of the two. Above `MOST_DISCORDANT` expected discordant pairs it is the difference for which `connor` gives
    n, which takes no time. Raises ValueError for values out of range.
    """
    from scipy.optimize import brentq

    check_plan(n, discordance, 0.0, level)
    if not 0 < power < 1:
        raise ValueError(f"power={power} must lie between 0 and 1, for example 0.8")
    if n * discordance > MOST_DISCORDANT and power >= 0.5:
        z = z_of(level) * math.sqrt(discordance), z_of(2 * power - 1)
        return float(brentq(lambda d: z[0] + z[1] * math.sqrt(discordance - d**2) - d * math.sqrt(n), 0.0, discordance, xtol=1e-12))

    def lacking(gap: float) -> float:
        return paired_power(n, max(discordance, gap), gap, level) - power

    if lacking(0.0) >= 0:
        return 0.0
    high = discordance or 1 / n
    while lacking(high) < 0:
        if high == 1:
            return None
        high = min(1.0, 1.5 * high)
    return float(brentq(lacking, 0.0, high, xtol=1e-9))


def detectable_by_flips(design: Layout, gains: Array, power: float = 0.8, level: float = 0.95) -> float | None:
    """The smallest cell-averaged difference that the sign-flip test of single samples detects; None when it is above 1.

    gains: A − B of each sample, [n_samples]; those other than 0 tell how large differences are. Of two answers the larger holds. If a
    difference comes from further samples that differ: `minimum_detectable` of as many pairs as the design is worth (`effective_clusters`),
    times the root mean square of the gains that are not 0. If it is added to every sample (not for scores of 0 and 1): the test compares
    |Σ u| with z √Σ u², where u, a sample's share of the average times its gain, has the observed variance V in all, so
    δ − z_β √V = z √(V + δ² Σ share²). Where no sample differs, gains are taken to be 1. Raises ValueError for values out of range.
    """
    moved = gains != 0
    differ = float(design.average(moved.astype(float)))
    size = float(np.sqrt((gains[moved] ** 2).mean())) if moved.any() else 1.0
    found = minimum_detectable(max(1, int(effective_clusters(design))), min(differ, 1.0), power, level)
    if found is None or np.isin(gains, (-1, 0, 1)).all():
        return found
    v, z, z_power = float(variance(design, gains)[0]), z_of(level), z_of(2 * power - 1)
    left = 1 - z**2 / effective_clusters(design)
    if left <= 0:
        return None
    added = math.sqrt(v) * (z_power + math.sqrt(z_power**2 + left * (z**2 - z_power**2))) / left
    largest = max(size * found, added)
    return largest if largest <= 1 else None


def detectable_with(estimate: Estimate, power: float = 0.8, level: float = 0.95) -> float:
    """The smallest difference that a comparison as precise as `estimate` detects: (z_α/2 + z_β) standard errors (Bloom 1995, Evaluation
    Review 19:547).

    estimate: a difference with its interval, whose half width counts as z_α/2 standard errors at its own level; so documents with several
    samples, and few documents, count as its interval counts them. level: of the test, after correction for several comparisons.
    Raises ValueError for values out of range.
    """
    check_level(level)
    if not 0.5 <= power < 1:
        raise ValueError(f"power={power} must lie between 0.5 and 1, for example 0.8")
    error = (estimate.high - estimate.low) / 2 / z_of(estimate.level)
    return (z_of(level) + z_of(2 * power - 1)) * error


def connor(discordance: float, difference: float, power: float = 0.8, level: float = 0.95) -> int:
    """Number of independent pairs for McNemar's test: (z_{α/2} √ψ + z_β √(ψ − δ²))² / δ² (Connor 1987, Biometrics 43:207).

    ψ: discordance, δ: difference. Raises ValueError for a difference of 0 or above the discordance, and for values out of range.
    """
    check_plan(1, discordance, 0.0, level)
    if not 0.5 <= power < 1:
        raise ValueError(f"power={power} must lie between 0.5 and 1, for example 0.8")
    if not 0 < abs(difference) <= discordance:
        raise ValueError(f"difference={difference} must not be 0 and cannot exceed the discordance, {discordance}, on either side")
    root = z_of(level) * math.sqrt(discordance) + z_of(2 * power - 1) * math.sqrt(discordance - difference**2)
    return math.ceil((root / difference) ** 2)


def pairs_needed(discordance: float, difference: float, power: float = 0.8, level: float = 0.95) -> int:
    """Number of independent pairs from which `paired_power` reaches `power`, by bisection; `connor`'s where it is above `MOST_EXACT`.

    The power is not quite monotone in the number of pairs, so one of the next few numbers may fall just short. Raises ValueError as
    `connor` does.
    """
    n = connor(discordance, difference, power, level)
    if n > MOST_EXACT:
        return n
    low, high = 1, max(n, 8)
    while paired_power(high, discordance, difference, level) < power:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if paired_power(middle, discordance, difference, level) >= power else (middle, high)
    return high


@lru_cache(maxsize=2**16)
def _rejected_up_to(m: int, alpha: float) -> int:
    """The largest count x < m / 2 whose two-sided mid-p among m discordant pairs is at most alpha; −1 if there is none."""
    from scipy.stats import binom

    x = np.arange((m + 1) // 2)
    midp = 2 * binom.cdf(x, m, 0.5) - binom.pmf(x, m, 0.5)
    return int(np.searchsorted(midp, alpha, side="right")) - 1


def check_plan(n: int, discordance: float, difference: float, level: float) -> None:
    """Raise ValueError for fewer than one pair, a discordance outside 0 to 1, a larger difference, and a level outside 0 to 1."""
    check_level(level)
    if n < 1 or n != int(n):
        raise ValueError(f"n={n} pairs: needs a whole number of at least 1")
    if not 0 <= discordance <= 1:
        raise ValueError(f"discordance={discordance} must lie between 0 and 1")
    if not abs(difference) <= discordance:
        raise ValueError(f"difference={difference} cannot exceed the discordance, {discordance}, on either side")
