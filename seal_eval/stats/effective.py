"""Score intervals when documents repeat: as many independent samples as the spread between documents leaves."""

import math

import numpy as np

from seal_eval.core.types import Estimate
from seal_eval.stats.intervals import check_level, z_of
from seal_eval.stats.layout import Array, Layout, Values, layout, variance
from seal_eval.stats.paired import tango_bounds


def clustered_proportion(scores: Values, clusters: Values, cells: Values | None = None, level: float = 0.95) -> Estimate:
    """Cell-averaged accuracy with Wilson's interval at the effective sample size (Korn & Graubard 1998, Survey Methodology 24:193).

    n* = p (1 − p) / V, V the variance between documents, corrected by (z / t)² for few of them and at most n. Where p is 0 or 1, V tells
    nothing and each document counts as one sample. Raises ValueError for one document and for scores outside 0 to 1.
    """
    values, design = _values(scores, clusters, cells, level, 0)
    p = float(design.average(values))
    n = effective_size(design, values, p * (1 - p), level)
    z = z_of(level)
    centre, reach = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = ((centre + side * reach) / (1 + z * z / n) for side in (-1, 1))
    return Estimate(p, 0.0 if p == 0 else low, 1.0 if p == 1 else high, level, len(values), "Wilson score at the effective sample size")


def clustered_difference(a: Values, b: Values, clusters: Values, cells: Values | None = None, level: float = 0.95) -> Estimate:
    """Cell-averaged difference A − B of 0/1 scores with Tango's interval at the effective number of pairs.

    That number is (p_a + p_b − (p_a − p_b)²) / V, with p_a and p_b the shares of pairs that only one has right, corrected and bounded as in
    `clustered_proportion`; without spread each document counts as one pair, so the interval is never ±0. Raises as that, and for scores
    other than 0 and 1.
    """
    values, design = _values(np.asarray(a, dtype=float) - np.asarray(b, dtype=float), clusters, cells, level, -1)
    if not np.isin(values, (-1, 0, 1)).all():
        raise ValueError("a and b: scores must be 0 or 1; cluster_bootstrap takes others")
    only_a, only_b = (float(design.average((values == side).astype(float))) for side in (1, -1))
    value = only_a - only_b
    n = effective_size(design, values, only_a + only_b - value**2, level)
    low, high = tango_bounds(only_a * n, only_b * n, n, z_of(level))
    discordant = int((values != 0).sum())
    return Estimate(value, low, high, level, len(values), "Tango score at the effective number of pairs", n_discordant=discordant)


def effective_size(design: Layout, values: Array, one: float, level: float) -> float:
    """How many independent samples are as good: `one` is the variance of a single one."""
    from scipy.stats import t

    between, degrees = map(float, variance(design, values))
    if one < 1e-12 or between < 1e-12 * one:
        return float(design.n_clusters)
    few = (z_of(level) / float(t.ppf((1 + level) / 2, degrees))) ** 2
    return min(one / between, len(values)) * few


def intraclass_correlation(values: Values, clusters: Values) -> float:
    """How alike samples of one document are, 0 to 1: the ANOVA estimator (Donner & Koval 1980, Biometrics 36:19), negative ones given as 0.

    Raises ValueError when no document has two samples or there is only one document.
    """
    x, design = np.asarray(values, dtype=float), layout(clusters)
    size = np.bincount(design.cluster)
    n, k = len(x), len(size)
    if k < 2 or n == k:
        raise ValueError(f"{n} samples of {k} documents: needs two documents, and one with two samples")
    mean = np.bincount(design.cluster, x) / size
    between = float((size * (mean - x.mean()) ** 2).sum() / (k - 1))
    within = float(((x - mean[design.cluster]) ** 2).sum() / (n - k))
    typical = (n - (size**2).sum() / n) / (k - 1)
    total = between + (typical - 1) * within
    return max(0.0, (between - within) / total) if total > 0 else 0.0


def _values(scores: Values, clusters: Values, cells: Values | None, level: float, least: float) -> tuple[Array, Layout]:
    check_level(level)
    values, design = np.asarray(scores, dtype=float), layout(clusters, cells)
    if values.shape != (len(clusters),):
        raise ValueError(f"{values.shape} scores for {len(clusters)} documents: needs one for each sample")
    if not ((values >= least) & (values <= 1)).all():
        raise ValueError(f"scores must lie between 0 and 1; sample {int(np.argmin((values >= least) & (values <= 1)))} does not")
    return values, design
