"""The test and the interval that a design allows."""

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
    """Cell-averaged accuracy. Wilson's interval for 0/1 scores of one cell without repeated documents, else `clustered_proportion`."""
    values, design = np.asarray(scores, dtype=float), layout(clusters, cells)
    if not repeats(design) and len(design.weight) == 1 and np.isin(values, (0, 1)).all():
        return wilson(int(values.sum()), len(values), level)
    if design.n_clusters < 2:
        return Estimate(float(design.average(values)), 0.0, 1.0, level, len(values), ONE_CLUSTER)
    return clustered_proportion(values, design.cluster, design.cell, level)


def difference(a: Values, b: Values, clusters: Values, cells: Values, level: float = 0.95, sequential: bool = False) -> Estimate:
    """Cell-averaged difference A − B with the interval and p-value that the design allows.

    0/1 scores whose documents do not repeat, in cells of one size: mid-p McNemar, and Tango's interval for one cell. Documents that repeat,
    cells of several sizes, scores between 0 and 1: sign-flip of documents, `clustered_difference`, or `cluster_bootstrap` for scores that
    are not 0/1. One document: −1 to 1, p = 1. With `sequential`, a confidence sequence and its p-value.
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
        # a document's part of the average may be above 1 / K: all are measured in units of the largest
        unit = float(cluster_totals(design, np.ones(n)).max()) * design.n_clusters
        found = anytime_clusters(per_cluster * design.n_clusters / unit, level)
        low, high = max(-1.0, found.low * unit), min(1.0, found.high * unit)
        return replace(found, value=value, low=low, high=high, n=n, n_discordant=int((first != second).sum()))
    if by_table and len(design.weight) == 1:
        return tango(*table, level=level)
    if binary:
        found = clustered_difference(first, second, design.cluster, design.cell, level)
    else:
        found = cluster_bootstrap(first - second, design.cluster, design.cell, level)
    test = mcnemar(*table) if by_table else sign_flip(per_cluster)
    how = "McNemar mid-p" if by_table else test.method
    discordant = int((first != second).sum())
    return Estimate(found.value, found.low, found.high, level, n, f"{found.method}; {how}", p_value=test.p_value, n_discordant=discordant)


def repeats(design: Layout) -> bool:
    """Whether a document has several samples."""
    return design.n_clusters < len(design.cluster)


def even(design: Layout) -> bool:
    """Whether all cells have one size."""
    return bool(np.ptp(np.bincount(design.cell)) == 0)


def pair_table(a: Array, b: Array) -> tuple[int, int, int, int]:
    """(both, only A, only B, neither) of 0/1 scores."""
    both, only_a, only_b = (int(x.sum()) for x in ((a == 1) & (b == 1), (a == 1) & (b != 1), (a != 1) & (b == 1)))
    return both, only_a, only_b, len(a) - both - only_a - only_b
