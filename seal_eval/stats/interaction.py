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


def method_by_length(
    a: Values, b: Values, lengths: Values, clusters: Values | None = None, level: float = 0.95, tasks: Values | None = None
) -> Interaction:  # fmt: skip
    """Interaction of method and log2(length) in a conditional logistic regression with the sample as stratum (Breslow & Day 1980, ch. 7).

    For two methods the likelihood equals that of a logistic regression of "A is right" on log2(length) among discordant pairs (Agresti
    2013, section 11.2). Each task has its own intercept: else a task that has more discordant pairs at one length would pass its difference
    off as that of the length. Tasks whose discordant pairs all went one way, or have one length, tell nothing of the slope. Where clusters
    (documents) repeat, the variance is the jackknife of clusters, leaving one out at a time in one Newton step from the estimate (CR3:
    MacKinnon, Nielsen, Webb 2023, J. Econometrics 232:272), with Student's t and G − 2 degrees of freedom for G clusters that have
    discordant pairs; with fewer than `LEAST_CLUSTERS` of them nothing is estimated. a, b: 0/1 scores; a, b, lengths, clusters, tasks:
    [n_samples]. Raises ValueError for other scores, lengths that are not positive, and arrays that do not match.
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
    if tasks is not None and len(tasks) != len(first):
        raise ValueError(f"{len(tasks)} tasks, needs one for each of {len(first)} samples")
    task = layout(np.zeros(len(first), dtype=int) if tasks is None else tasks).cluster
    informative = discordant.copy()
    for one in np.unique(task) if tasks is not None else ():
        here = discordant & (task == one)
        informative[here] = len(set(first[here])) > 1 and len(set(size[here])) > 1
    n_discordant = int(discordant.sum())
    if informative.any():
        discordant = informative
    a_won, x, task = first[discordant], np.log2(size[discordant]), task[discordant]

    def not_estimable(reason: str) -> Interaction:
        return Interaction(None, None, None, None, level, len(first), n_discordant, f"not estimable: {reason}")

    if len(set(size)) < 2:
        return not_estimable("one length")
    if len(set(x)) < 2:
        return not_estimable("fewer than two lengths have discordant pairs")
    if _separated(a_won, x, task) or _separated(1 - a_won, x, task):
        return not_estimable("a length splits the discordant pairs (separation)")
    design = np.column_stack([task == one for one in np.unique(task)] + [x - x.mean()]).astype(float)
    model = sm.GLM(a_won, design, family=sm.families.Binomial())
    groups = None if clusters is None else _clusters(clusters, discordant)
    if groups is not None and len(set(groups)) < LEAST_CLUSTERS:
        return not_estimable(f"{len(set(groups))} documents have discordant pairs, needs {LEAST_CLUSTERS}")
    fit = model.fit()
    value = float(fit.params[-1])
    if groups is None:
        se, quantile, p_value, method = float(fit.bse[-1]), z_of(level), float(fit.pvalues[-1]), "conditional logistic regression"
    else:
        se, free = _jackknife(design, a_won, np.asarray(fit.fittedvalues), groups), len(set(groups)) - 2
        quantile, p_value = float(-t.ppf((1 - level) / 2, free)), float(2 * t.sf(abs(value) / se, free)) if se > 0 else 0.0
        method = f"conditional logistic regression, jackknife of documents, t with {free} df"
    if not (math.isfinite(value) and math.isfinite(se) and 0 < se < 1e3):
        return not_estimable("one document decides it")
    low, high = value - quantile * se, value + quantile * se
    return Interaction(value, low, high, p_value, level, len(first), n_discordant, method)


def _separated(won: Any, x: Any, task: Any) -> bool:
    """Whether in every task, A won no discordant pair at a greater length than one that it lost."""
    ends = [(x[(task == one) & (won == 1)], x[(task == one) & (won == 0)]) for one in np.unique(task)]
    return all(not len(wins) or not len(losses) or wins.max() <= losses.min() for wins, losses in ends)


def _jackknife(design: Any, won: Any, fitted: Any, groups: Any) -> float:
    """Standard error of the slope from leaving out one group at a time, by one Newton step; infinite where the rest has no slope.

    design: [n_pairs, n_tasks + 1], which task, and the length; won, fitted probabilities, groups: [n_pairs]. The information of the tasks'
    intercepts is diagonal, so they are eliminated one by one; that of a task whose every pair is left out is 0, and it drops out.
    """
    index = np.unique(groups, return_inverse=True)[1]
    g = (index.max() + 1, design.shape[1])
    score, across = np.zeros(g), np.zeros(g)  # across: the information that each column shares with the slope
    own = np.zeros(g)
    weight = (fitted * (1 - fitted))[:, None] * design
    for array, values in ((score, design * (won - fitted)[:, None]), (across, weight * design[:, -1:]), (own, weight * design)):
        np.add.at(array, index, values)
    rest, shared = own.sum(axis=0) - own, across.sum(axis=0) - across
    of_tasks = np.where(rest > 1e-9 * own.sum(axis=0), shared / np.maximum(rest, 1e-300), 0.0)[:, :-1]
    slope = rest[:, -1] - (of_tasks * shared[:, :-1]).sum(axis=1)
    if (slope < 1e-9 * own[:, -1].sum()).any():
        return math.inf
    moves = (score[:, -1] - (of_tasks * score[:, :-1]).sum(axis=1)) / slope
    return math.sqrt((len(moves) - 1) / len(moves) * float(((moves - moves.mean()) ** 2).sum()))


def _clusters(clusters: Values, discordant: Any) -> Any:
    """Cluster index of each discordant pair; None when no cluster of the design repeats."""
    design = layout(clusters)
    return None if design.n_clusters == len(design.cluster) else design.cluster[discordant]
