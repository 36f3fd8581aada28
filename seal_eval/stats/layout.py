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
        sums = np.zeros((len(self.weight), *values.shape[1:]))
        np.add.at(sums, self.cell, values)
        return sums / n.reshape(-1, *[1] * (values.ndim - 1))

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


def cluster_totals(design: Layout, values: Array) -> Array:
    """What each cluster adds to the cell average: [n_samples, …] → [n_clusters, …], whose sum is `Layout.average`."""
    n = np.bincount(design.cell, minlength=len(design.weight))
    share = (design.weight / n)[design.cell].reshape(-1, *[1] * (values.ndim - 1))
    totals = np.zeros((design.n_clusters, *values.shape[1:]))
    np.add.at(totals, design.cluster, values * share)
    return totals


def variance(design: Layout, values: Array) -> tuple[Array, Array]:
    """Variance of the cell average, from how clusters (documents) differ within strata, and its degrees of freedom.

    [n_samples, …] → two arrays […]. V = Σ_h K_h / (K_h − 1) Σ_i (u_i − ū_h)² over strata h with K_h clusters each. u_i is a cluster's sum
    of (value − mean of its cell) / (size of the cell × number of cells): Taylor linearisation with clusters as primary sampling units
    (Wolter 2007, Introduction to Variance Estimation, section 6.11). A cluster alone in its stratum adds the square of `strays`. Degrees of
    freedom of the two parts together: Satterthwaite 1946, Biometrics 2:110. Raises ValueError for a single cluster.
    """
    if design.n_clusters < 2:
        raise ValueError(f"{design.n_clusters} cluster: a variance between clusters needs at least two")
    u = cluster_totals(design, values - design.cell_means(values)[design.cell])
    size = np.bincount(design.stratum)
    mean = np.zeros((len(size), *u.shape[1:]))
    np.add.at(mean, design.stratum, u)
    mean /= size.reshape(-1, *[1] * (u.ndim - 1))
    factor = (size / np.maximum(size - 1, 1))[design.stratum].reshape(-1, *[1] * (u.ndim - 1))
    within = (factor * (u - mean[design.stratum]) ** 2).sum(axis=0)
    n_alone = int(design.alone.sum())
    free, free_alone = design.n_clusters - len(size), max(n_alone - (n_alone == design.n_clusters), 1)
    if not n_alone:
        return within, np.full_like(within, free)
    alone = (strays(design, values) ** 2).sum(axis=0)
    fourth = within**2 / max(free, 1) + alone**2 / free_alone
    degrees = np.where(fourth > 0, (within + alone) ** 2 / np.maximum(fourth, 1e-300), free_alone)
    return within + alone, degrees


def strays(design: Layout, values: Array) -> Array:
    """How far each cluster that is alone in its stratum may move the cell average: [n_samples, …] → [n_alone, …], signed.

    The cluster's share s_i of the average times its distance from the mean m of all others, divided by √(1 + Σ_j≠i s_j² / (1 − s_i)²)
    because m varies too. If all clusters have the same variance, the expected square is what this cluster adds to the variance of the
    average; the more strata differ, the larger it is (collapsed strata, Wolter 2007, section 2.5).
    """
    shares = cluster_totals(design, np.ones(len(values)))
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
