"""Score intervals for clustered samples: the number of samples is replaced by the effective number of independent ones."""

import math

import numpy as np

from seal_eval.core.types import Estimate
from seal_eval.stats.intervals import check_level, z_of
from seal_eval.stats.layout import Array, Layout, Values, layout, variance
from seal_eval.stats.paired import tango_bounds


def clustered_proportion(scores: Values, clusters: Values, cells: Values | None = None, level: float = 0.95) -> Estimate:
    """Cell-averaged accuracy with Wilson's interval at the effective sample size (Korn & Graubard 1998, Survey Methodology 24:193).

    n* = min(p (1 − p) / V, n) · (z / t)², where V is the variance between clusters (documents) and (z / t)² corrects for few of them.
    Where p is 0 or 1, or clusters do not differ, each cluster counts as one sample. scores, clusters, cells: [n_samples]. Raises
    ValueError for a single cluster, scores outside 0 to 1, arrays that do not match, and a level outside 0 to 1.
    """
    values, design = _checked(scores, clusters, cells, level, 0)
    p = float(design.average(values))
    n = effective_size(design, values, p * (1 - p), level)
    z = z_of(level)
    centre, half_width = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = ((centre + side * half_width) / (1 + z * z / n) for side in (-1, 1))
    return Estimate(p, 0.0 if p == 0 else low, 1.0 if p == 1 else high, level, len(values), "Wilson score at the effective sample size")


def clustered_difference(a: Values, b: Values, clusters: Values, cells: Values | None = None, level: float = 0.95) -> Estimate:
    """Cell-averaged difference A − B of 0/1 scores with Tango's interval at the effective number of pairs.

    The effective number is (p_a + p_b − (p_a − p_b)²) / V, where p_a and p_b are the shares of pairs that only A or only B has right. It is
    bounded and corrected as in `clustered_proportion`; where clusters do not differ, each counts as one pair, so the interval is never ±0.
    Raises ValueError as `clustered_proportion` does, and for differences other than −1, 0 and 1.
    """
    values, design = _checked(np.asarray(a, dtype=float) - np.asarray(b, dtype=float), clusters, cells, level, -1)
    if not np.isin(values, (-1, 0, 1)).all():
        raise ValueError("a and b: scores must be 0 or 1; cluster_bootstrap takes others")
    only_a, only_b = (float(design.average((values == side).astype(float))) for side in (1, -1))
    value = only_a - only_b
    n = effective_size(design, values, only_a + only_b - value**2, level)
    low, high = tango_bounds(only_a * n, only_b * n, n, z_of(level))
    discordant = int((values != 0).sum())
    return Estimate(value, low, high, level, len(values), "Tango score at the effective number of pairs", n_discordant=discordant)


def effective_size(design: Layout, values: Array, single_variance: float, level: float) -> float:
    """Return the number of independent samples that would be as precise, see `clustered_proportion`.

    single_variance: variance of one independent sample. Returns the number of clusters where it is 0 or clusters do not differ.
    """
    from scipy.stats import t

    between, degrees = map(float, variance(design, values))
    if single_variance < 1e-12 or between < 1e-12 * single_variance:
        return float(design.n_clusters)
    correction = (z_of(level) / float(t.ppf((1 + level) / 2, degrees))) ** 2  # for few clusters
    return min(single_variance / between, len(values)) * correction


def intraclass_correlation(values: Values, clusters: Values) -> float:
    """How similar samples of one cluster are, 0 to 1: the ANOVA estimator (Donner & Koval 1980, Biometrics 36:19), raised to 0 if negative.

    values, clusters: [n_samples]. Raises ValueError when no cluster has two samples and for a single cluster.
    """
    x, design = np.asarray(values, dtype=float), layout(clusters)
    size = np.bincount(design.cluster)
    n, k = len(x), len(size)
    if k < 2 or n == k:
        raise ValueError(f"{n} samples of {k} clusters: needs at least two clusters, and a cluster with two samples")
    mean = np.bincount(design.cluster, x) / size
    between = float((size * (mean - x.mean()) ** 2).sum() / (k - 1))
    within = float(((x - mean[design.cluster]) ** 2).sum() / (n - k))
    typical = (n - (size**2).sum() / n) / (k - 1)
    total = between + (typical - 1) * within
    return max(0.0, (between - within) / total) if total > 0 else 0.0


def _checked(scores: Values, clusters: Values, cells: Values | None, level: float, least: float) -> tuple[Array, Layout]:
    check_level(level)
    values, design = np.asarray(scores, dtype=float), layout(clusters, cells)
    if values.shape != (len(clusters),):
        raise ValueError(f"scores: shape {values.shape}, needs one for each of {len(clusters)} samples")
    in_range = (values >= least) & (values <= 1)
    if not in_range.all():
        raise ValueError(f"scores must lie between 0 and 1; sample {int(np.argmin(in_range))} does not")
    return values, design
