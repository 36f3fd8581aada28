"""Bayesian comparison of paired 0/1 scores."""

from dataclasses import dataclass

import numpy as np

from seal_eval.stats.intervals import check_level

GRID = 4000  # quantiles of the posterior discordance over which probabilities are averaged


@dataclass(frozen=True)
class Posterior:
    """Posterior mean (value) of the difference A − B and its equal-tailed credible interval, low to high.

    p_better: P(A > B). p_a: A is better by more than `rope`; p_same: the difference is at most `rope`; p_b: B is better by more than
    `rope`; the three sum to 1. n: number of pairs, not necessarily whole.
    """

    value: float
    low: float
    high: float
    level: float
    n: float
    p_better: float
    p_a: float
    p_same: float
    p_b: float
    rope: float
    method: str = "Dirichlet posterior, Jeffreys prior"


def bayes_paired(both: float, only_a: float, only_b: float, neither: float, rope: float = 0.01, level: float = 0.95) -> Posterior:
    """Posterior of the difference A − B under a Dirichlet(½, ½, ½, ½) prior on the shares of the four kinds of pairs.

    rope: half the width of the region of practical equivalence (Benavoli, Corani, Demšar, Zaffalon 2017, JMLR 18:77, whose default is one
    percentage point). Pairs are treated as independent; counts need not be whole, so that an effective number of pairs can be passed.
    Raises ValueError for counts that are negative or not finite, and for a rope or level out of range.
    """
    from scipy.optimize import brentq
    from scipy.stats import beta

    check_level(level)
    table = (both, only_a, only_b, neither)
    if not all(np.isfinite(x) and x >= 0 for x in table):
        raise ValueError(f"counts {table}: must be finite and at least 0")
    if not 0 <= rope <= 1:
        raise ValueError(f"rope={rope} must lie between 0 and 1, for example 0.01")
    n = sum(table)
    # under a Dirichlet the discordance s and A's share of it are independent; the difference is s (2 share − 1)
    s = beta.ppf((np.arange(GRID) + 0.5) / GRID, only_a + only_b + 1, both + neither + 1)
    share = beta(only_a + 0.5, only_b + 0.5)

    def below(difference: float) -> float:
        return float(share.cdf(np.clip((1 + difference / s) / 2, 0, 1)).mean())

    def quantile(q: float) -> float:
        return float(brentq(lambda d: below(d) - q, -1.0, 1.0, xtol=1e-10))

    low, high = quantile((1 - level) / 2), quantile((1 + level) / 2)
    p_b, p_a = below(-rope), 1 - below(rope)
    return Posterior((only_a - only_b) / (n + 2), low, high, level, n, 1 - below(0.0), p_a, 1 - p_a - p_b, p_b, rope)
