"""Chooses the test and the interval that the design allows: repeated clusters, sizes of cells, 0/1 or other scores."""

from dataclasses import replace

import numpy as np

from seal_eval.core.types import Estimate
from seal_eval.stats.anytime import anytime, anytime_clusters
from seal_eval.stats.clusters import sign_flip
from seal_eval.stats.effective import clustered_difference, clustered_proportion
from seal_eval.stats.intervals import wilson
from seal_eval.stats.layout import Array, Layout, Values, cluster_totals, layout
from seal_eval.stats.paired import mcnemar, tango
from seal_eval.stats.resampling import cluster_bootstrap

ONE_CLUSTER = "one document: it tells nothing of others"


def accuracy(scores: Values, clusters: Values, cells: Values, level: float = 0.95) -> Estimate:
    """Cell-averaged accuracy with the interval that the design allows.

    0/1 scores in one cell whose clusters (documents) do not repeat: Wilson's interval. A single cluster otherwise: 0 to 1. Anything else:
    `clustered_proportion`.
    """
    values, design = np.asarray(scores, dtype=float), layout(clusters, cells)
    if not repeats(design) and len(design.weight) == 1 and np.isin(values, (0, 1)).all():
        return wilson(int(values.sum()), len(values), level)
    if design.n_clusters < 2:
        return Estimate(float(design.average(values)), 0.0, 1.0, level, len(values), ONE_CLUSTER)
    return clustered_proportion(values, design.cluster, design.cell, level)


def difference(a: Values, b: Values, clusters: Values, cells: Values, level: float = 0.95, sequential: bool = False) -> Estimate:
    """Cell-averaged difference A − B with the interval and p-value that the design allows.

    p-value: the mid-p McNemar test for 0/1 scores whose clusters (documents) do not repeat, in cells of equal size; otherwise the sign-flip
    test of clusters. Interval: Tango's when the McNemar test applies and there is one cell; otherwise `clustered_difference`, or
    `cluster_bootstrap` for scores that are not all 0 or 1. Several samples of a single cluster: −1 to 1, p = 1. With `sequential`,
    the confidence sequence and p-value of `anytime` where the McNemar test applies, else of `anytime_clusters`.
    """
    first, second = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    design = layout(clusters, cells)
    binary = bool(np.isin(first, (0, 1)).all() and np.isin(second, (0, 1)).all())
    value, n = float(design.average(first - second)), len(first)
    if design.n_clusters < 2 and n > 1:
        return Estimate(value, -1.0, 1.0, level, n, ONE_CLUSTER, p_value=1.0, n_discordant=int((first != second).sum()))
    by_table = binary and not repeats(design) and even(design)
    table = pair_table(first, second)
    per_cluster = cluster_totals(design, first - second)
    if sequential:
        if by_table:
            return anytime(*table, level=level)
        # anytime_clusters needs values in −1 to 1, but a cluster may weigh more than 1 / K: scale by the largest weight
        unit = float(cluster_totals(design, np.ones(n)).max()) * design.n_clusters
        sequence = anytime_clusters(per_cluster * design.n_clusters / unit, level)
        low, high = max(-1.0, sequence.low * unit), min(1.0, sequence.high * unit)
        return replace(sequence, value=value, low=low, high=high, n=n, n_discordant=int((first != second).sum()))
    if by_table and len(design.weight) == 1:
        return tango(*table, level=level)
    if binary:
        interval = clustered_difference(first, second, design.cluster, design.cell, level)
    else:
        interval = cluster_bootstrap(first - second, design.cluster, design.cell, level)
    test = mcnemar(*table) if by_table else sign_flip(per_cluster)
    method = f"{interval.method}; {'McNemar mid-p' if by_table else test.method}"
    discordant = int((first != second).sum())
    return Estimate(interval.value, interval.low, interval.high, level, n, method, p_value=test.p_value, n_discordant=discordant)


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
