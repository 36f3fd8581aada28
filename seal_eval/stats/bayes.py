"""A Bayesian reading of paired 0/1 scores."""

from dataclasses import dataclass

import numpy as np

from seal_eval.stats.intervals import check_level

GRID = 4000  # quantiles of the discordance that are averaged over


@dataclass(frozen=True)
class Posterior:
    """Of the difference A − B: mean and equal-tailed credible interval; p_a, p_same, p_b sum to 1.

    p_better: P(A > B). p_a: A is better by more than `rope`; p_same: the difference is at most rope; p_b: B is better by more.
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
    """Posterior of the difference under a Dirichlet(½, ½, ½, ½) prior on the four shares of pairs.

    Region of practical equivalence: Benavoli, Corani, Demšar, Zaffalon 2017, JMLR 18:77, whose default is one point. Pairs count as
    independent; counts need not be whole, so that an effective number can be given. Raises ValueError for negative counts and a rope
    outside 0 to 1.
    """
    from scipy.optimize import brentq
    from scipy.stats import beta

    check_level(level)
    table = (both, only_a, only_b, neither)
    if not all(np.isfinite(x) and x >= 0 for x in table):
        raise ValueError(f"{table}: counts of pairs must be at least 0")
    if not 0 <= rope <= 1:
        raise ValueError(f"rope={rope} must lie between 0 and 1, for example 0.01")
    n = sum(table)
    # discordance s and A's share of it are independent under a Dirichlet; the difference is s (2 share − 1)
    s = beta.ppf((np.arange(GRID) + 0.5) / GRID, only_a + only_b + 1, both + neither + 1)
    share = beta(only_a + 0.5, only_b + 0.5)

    def below(difference: float) -> float:
        return float(share.cdf(np.clip((1 + difference / s) / 2, 0, 1)).mean())

    def quantile(q: float) -> float:
        return float(brentq(lambda d: below(d) - q, -1.0, 1.0, xtol=1e-10))

    low, high = quantile((1 - level) / 2), quantile((1 + level) / 2)
    p_b, p_a = below(-rope), 1 - below(rope)
    return Posterior((only_a - only_b) / (n + 2), low, high, level, n, 1 - below(0.0), p_a, 1 - p_a - p_b, p_b, rope)
