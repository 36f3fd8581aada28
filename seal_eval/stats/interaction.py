"""Does the difference of two methods grow with length?"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from seal_eval.stats.intervals import check_level, z_of
from seal_eval.stats.layout import Values


@dataclass(frozen=True)
class Interaction:
    """value: by how much the log odds that A is the one who is right rise with each doubling of the length, with Wald's interval.

    value, low, high and p_value are None where the discordant pairs do not say; `method` then tells why. n is the number of pairs.
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

    With two methods its likelihood is that of a logistic regression of "A is right" on log2(length) among discordant pairs (Agresti
    2013, section 11.2). With documents that repeat, the variance is the sandwich between documents. a, b: 0/1 scores. Raises ValueError
    for other scores and lengths that are not positive.
    """
    import statsmodels.api as sm

    check_level(level)
    first, second, size = (np.asarray(x, dtype=float) for x in (a, b, lengths))
    if not (first.shape == second.shape == size.shape) or first.ndim != 1:
        raise ValueError(f"a, b and lengths: {first.shape}, {second.shape} and {size.shape} values, needs one each for every sample")
    if not (np.isin(first, (0, 1)).all() and np.isin(second, (0, 1)).all() and (size > 0).all()):
        raise ValueError("a and b must be 0 or 1, lengths above 0")
    told = first != second
    won, x = first[told], np.log2(size[told])

    def silent(why: str) -> Interaction:
        return Interaction(None, None, None, None, level, len(first), int(told.sum()), f"not estimable: {why}")

    if len(set(size)) < 2:
        return silent("one length")
    if len(set(x)) < 2:
        return silent("fewer than two lengths have discordant pairs")
    if won.all() or not won.any() or x[won == 1].max() <= x[won == 0].min() or x[won == 0].max() <= x[won == 1].min():
        return silent("a length splits the discordant pairs (separation)")
    design = sm.add_constant(x - x.mean())
    model = sm.GLM(won, design, family=sm.families.Binomial())
    names = None if clusters is None else _clusters(clusters, told)
    if names is None:
        fit, how = model.fit(), "conditional logistic regression"
    else:
        fit = model.fit(cov_type="cluster", cov_kwds={"groups": names})
        how = "conditional logistic regression, sandwich variance between documents"
    value, se = float(fit.params[1]), float(fit.bse[1])
    if not (math.isfinite(value) and math.isfinite(se) and 0 < se < 1e3):
        return silent("too few documents with discordant pairs")
    reach = z_of(level) * se
    return Interaction(value, value - reach, value + reach, float(fit.pvalues[1]), level, len(first), int(told.sum()), how)


def _clusters(clusters: Values, told: Any) -> Any:
    """Index of the document of each discordant pair; None when no document of the design repeats."""
    _, index = np.unique(np.asarray([str(d) for d in clusters]), return_inverse=True)
    return None if len(set(index)) == len(index) else index[told]
