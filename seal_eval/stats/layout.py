"""How samples are grouped: by cluster (a document, drawn at random) and by cell (a task at a length, chosen)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Values = Sequence[Any] | Array


@dataclass(frozen=True)
class Layout:
    """Index arrays of a design.

    cluster, cell: [n_samples]; stratum: [n_clusters], clusters of one stratum are resampled together; weight: [n_cells], sums to 1.
    """

    cluster: Array
    cell: Array
    stratum: Array
    weight: Array

    @property
    def n_clusters(self) -> int:
        return len(self.stratum)

    @property
    def alone(self) -> Array:
        """[n_clusters]: whether the cluster is the only one in its stratum."""
        return np.asarray(np.bincount(self.stratum)[self.stratum] == 1)

    def cell_means(self, values: Array) -> Array:
        """Mean of each cell: [n_samples, …] → [n_cells, …]."""
        n = np.bincount(self.cell, minlength=len(self.weight))
        return _sums(self.cell, values, len(self.weight)) / n.reshape(-1, *[1] * (values.ndim - 1))

    def average(self, values: Array) -> Array:
        """The cell average, that is the mean of the cells' means: [n_samples, …] → […]."""
        return np.tensordot(self.weight, self.cell_means(values), 1)


def layout(clusters: Values, cells: Values | None = None) -> Layout:
    """Index the samples by cluster, cell and stratum. Cells that share clusters, directly or through other cells, form one stratum.

    clusters, cells: names, [n_samples]; without cells all samples are in one. All cells get the same weight. Raises ValueError for no
    samples and for lists of different length.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if cells is None:
        cells = np.zeros(len(clusters), dtype=int)
    if len(clusters) == 0 or len(clusters) != len(cells):
        raise ValueError(f"{len(clusters)} clusters and {len(cells)} cells: needs one of each per sample, and at least one sample")
    cluster, cluster_names = _index(clusters)
    cell, cell_names = _index(cells)
    k, m = len(cluster_names), len(cell_names)
    graph = coo_array((np.ones(len(cluster)), (cluster, k + cell)), shape=(k + m, k + m))
    _, component = connected_components(graph, directed=False)
    stratum = np.unique(component[:k], return_inverse=True)[1]
    return Layout(cluster, cell, stratum, np.full(m, 1 / m))


def apart(design: Layout) -> Layout | None:
    """The same samples with each cluster counted as another one in each cell; None if each has one share of all its stratum's cells.

    Of a cell that few of the stratum's clusters reach, the linked design knows little: its only cluster equals the cell's mean, and the
    stratum's degrees of freedom are those of clusters that are not in the cell. Apart, each cell answers for its own clusters.
    """
    m = len(design.weight)
    pairs, n = np.unique(design.cluster * m + design.cell, return_counts=True)
    cluster, cell = pairs // m, pairs % m
    cells_of_stratum = np.bincount(np.unique(design.stratum[cluster] * m + cell) // m)
    crossed = (np.bincount(cluster) == cells_of_stratum[design.stratum]).all()
    share = n / np.bincount(design.cell)[cell]
    mean_share = np.bincount(cluster, share) / np.bincount(cluster)
    return None if crossed and np.allclose(share, mean_share[cluster]) else layout(design.cluster * m + design.cell, design.cell)


def cluster_totals(design: Layout, values: Array) -> Array:
    """What each cluster adds to the cell average: [n_samples, …] → [n_clusters, …], whose sum is `Layout.average`."""
    share = sample_shares(design).reshape(-1, *[1] * (values.ndim - 1))
    return _sums(design.cluster, values * share, design.n_clusters)


def _sums(index: Array, values: Array, n: int) -> Array:
    """Sums of the values with each index 0 … n − 1: [n_values, …] → [n, …]."""
    columns = values.reshape(len(values), -1)
    sums = np.empty((n, columns.shape[1]))
    for i, column in enumerate(columns.T):  # np.add.at takes several times as long
        sums[:, i] = np.bincount(index, column, n)
    return sums.reshape(n, *values.shape[1:])


def effective_clusters(design: Layout) -> float:
    """The number of clusters of equal weight that would be worth as much: 1 / Σ s², where s is a cluster's share of the cell average."""
    return float(1 / (cluster_shares(design) ** 2).sum())


def sample_shares(design: Layout) -> Array:
    """The share of the cell average that each sample holds, [n_samples]; they sum to 1."""
    return (design.weight / np.bincount(design.cell, minlength=len(design.weight)))[design.cell]


def cluster_shares(design: Layout) -> Array:
    """The share of the cell average that each cluster holds, [n_clusters]; they sum to 1."""
    return np.bincount(design.cluster, sample_shares(design), design.n_clusters)


def variance(design: Layout, values: Array) -> tuple[Array, Array]:
    """Variance of the cell average, from how clusters (documents) differ within strata, and its degrees of freedom.

    [n_samples, …] → two arrays […]. The larger of two estimates in each stratum; for clusters of equal size both are S² / K, with the
    variance S² of the K clusters' means.

    Between: Σ f u². u is a cluster's sum of (value − mean of its cell) / (size of the cell × number of cells), Taylor linearisation with
    clusters as primary sampling units (Wolter 2007, Introduction to Variance Estimation, section 6.11). f corrects the bias as CR2 does
    (Bell & McCaffrey 2002, Survey Methodology 28:169), for clusters whose means have one variance whatever their size. Of a cluster that
    outweighs the others this estimate knows little, because that cluster is there once.

    Model: Σ s² (S² + w² (k − mean k)). s is a cluster's share of the average, S² the variance of the clusters' means, w² the variance
    within clusters, w² k that of a cluster's mean if its samples were independent (k = 1 / size in one cell). Here all clusters, of any
    size, tell how far one strays (random effects, Searle, Casella, McCulloch 1992, Variance Components, section 3.6).

    A cluster alone in its stratum adds the square of `strays`. Degrees of freedom: K − 1 in a stratum; strata together as `satterthwaite`.
    Raises ValueError for a single cluster.
    """
    part, degrees, _ = variance_parts(design, values.reshape(len(values), -1))
    return part.sum(axis=0).reshape(values.shape[1:]), satterthwaite(part, degrees).reshape(values.shape[1:])


def satterthwaite(part: Array, degrees: Array) -> Array:
    """Degrees of freedom of a sum of variances (Satterthwaite 1946, Biometrics 2:110): [n_parts, n_columns], [n_parts] → [n_columns]."""
    total, fourth = part.sum(axis=0), (part**2 / degrees[:, None]).sum(axis=0)
    return np.where(fourth > 0, total**2 / np.maximum(fourth, 1e-300), degrees.sum())


def variance_parts(design: Layout, flat: Array) -> tuple[Array, Array, Array]:
    """The parts that `variance` sums up: one of each stratum of several clusters, and one of all clusters that are alone in theirs.

    flat: [n_samples, n_columns]. Returns the parts [n_parts, n_columns], their degrees of freedom [n_parts], and for each cluster the index
    of its part [n_clusters]. Raises ValueError for a single cluster.
    """
    if design.n_clusters < 2:
        raise ValueError(f"{design.n_clusters} cluster: a variance between clusters needs at least two")
    residuals = flat - design.cell_means(flat)[design.cell]
    u, share = cluster_totals(design, residuals), cluster_shares(design)
    size = np.bincount(design.stratum)
    between = _by_stratum(design, _bias(design)[:, None] * u**2)
    part = np.maximum(between, _model(design, residuals, u / share[:, None], share))[size > 1]
    degrees = (size - 1.0)[size > 1]
    if n_alone := int(design.alone.sum()):
        part = np.concatenate([part, (strays(design, flat) ** 2).sum(axis=0)[None]])
        degrees = np.append(degrees, max(n_alone - (n_alone == design.n_clusters), 1))
    place = np.where(size > 1, np.cumsum(size > 1) - 1, int((size > 1).sum()))
    return part, degrees, place[design.stratum]


def _by_stratum(design: Layout, values: Array) -> Array:
    """Sums over the clusters of each stratum: [n_clusters, n_columns] → [n_strata, n_columns]."""
    return _sums(design.stratum, values, int(design.stratum.max()) + 1)


def _bias(design: Layout) -> Array:
    """The factor f = s² / E[u²] of each cluster, 0 for one that is alone in its stratum; K / (K − 1) for K equal clusters of one cell.

    If the values of each cluster lie b above their cells' expectation, b independent and of variance 1, then u = (S − W Wᵀ) b with S =
    diag(s), where W [n_clusters, n_cells] holds √(cell's weight) × the cluster's fraction of the cell. E[u²] is the row's sum of squares.
    """
    from scipy.sparse import coo_array

    shape = (design.n_clusters, len(design.weight))
    entry = (np.sqrt(design.weight) / np.bincount(design.cell, minlength=shape[1]))[design.cell]
    w = coo_array((entry, (design.cluster, design.cell)), shape=shape).tocsr()
    s = cluster_shares(design)
    own, others = (np.asarray(w.multiply(x).sum(axis=1)).ravel() for x in (w, w @ (w.T @ w)))
    square = s**2 - 2 * s * own + others
    return np.where(design.alone | (square < 1e-12 * s**2), 0.0, s**2 / np.maximum(square, 1e-300))


def _model(design: Layout, residuals: Array, means: Array, share: Array) -> Array:
    """The variance from the model in `variance`: residuals [n_samples, n_columns], means and share by cluster → [n_strata, n_columns]."""
    size = np.maximum(np.bincount(design.stratum), 1)[:, None]
    centred = means - (_by_stratum(design, means) / size)[design.stratum]
    between = _by_stratum(design, centred**2) / np.maximum(size - 1, 1)  # S²
    group = _index(design.cluster * len(design.weight) + design.cell)[0]  # samples of a cluster in one cell
    n = np.bincount(group)[:, None]
    of_sample = design.stratum[design.cluster]
    squares = _sums(of_sample, (residuals - (_sums(group, residuals, len(n)) / n)[group]) ** 2, len(size))
    free = np.bincount(of_sample) - np.bincount(of_sample, 1 / n[group, 0])  # samples less groups, of each stratum
    within = squares / np.maximum(free, 1)[:, None]  # w²
    k = (np.bincount(design.cluster, sample_shares(design) ** 2) / share**2)[:, None]
    typical = (_by_stratum(design, k) / size)[design.stratum]
    of_cluster = between[design.stratum] + within[design.stratum] * (k - typical)
    return _by_stratum(design, share[:, None] ** 2 * of_cluster)


def strays(design: Layout, values: Array) -> Array:
    """How far each cluster that is alone in its stratum may move the cell average: [n_samples, …] → [n_alone, …], signed.

    The cluster's share s_i of the average times its distance from the mean m of all others, divided by √(1 + Σ_j≠i s_j² / (1 − s_i)²)
    because m varies too. If all clusters have the same variance, the expected square is what this cluster adds to the variance of the
    average; the more strata differ, the larger it is (collapsed strata, Wolter 2007, section 2.5).
    """
    shares = cluster_shares(design)
    share = shares[design.alone].reshape(-1, *[1] * (values.ndim - 1))
    distance = (cluster_totals(design, values)[design.alone] - share * design.average(values)) / (1 - share)  # times share
    return np.asarray(distance / np.sqrt(1 + ((shares**2).sum() - share**2) / (1 - share) ** 2))


def _index(names: Values) -> tuple[Array, list[Any]]:
    """Return each name's index and the names in that order: ascending for an integer array, else by first appearance."""
    if isinstance(names, np.ndarray) and names.dtype.kind in "iu":
        if names.min() < 0 or names.max() > 10 * len(names):
            return np.unique(names, return_inverse=True)[1], list(np.unique(names))
        present = np.bincount(names) > 0
        return (np.cumsum(present) - 1)[names], list(np.flatnonzero(present))
    seen: dict[Any, int] = {}
    return np.array([seen.setdefault(name, len(seen)) for name in names]), list(seen)
