"""Intervals and p-values that stay valid however often the results are checked and whenever the experiment stops."""

import math

import numpy as np

from seal_eval.core.types import Estimate
from seal_eval.stats.intervals import check_level
from seal_eval.stats.layout import Values

STAKES = (np.arange(1, 201) / 200.5) ** 2  # stakes as fractions of the largest possible one, denser near 0: weak effects need small ones


def anytime(
    values: Values, shares: Values, bounds: tuple[float, float], level: float = 0.95, n: int | None = None, null: float | None = 0.0
) -> Estimate:
    """Confidence sequence and p-value for the weighted mean of clusters (documents), valid at every check of a growing sample.

    values: the mean score (or difference A − B) of each cluster, [n_clusters], within `bounds`; shares: its weight, above 0; null: the mean
    that the p-value tests, None for no p-value; n: the number of samples, by default of clusters.

    Bets on a bounded mean (Waudby-Smith & Ramdas 2024, JRSS B 86:1, section 4). With z = share / largest share · (value − m), a bettor who
    stakes λ on every cluster has the capital Π (1 + λ z). If m is the mean, its expectation is at most 1 at every stopping time, whatever
    the distribution: neither symmetry nor a variance is assumed. The capital is spread over `STAKES`, fixed before the data, so the order
    of the clusters does not matter. The interval holds every m at which neither the bettor on more nor the one on less reaches
    2 / (1 − level); p = min(1, 2 / the larger capital at the null).

    Assumes independent clusters whose sizes do not depend on the replies. Cells may have different means if the results are checked when
    all cells are equally complete: the expectation stays at most 1, because Π (1 + λ μ_i) ≤ exp(λ Σ μ_i). Raises ValueError for no
    cluster, values out of bounds, shares that are not positive, and a level outside 0 to 1.
    """
    from scipy.optimize import brentq

    check_level(level)
    x, share, (least, most) = np.asarray(values, dtype=float), np.asarray(shares, dtype=float), bounds
    if x.ndim != 1 or not len(x) or share.shape != x.shape or not ((x >= least - 1e-9) & (x <= most + 1e-9)).all():
        raise ValueError(f"values: shape {x.shape}, needs at least one between {least:g} and {most:g}, and a share for each")
    if not (share > 0).all():
        raise ValueError("shares must be above 0")
    value = float(share @ x / share.sum())
    pairs, times = np.unique(np.column_stack([np.clip(x, least, most), np.round(share / share.max(), 9)]), axis=0, return_counts=True)
    x, share = pairs[:, 0], pairs[:, 1]

    def log_capital(mean: float, more: bool) -> float:
        """Of the bettor that the mean is above `mean`, or below it."""
        z = share * (x - mean) / (mean - least if more else mean - most)
        bets = (times[:, None] * np.log1p(np.maximum(z[:, None] * STAKES, -1 + 1e-15))).sum(axis=0)
        return float(bets.max() + math.log(np.exp(bets - bets.max()).mean()))

    bound, edge = math.log(2 / (1 - level)), 1e-9
    low, high = least, most
    if value > least + edge and log_capital(least + edge, True) > bound:
        low = float(brentq(lambda m: log_capital(m, True) - bound, least + edge, value, xtol=1e-10))
    if value < most - edge and log_capital(most - edge, False) > bound:
        high = float(brentq(lambda m: log_capital(m, False) - bound, value, most - edge, xtol=1e-10))
    p_value = None if null is None else min(1.0, 2 * math.exp(-max(log_capital(null, side) for side in (True, False))))
    discordant = None if null is None else int(times[x != null].sum())
    method = "betting confidence sequence, anytime-valid"
    return Estimate(value, low, high, level, n or int(times.sum()), method, p_value=p_value, n_discordant=discordant)
