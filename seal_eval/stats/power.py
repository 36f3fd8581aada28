"""How large a difference a paired comparison of 0/1 scores can see."""

import numpy as np

from seal_eval.stats.intervals import check_level


def paired_power(n: int, discordance: float, difference: float, level: float = 0.95) -> float:
    """Chance that the two-sided mid-p McNemar test on `n` pairs rejects at 1 − level.

    discordance: share of pairs on which the methods differ; difference: of their accuracies. The power given m discordant pairs is
    averaged over m ~ Bin(n, discordance) (Connor 1987, Biometrics 43:207, unconditional power; mid-p: Fagerland et al. 2013).
    Raises ValueError for |difference| above discordance and values out of range.
    """
    from scipy.stats import binom

    _check(n, discordance, level)
    if not abs(difference) <= discordance:
        raise ValueError(f"difference={difference} cannot exceed the discordance, {discordance}, on either side")
    if discordance == 0:
        return 0.0
    share = (1 + difference / discordance) / 2  # of discordant pairs that only A has right
    m = np.arange(n + 1)
    weights = binom.pmf(m, n, discordance)
    total = 0.0
    for pairs, weight in zip(m[weights > 1e-14], weights[weights > 1e-14], strict=True):
        most = _rejected_up_to(int(pairs), 1 - level)
        if most >= 0:
            total += weight * (binom.cdf(most, pairs, share) + binom.sf(pairs - most - 1, pairs, share))
    return float(total)


def minimum_detectable(n: int, discordance: float, power: float = 0.8, level: float = 0.95) -> float | None:
    """The smallest difference of accuracies that `paired_power` reaches `power` for; None when even the largest possible does not.

    Raises ValueError for values out of range.
    """
    from scipy.optimize import brentq

    _check(n, discordance, level)
    if not 0 < power < 1:
        raise ValueError(f"power={power} must lie between 0 and 1, for example 0.8")
    if paired_power(n, discordance, discordance, level) < power:
        return None
    if paired_power(n, discordance, 0.0, level) >= power:
        return 0.0
    return float(brentq(lambda d: paired_power(n, discordance, min(d, discordance), level) - power, 0.0, discordance, xtol=1e-9))


def _rejected_up_to(m: int, alpha: float) -> int:
    """The largest count x < m / 2 whose two-sided mid-p among m discordant pairs is at most alpha; −1 for none."""
    from scipy.stats import binom

    x = np.arange((m + 1) // 2)
    midp = 2 * binom.cdf(x, m, 0.5) - binom.pmf(x, m, 0.5)
    return int(np.searchsorted(midp, alpha, side="right")) - 1


def _check(n: int, discordance: float, level: float) -> None:
    check_level(level)
    if n < 1 or n != int(n):
        raise ValueError(f"n={n} pairs: needs a whole number of at least 1")
    if not 0 <= discordance <= 1:
        raise ValueError(f"discordance={discordance} must lie between 0 and 1")
