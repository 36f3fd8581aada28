"""Does the difference between two methods grow with length?"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from seal_eval.stats.intervals import check_level, z_of
from seal_eval.stats.layout import Values


@dataclass(frozen=True)
class Interaction:
    """value: change per doubling of the length of the log odds that A, not B, is right in a discordant pair; low, high: Wald's interval.

    value, low, high and p_value are None when the discordant pairs do not determine them; `method` then states why. n: number of pairs.
    """

    value: float | None
    low: float | None
    high: float | None
    p_value: float | None
    level: float
    n: int
    n_discordant: int
    method: str


def method_by_length(a: Values, b: Values, lengths: Values, clusters: Values | None = None, level: float = 0.95) -> Interaction:
    """Interaction of method and log2(length) in a conditional logistic regression with the sample as stratum (Breslow & Day 1980, ch. 7).

    For two methods the likelihood equals that of a logistic regression of "A is right" on log2(length) among discordant pairs (Agresti
    2013, section 11.2). Where clusters (documents) repeat, the variance is the sandwich estimate between clusters. a, b: 0/1 scores; a, b,
    lengths, clusters: [n_samples]. Raises ValueError for other scores, lengths that are not positive, and arrays that do not match.
    """
    import statsmodels.api as sm

    check_level(level)
    first, second, size = (np.asarray(x, dtype=float) for x in (a, b, lengths))
    if not (first.shape == second.shape == size.shape) or first.ndim != 1:
        raise ValueError(f"a, b and lengths: shapes {first.shape}, {second.shape} and {size.shape}, needs one value of each per sample")
    if not (np.isin(first, (0, 1)).all() and np.isin(second, (0, 1)).all() and (size > 0).all()):
        raise ValueError("a and b must be 0 or 1, lengths above 0")
    discordant = first != second
    a_won, x = first[discordant], np.log2(size[discordant])

    def not_estimable(reason: str) -> Interaction:
        return Interaction(None, None, None, None, level, len(first), int(discordant.sum()), f"not estimable: {reason}")

    if len(set(size)) < 2:
        return not_estimable("one length")
    if len(set(x)) < 2:
        return not_estimable("fewer than two lengths have discordant pairs")
    if a_won.all() or not a_won.any() or x[a_won == 1].max() <= x[a_won == 0].min() or x[a_won == 0].max() <= x[a_won == 1].min():
        return not_estimable("a length splits the discordant pairs (separation)")
    design = sm.add_constant(x - x.mean())
    model = sm.GLM(a_won, design, family=sm.families.Binomial())
    groups = None if clusters is None else _clusters(clusters, discordant)
    if groups is None:
        fit, method = model.fit(), "conditional logistic regression"
    else:
        fit = model.fit(cov_type="cluster", cov_kwds={"groups": groups})
        method = "conditional logistic regression, sandwich variance between documents"
    value, se = float(fit.params[1]), float(fit.bse[1])
    if not (math.isfinite(value) and math.isfinite(se) and 0 < se < 1e3):
        return not_estimable("too few documents with discordant pairs")
    half_width = z_of(level) * se
    p_value = float(fit.pvalues[1])
    return Interaction(value, value - half_width, value + half_width, p_value, level, len(first), int(discordant.sum()), method)


def _clusters(clusters: Values, discordant: Any) -> Any:
    """Cluster index of each discordant pair; None when no cluster of the design repeats."""
    _, index = np.unique(np.asarray([str(name) for name in clusters]), return_inverse=True)
    return None if len(set(index)) == len(index) else index[discordant]
