"""Chooses the test and the interval that the design allows: repeated clusters, sizes of cells, 0/1 or other scores."""

from dataclasses import replace

import numpy as np

from seal_eval.core.types import Estimate
from seal_eval.stats.anytime import anytime
from seal_eval.stats.clusters import sign_flip
from seal_eval.stats.effective import check_scores, clustered_difference, clustered_proportion
from seal_eval.stats.intervals import reconciled, wilson
from seal_eval.stats.layout import Array, Layout, Values, cluster_shares, cluster_totals, layout
from seal_eval.stats.paired import mcnemar, tango

ONE_CLUSTER = "one document: it tells nothing of others"


def accuracy(scores: Values, clusters: Values, cells: Values, level: float = 0.95, sequential: bool = False) -> Estimate:
    """Cell-averaged accuracy with the interval that the design allows.

    0/1 scores in one cell whose clusters (documents) do not repeat: Wilson's interval. A single cluster otherwise: 0 to 1. Anything else:
    `clustered_proportion`. With `sequential`: the confidence sequence of `anytime`. Raises ValueError for scores outside 0 to 1.
    """
    values, design = np.asarray(scores, dtype=float), layout(clusters, cells)
    check_scores(values)
    alone = design.n_clusters < 2 and len(values) > 1
    if not alone and sequential:
        return _sequence(design, values, (0.0, 1.0), level, None)
    if not repeats(design) and len(design.weight) == 1 and np.isin(values, (0, 1)).all():
        return wilson(int(values.sum()), len(values), level)
    if design.n_clusters < 2:
        return Estimate(float(design.average(values)), 0.0, 1.0, level, len(values), ONE_CLUSTER)
    return clustered_proportion(values, design.cluster, design.cell, level)


def difference(a: Values, b: Values, clusters: Values, cells: Values, level: float = 0.95, sequential: bool = False) -> Estimate:
    """Cell-averaged difference A − B with the interval and p-value that the design allows.

    p-value: the mid-p McNemar test for 0/1 scores whose clusters (documents) do not repeat, in cells of equal size; otherwise the sign-flip
    test of clusters. Interval: Tango's when the McNemar test applies and there is one cell; otherwise `clustered_difference`. An interval
    that excludes 0 although the test does not reject is extended to 0 (`reconciled`). A single cluster, of several samples or of one
    with a score that is not 0 or 1: −1 to 1, no p-value. With `sequential`: the confidence sequence and p-value of `anytime`. Raises
    ValueError for scores outside 0 to 1.
    """
    first, second = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    check_scores(first)
    check_scores(second)
    design = layout(clusters, cells)
    gains, n = first - second, len(first)
    discordant = int((gains != 0).sum())
    by_table = by_mcnemar(design, np.column_stack([first, second]))
    if design.n_clusters < 2 and not by_table:
        return Estimate(float(design.average(gains)), -1.0, 1.0, level, n, ONE_CLUSTER, n_discordant=discordant)
    table = pair_table(first, second)
    if sequential:
        return replace(_sequence(design, gains, (-1.0, 1.0), level, 0.0), n_discordant=discordant)
    if by_table and len(design.weight) == 1:
        found = tango(*table, level=level)
    else:
        interval = clustered_difference(first, second, design.cluster, design.cell, level)
        flips = None if by_table else sign_flip(cluster_totals(design, gains))
        test, p_value = (flips.method, flips.p_value) if flips else ("McNemar mid-p", mcnemar(*table).p_midp)
        found = replace(interval, method=f"{interval.method}; {test}", p_value=p_value)
    return reconciled(found)


def pair_p_value(a: Array, b: Array, design: Layout, sequential: bool = False) -> float:
    """The p-value of `difference` alone, for tests of many pairs of methods. Without a test (one cluster) it is 1."""
    by_table = by_mcnemar(design, np.column_stack([a, b]))
    if design.n_clusters < 2 and not by_table:
        return 1.0
    if sequential:
        return float(_sequence(design, a - b, (-1.0, 1.0), 0.95, 0.0).p_value or 0.0)
    if by_table:
        return mcnemar(*pair_table(a, b)).p_midp
    return sign_flip(cluster_totals(design, a - b)).p_value


def by_mcnemar(design: Layout, scores: Array) -> bool:
    """Whether McNemar's test applies: scores [n_samples, …] that are all 0 or 1, no cluster with several samples, cells of one size."""
    return not repeats(design) and even(design) and bool(np.isin(scores, (0, 1)).all())


def _sequence(design: Layout, values: Array, bounds: tuple[float, float], level: float, null: float | None) -> Estimate:
    """`anytime` of the clusters' means."""
    shares = cluster_shares(design)
    return anytime(cluster_totals(design, values) / shares, shares, bounds, level, len(values), null)


def repeats(design: Layout) -> bool:
    """Whether any cluster has several samples."""
    return design.n_clusters < len(design.cluster)


def even(design: Layout) -> bool:
    """Whether all cells have the same number of samples."""
    return bool(np.ptp(np.bincount(design.cell)) == 0)


def pair_table(a: Array, b: Array) -> tuple[int, int, int, int]:
    """Count the pairs of 0/1 scores: (both right, only A right, only B right, neither right)."""
    both, only_a, only_b = (int(x.sum()) for x in ((a == 1) & (b == 1), (a == 1) & (b != 1), (a != 1) & (b == 1)))
    return both, only_a, only_b, len(a) - both - only_a - only_b
