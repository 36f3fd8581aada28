"""Two methods on the same samples, scored 0/1.

The table of pairs is always passed as (both right, only A right, only B right, neither right); differences are A − B.
"""

import math
from dataclasses import dataclass

from seal_eval.core.types import Estimate
from seal_eval.stats.intervals import check_level, z_of


@dataclass(frozen=True)
class McNemar:
    """Tests of equal accuracy. p_value is the mid-p; chi2 and p_chi2 (uncorrected, 1 df) are None without discordant pairs."""

    p_exact: float
    p_midp: float
    chi2: float | None
    p_chi2: float | None
    n: int
    n_discordant: int
    method: str = "McNemar: exact, mid-p and asymptotic"

    @property
    def p_value(self) -> float:
        return self.p_midp


def mcnemar(both: int, only_a: int, only_b: int, neither: int) -> McNemar:
    """McNemar's test, exact and mid-p (Fagerland, Lydersen, Laake 2013, BMC Med Res Methodol 13:91).

    mid-p = exact p − half the probability of the tables that are exactly as extreme as the observed one; under equal accuracy
    only_a ~ Bin(only_a + only_b, 1/2). Without discordant pairs both are 1. Raises ValueError for counts that are negative or not whole.
    """
    from scipy.stats import binom, binomtest, chi2

    n, b, c = _check(both, only_a, only_b, neither), only_a, only_b
    if b + c == 0:
        return McNemar(1.0, 1.0, None, None, n, 0)
    exact = float(binomtest(b, b + c).pvalue)
    # half the probability of equally extreme tables: two mirror images, or only one at b = c
    midp = exact - float(binom.pmf(min(b, c), b + c, 0.5)) * (0.5 if b == c else 1)
    statistic = (b - c) ** 2 / (b + c)
    return McNemar(exact, midp, statistic, float(chi2.sf(statistic, 1)), n, b + c)


def tango(both: int, only_a: int, only_b: int, neither: int, level: float = 0.95) -> Estimate:
    """Tango's score interval for the difference of two paired proportions (Tango 1998, Statist. Med. 17:891, eq. 8-10).

    Its width is not 0 even without discordant pairs. p_value is McNemar's mid-p. Raises ValueError as `mcnemar` does, for no pairs, and for
    a level outside 0 to 1.
    """
    n = _check(both, only_a, only_b, neither)
    check_level(level)
    _check_some(n)
    low, high = tango_bounds(only_a, only_b, n, z_of(level))
    test = mcnemar(both, only_a, only_b, neither)
    value = (only_a - only_b) / n
    return Estimate(value, low, high, level, n, "Tango score; McNemar mid-p", p_value=test.p_midp, n_discordant=test.n_discordant)


def tango_bounds(only_a: float, only_b: float, n: float, z: float) -> tuple[float, float]:
    """Lowest and highest difference whose score statistic lies within ±z. Counts need not be whole, so they may be effective numbers."""
    from scipy.optimize import brentq

    b, c, value = only_a, only_b, (only_a - only_b) / n

    def score(delta: float) -> float:
        gap = b - c - n * delta
        variance = n * (2 * restricted(b, c, n, delta) + delta * (1 - delta))
        return 0.0 if gap == 0 else gap / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, gap)

    edge = 1 - 1e-12
    low = -1.0 if score(-edge) <= z else float(brentq(lambda d: min(score(d), 1e9) - z, -edge, value, xtol=1e-12))
    high = 1.0 if score(edge) >= -z else float(brentq(lambda d: max(score(d), -1e9) + z, value, edge, xtol=1e-12))
    return low, high


def restricted(only_a: float, only_b: float, n: float, delta: float) -> float:
    """The maximum-likelihood estimate of P(only B) when P(only A) − P(only B) = delta (Tango 1998, eq. 8)."""
    linear = -only_a - only_b + (2 * n - only_a + only_b) * delta
    constant = -only_b * delta * (1 - delta)
    return (math.sqrt(max(linear * linear - 8 * n * constant, 0.0)) - linear) / (4 * n)


def _check_some(n: int) -> None:
    if n == 0:
        raise ValueError("no pairs: an interval needs at least one")


def _check(*table: int) -> int:
    """Check the counts of the table and return their sum."""
    for name, count in zip(("both", "only_a", "only_b", "neither"), table, strict=True):
        if count < 0 or count != int(count):
            raise ValueError(f"{name}={count}: a count of pairs must be a whole number of at least 0")
    return int(sum(table))
