"""Score intervals for clustered samples: the number of samples is replaced by the effective number of independent ones."""

import math

import numpy as np

from seal_eval.core.types import Estimate
from seal_eval.stats.intervals import check_level, z_of
from seal_eval.stats.layout import (
    Array,
    Layout,
    Values,
    apart,
    cluster_shares,
    effective_clusters,
    layout,
    sample_shares,
    satterthwaite,
    variance_parts,
)
from seal_eval.stats.paired import tango_bounds

PRIOR_DOCUMENTS = 2  # with PRIOR_CORRELATION, see `effective_size`; benchmarks/statistics_simulation.py shows the coverage
PRIOR_CORRELATION = 0.3


def clustered_proportion(scores: Values, clusters: Values, cells: Values | None = None, level: float = 0.95) -> Estimate:
    """Cell-averaged accuracy with Wilson's interval at the effective sample size (Korn & Graubard 1998, Survey Methodology 24:193).

    scores in 0 to 1, clusters, cells: [n_samples]. See `effective_size`; where p is 0 or 1, or clusters do not differ, each cluster counts
    as one sample. Raises ValueError for a single cluster, scores outside 0 to 1, arrays that do not match, and a level outside 0 to 1.
    """
    values, design = _checked(scores, clusters, cells, level, 0)
    p = float(design.average(values))
    n = effective_size(design, values, p * (1 - p), level)
    z = z_of(level)
    centre, half_width = p + z * z / (2 * n), z * math.sqrt(max(p * (1 - p), 0) / n + z * z / (4 * n * n))
    low, high = ((centre + side * half_width) / (1 + z * z / n) for side in (-1, 1))
    return Estimate(p, 0.0 if p == 0 else low, 1.0 if p == 1 else high, level, len(values), "Wilson score at the effective sample size")


def clustered_difference(a: Values, b: Values, clusters: Values, cells: Values | None = None, level: float = 0.95) -> Estimate:
    """Cell-averaged difference A − B of scores in 0 to 1 with Tango's interval at the effective number of pairs.

    a, b, clusters, cells: [n_samples]. Tango's shares of pairs that only A or only B has right are the averages of A − B where it is
    positive and of B − A where that is; for 0/1 scores these are the shares. See `effective_size`; where clusters do not differ, each
    counts as one pair, so the interval is never ±0. Raises ValueError as `clustered_proportion` does.
    """
    values, design = _checked(np.asarray(a, dtype=float) - np.asarray(b, dtype=float), clusters, cells, level, -1)
    only_a, only_b = (float(design.average(np.maximum(side * values, 0))) for side in (1, -1))
    value = only_a - only_b
    n = effective_size(design, values, only_a + only_b - value**2, level)
    low, high = tango_bounds(only_a * n, only_b * n, n, z_of(level))
    discordant = int((values != 0).sum())
    return Estimate(value, low, high, level, len(values), "Tango score at the effective number of pairs", n_discordant=discordant)


def effective_size(design: Layout, values: Array, single_variance: float, level: float) -> float:
    """The number n* of independent 0/1 samples (or pairs) that would be as precise: single_variance / V · (z / t)².

    single_variance: variance of one such sample. V is `layout.variance`, each of its parts averaged with what 0/1 samples of an intraclass
    correlation of `PRIOR_CORRELATION` would give there, which counts like `PRIOR_DOCUMENTS` documents: few documents often show less spread
    than there is, above all when most scores are alike. A cell of few documents keeps this when another cell has many. V is at least that
    of independent samples. (z / t)² corrects for few clusters. Where the variance is 0 or clusters do not differ, each cluster counts as
    one sample (`effective_clusters`). Where a cell has only some of the clusters that cells share, n* is the smaller of this one and that
    of clusters `apart`.
    """
    return min(_effective_size(one, values, single_variance, level) for one in (design, apart(design)) if one)


def _effective_size(design: Layout, values: Array, single_variance: float, level: float) -> float:
    """`effective_size` of the clusters as the design links them."""
    from scipy.stats import t

    part, degrees, place = variance_parts(design, values[:, None])
    between = float(part.sum())
    if single_variance < 1e-12 or between < 1e-12 * single_variance:
        return effective_clusters(design)
    of_samples = np.bincount(place[design.cluster], sample_shares(design) ** 2, len(part))
    of_clusters = np.bincount(place, cluster_shares(design) ** 2, len(part))
    prior = single_variance * (PRIOR_CORRELATION * of_clusters + (1 - PRIOR_CORRELATION) * of_samples)
    part = (degrees * part[:, 0] + PRIOR_DOCUMENTS * prior) / (degrees + PRIOR_DOCUMENTS)
    spread = float(design.average((values - design.cell_means(values)[design.cell]) ** 2))
    together = float(satterthwaite(part[:, None], degrees)[0])
    correction = (z_of(level) / float(-t.ppf((1 - level) / 2, together))) ** 2
    return single_variance / max(float(part.sum()), spread * float(of_samples.sum())) * correction


def intraclass_correlation(values: Values, clusters: Values) -> float:
    """How similar samples of one cluster are, 0 to 1: `anova_correlation`, raised to 0 if negative."""
    return max(0.0, anova_correlation(values, clusters))


def anova_correlation(values: Values, clusters: Values) -> float:
    """The ANOVA estimator of the intraclass correlation (Donner & Koval 1980, Biometrics 36:19); 0 where all values are equal.

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
    return (between - within) / total if total > 0 else 0.0


def _checked(scores: Values, clusters: Values, cells: Values | None, level: float, least: float) -> tuple[Array, Layout]:
    check_level(level)
    values, design = np.asarray(scores, dtype=float), layout(clusters, cells)
    if values.shape != (len(clusters),):
        raise ValueError(f"scores: shape {values.shape}, needs one for each of {len(clusters)} samples")
    check_scores(values, least)
    return values, design


def check_scores(values: Array, least: float = 0.0) -> None:
    """Raise ValueError, naming the first, for scores (or their differences, least = −1) that are out of range or no numbers."""
    in_range = (values >= least) & (values <= 1)
    if not in_range.all():
        raise ValueError(f"scores must lie between 0 and 1; sample {int(np.argmin(in_range))} does not")
