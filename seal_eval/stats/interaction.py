"""Does the difference between two methods grow with length?"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from seal_eval.stats.intervals import check_level, z_of
from seal_eval.stats.layout import Values, layout

LEAST_CLUSTERS = 4  # with discordant pairs, so that two degrees of freedom are left


@dataclass(frozen=True)
class Interaction:
    """value: change per doubling of the length of the log odds that A, not B, is right in a discordant pair; low, high: its interval.

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
    2013, section 11.2). Where clusters (documents) repeat, the variance is the jackknife of clusters, leaving one out at a time in one
    Newton step from the estimate (CR3: MacKinnon, Nielsen, Webb 2023, J. Econometrics 232:272), with Student's t and G − 2 degrees of
    freedom for G clusters that have discordant pairs; with fewer than `LEAST_CLUSTERS` of them nothing is estimated. a, b: 0/1 scores; a,
    b, lengths, clusters: [n_samples]. Raises ValueError for other scores, lengths that are not positive, and arrays that do not match.
    """
    import statsmodels.api as sm
    from scipy.stats import t

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
    if groups is not None and len(set(groups)) < LEAST_CLUSTERS:
        return not_estimable(f"{len(set(groups))} documents have discordant pairs, needs {LEAST_CLUSTERS}")
    fit = model.fit()
    value = float(fit.params[1])
    if groups is None:
        se, quantile, p_value, method = float(fit.bse[1]), z_of(level), float(fit.pvalues[1]), "conditional logistic regression"
    else:
        se, free = _jackknife(design, a_won, np.asarray(fit.fittedvalues), groups), len(set(groups)) - 2
        quantile, p_value = float(t.ppf((1 + level) / 2, free)), float(2 * t.sf(abs(value) / se, free)) if se > 0 else 0.0
        method = f"conditional logistic regression, jackknife of documents, t with {free} df"
    if not (math.isfinite(value) and math.isfinite(se) and 0 < se < 1e3):
        return not_estimable("one document decides it")
    low, high = value - quantile * se, value + quantile * se
    return Interaction(value, low, high, p_value, level, len(first), int(discordant.sum()), method)


def _jackknife(design: Any, won: Any, fitted: Any, groups: Any) -> float:
    """Standard error of the slope from leaving out one group at a time, by one Newton step; infinite where the rest has no slope.

    design: [n_pairs, 2]; won, fitted probabilities, groups: [n_pairs].
    """
    index = np.unique(groups, return_inverse=True)[1]
    score, information = np.zeros((index.max() + 1, 2)), np.zeros((index.max() + 1, 2, 2))
    np.add.at(score, index, design * (won - fitted)[:, None])
    np.add.at(information, index, (fitted * (1 - fitted))[:, None, None] * design[:, :, None] * design[:, None, :])
    rest = information.sum(axis=0) - information
    if (np.linalg.det(rest) < 1e-9 * np.linalg.det(information.sum(axis=0))).any():
        return math.inf
    moves = np.linalg.solve(rest, score[:, :, None])[:, 1, 0]  # of the slope, when each group is left out
    return math.sqrt((len(moves) - 1) / len(moves) * float(((moves - moves.mean()) ** 2).sum()))


def _clusters(clusters: Values, discordant: Any) -> Any:
    """Cluster index of each discordant pair; None when no cluster of the design repeats."""
    design = layout(clusters)
    return None if design.n_clusters == len(design.cluster) else design.cluster[discordant]
