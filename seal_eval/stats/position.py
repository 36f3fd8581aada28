"""Lost in the middle: are facts in the middle third of a prompt retrieved less often than facts near its ends?"""

from dataclasses import replace
from typing import Any

import numpy as np

from seal_eval.core.types import Estimate
from seal_eval.stats.clusters import sign_flip
from seal_eval.stats.effective import clustered_difference
from seal_eval.stats.intervals import check_level, reconciled
from seal_eval.stats.layout import Array, Values, cluster_totals, layout

MIDDLE = 1 / 6  # half of the middle third; both of its edges belong to it
TOLERANCE = 0.01  # in depth: a fact that was placed on an edge is measured a little before it, for one edge as for the other


def in_middle(depths: Array) -> Array:
    """Whether each depth lies in the middle third of the prompt, which is its own mirror image."""
    return np.asarray(abs(depths - 0.5) <= MIDDLE + TOLERANCE)


def position_bias(
    scores: Values, depths: Values, clusters: Values, level: float = 0.95, cells: Values | None = None
) -> Estimate | None:  # fmt: skip
    """Accuracy at the ends minus accuracy in the middle third (Liu et al. 2024, TACL 12:157); above 0: lost in the middle.

    scores: 0/1; depths: fractions of the prompt, 0 to 1; scores, depths, clusters, cells: [n_samples]. The mean over cells (lengths) of the
    difference within each: pooled, a length with many facts in the middle would pass its accuracy off as the middle's (Simpson 1951).
    Samples that are left out are counted in n_missing: those of cells whose ends or middle have none, and the following.

    Clusters (documents) with samples of one cell both at the ends and in the middle are compared within themselves: mean of their
    differences, the interval of `clustered_difference`, sign-flip test; other clusters are left out. Where a cell has no such cluster, or
    only one cluster is such, ends and middle are treated as independent: in one cell Newcombe's score interval (1998, Statist. Med. 17:873,
    method 10) and Fisher's exact test; in several, or when clusters repeat, twice the `clustered_difference` of two cells for each, and
    `stratified_exact`, or when clusters repeat no p-value. Intervals are `reconciled` with the test. Returns None when no cell has samples
    at the ends and in the middle, and when these are of a single cluster. Raises ValueError for values out of range and arrays that do not
    match.
    """
    check_level(level)
    values, depth = np.asarray(scores, dtype=float), np.asarray(depths, dtype=float)
    if not (values.shape == depth.shape == (len(clusters),)):
        raise ValueError(f"scores: shape {values.shape}, depths: {depth.shape}, clusters: {len(clusters)}; needs one of each per sample")
    if not (np.isin(values, (0, 1)).all() and ((depth >= 0) & (depth <= 1)).all()):
        raise ValueError("scores must be 0 or 1, depths between 0 and 1")
    middle, design = in_middle(depth), layout(clusters, cells)
    used = np.isin(design.cell, design.cell[middle]) & np.isin(design.cell, design.cell[~middle])
    if len(np.unique(design.cluster[used])) < 2:
        return None
    found = _of_cells(values[used], middle[used], design.cluster[used], design.cell[used], level)
    return replace(found, n_missing=found.n_missing + int((~used).sum()))


def _of_cells(values: Array, middle: Array, cluster: Array, cell: Array, level: float) -> Estimate:
    """`position_bias` of cells that all have samples at the ends and in the middle."""
    groups, group = np.unique(np.stack([cluster, cell]), axis=1, return_inverse=True)
    group = group.ravel()
    n = np.stack([np.bincount(group[part], minlength=len(groups[0])) for part in (~middle, middle)])
    sums = np.stack([np.bincount(group[part], values[part], minlength=len(groups[0])) for part in (~middle, middle)])
    paired = (n > 0).all(axis=0)
    of_cluster, of_cell = groups[:, paired]
    if len(set(of_cluster)) < 2 or len(set(of_cell)) < len(set(cell)):
        return _apart(values, middle, cluster, cell, level)
    ends, mid = sums[:, paired] / n[:, paired]
    found = clustered_difference(ends, mid, of_cluster, of_cell, level)
    p_value = sign_flip(cluster_totals(layout(of_cluster, of_cell), ends - mid)).p_value
    n_used, n_missing = int(n[:, paired].sum()), int(n[:, ~paired].sum())
    method = f"within documents: {found.method}; sign-flip"
    return reconciled(replace(found, n=n_used, n_missing=n_missing, p_value=p_value, method=method))


def _apart(values: Array, middle: Array, cluster: Array, cell: Array, level: float) -> Estimate:
    """The ends and the middle as independent samples."""
    repeat = len(np.unique(cluster)) < len(cluster)
    if not repeat and len(np.unique(cell)) == 1:
        return _independent(values[~middle], values[middle], level)
    # of each cell two, of equal weight: ends against nothing and nothing against the middle; their average is half the difference
    half = clustered_difference(np.where(middle, 0, values), np.where(middle, values, 0), cluster, 2 * cell + middle, level)
    found = Estimate(2 * half.value, max(2 * half.low, -1.0), min(2 * half.high, 1.0), level, len(values), half.method)
    if repeat:
        return found
    table = [
        [int((part & (cell == c) & (values == right)).sum()) for part in (~middle, middle) for right in (1, 0)] for c in np.unique(cell)
    ]
    method = f"{half.method}; exact conditional test within cells"
    return reconciled(replace(found, p_value=stratified_exact(np.array(table)), method=method))


def stratified_exact(tables: Array) -> float:
    """Two-sided exact conditional p-value that rows and columns are independent in each 2 × 2 table (Agresti 2013, section 7.3.5).

    tables: [n_tables, 4], rows first. Given its margins each table's first count is hypergeometric; the sum of these counts is the
    statistic, and sums that are no likelier than the observed one count as extreme. For one table it is Fisher's test.
    """
    from scipy.stats import hypergeom

    chance, least = np.ones(1), 0
    for a, b, c, d in tables.tolist():
        low, high = max(0, a - d), min(a + b, a + c)
        chance = np.convolve(chance, hypergeom.pmf(np.arange(low, high + 1), a + b + c + d, a + c, a + b))
        least += low
    observed = chance[int(tables[:, 0].sum()) - least]
    return float(min(1.0, chance[chance <= observed * (1 + 1e-7)].sum()))


def _independent(ends: Any, middle: Any, level: float) -> Estimate:
    from scipy.stats import fisher_exact
    from statsmodels.stats.proportion import confint_proportions_2indep

    k, n = [int((part == 1).sum()) for part in (ends, middle)], [len(ends), len(middle)]
    low, high = confint_proportions_2indep(k[0], n[0], k[1], n[1], compare="diff", method="newcomb", alpha=1 - level)
    p = float(fisher_exact([[k[0], n[0] - k[0]], [k[1], n[1] - k[1]]])[1])
    method = "independent samples: Newcombe score; Fisher exact"
    return reconciled(Estimate(k[0] / n[0] - k[1] / n[1], float(low), float(high), level, sum(n), method, p_value=p))
