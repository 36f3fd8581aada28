"""Which samples belong together: documents were drawn, cells (a task at a length) were chosen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Values = Sequence[Any] | Array


@dataclass(frozen=True)
class Layout:
    """Index arrays of a design.

    document, cell: [n_samples]; stratum: [n_documents], the documents that are drawn together; weight: [n_cells], sums to 1.
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
        """[n_documents]: whether it is the only one of its stratum."""
        return np.asarray(np.bincount(self.stratum)[self.stratum] == 1)

    def cell_means(self, values: Array) -> Array:
        """[n_samples, …] → [n_cells, …]"""
        n = np.bincount(self.cell, minlength=len(self.weight))
        sums = np.zeros((len(self.weight), *values.shape[1:]))
        np.add.at(sums, self.cell, values)
        return sums / n.reshape(-1, *[1] * (values.ndim - 1))

    def average(self, values: Array) -> Array:
        """The mean over cells of the cells' means: [n_samples, …] → […]"""
        return np.tensordot(self.weight, self.cell_means(values), 1)


def layout(clusters: Values, cells: Values | None = None) -> Layout:
    """Cells that share documents are one stratum. `clusters` and `cells` name those of each sample.

    Raises ValueError for no samples and for lists of different length.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if cells is None:
        cells = np.zeros(len(clusters), dtype=int)
    if len(clusters) == 0 or len(clusters) != len(cells):
        raise ValueError(f"{len(clusters)} documents and {len(cells)} cells: needs one of each for every sample, and a sample at least")
    cluster, d_names = _index(clusters)
    cell, c_names = _index(cells)
    n_d, n_c = len(d_names), len(c_names)
    graph = coo_array((np.ones(len(cluster)), (cluster, n_d + cell)), shape=(n_d + n_c, n_d + n_c))
    _, part = connected_components(graph, directed=False)
    stratum = np.unique(part[:n_d], return_inverse=True)[1]
    return Layout(cluster, cell, stratum, np.full(n_c, 1 / n_c))


def cluster_totals(design: Layout, values: Array) -> Array:
    """What each document adds to the cell average: [n_samples, …] → [n_documents, …], whose sum is `average`."""
    n = np.bincount(design.cell, minlength=len(design.weight))
    share = (design.weight / n)[design.cell].reshape(-1, *[1] * (values.ndim - 1))
    totals = np.zeros((design.n_clusters, *values.shape[1:]))
    np.add.at(totals, design.cluster, values * share)
    return totals


def variance(design: Layout, values: Array) -> tuple[Array, Array]:
    """Of the cell average, from how documents differ within strata, and its degrees of freedom: […] each for [n_samples, …].

    V = Σ_h K_h / (K_h − 1) Σ_i (u_i − ū_h)², u_i a document's sum of (value − its cell's mean) / (the cell's size × number of cells):
    Taylor linearisation with documents as primary sampling units (Wolter 2007, Introduction to Variance Estimation, section 6.11). A
    document alone in its stratum adds the square of `strays`. Degrees of freedom of both together: Satterthwaite 1946, Biometrics 2:110.
    Raises ValueError for a single document.
    """
    if design.n_clusters < 2:
        raise ValueError(f"{design.n_clusters} document: how much documents differ takes at least two")
    u = cluster_totals(design, values - design.cell_means(values)[design.cell])
    size = np.bincount(design.stratum)
    mean = np.zeros((len(size), *u.shape[1:]))
    np.add.at(mean, design.stratum, u)
    mean /= size.reshape(-1, *[1] * (u.ndim - 1))
    factor = (size / np.maximum(size - 1, 1))[design.stratum].reshape(-1, *[1] * (u.ndim - 1))
    together = (factor * (u - mean[design.stratum]) ** 2).sum(axis=0)
    n_alone = int(design.alone.sum())
    free, free_alone = design.n_clusters - len(size), max(n_alone - (n_alone == design.n_clusters), 1)
    if not n_alone:
        return together, np.full_like(together, free)
    apart = (strays(design, values) ** 2).sum(axis=0)
    fourth = together**2 / max(free, 1) + apart**2 / free_alone
    degrees = np.where(fourth > 0, (together + apart) ** 2 / np.maximum(fourth, 1e-300), free_alone)
    return together + apart, degrees


def strays(design: Layout, values: Array) -> Array:
    """How far each document that is alone in its stratum may move the cell average: [n_samples, …] → [n_alone, …].

    Its share s_i of the average times its distance from the average m of the others, over √(1 + Σ_j≠i s_j² / (1 − s_i)²) for what m varies
    itself: squared, where documents vary alike, the document's own variance in the mean, and more the more strata differ (collapsed
    strata, Wolter 2007, section 2.5).
    """
    every = cluster_totals(design, np.ones(len(values)))
    share = every[design.alone].reshape(-1, *[1] * (values.ndim - 1))
    apart = (cluster_totals(design, values)[design.alone] - share * design.average(values)) / (1 - share)
    return np.asarray(apart / np.sqrt(1 + ((every**2).sum() - share**2) / (1 - share) ** 2))


def _index(names: Values) -> tuple[Array, list[Any]]:
    """Names → whole numbers in order of first appearance."""
    if isinstance(names, np.ndarray) and names.dtype.kind in "iu":
        if names.min() < 0 or names.max() > 10 * len(names):
            return np.unique(names, return_inverse=True)[1], list(np.unique(names))
        present = np.bincount(names) > 0
        return (np.cumsum(present) - 1)[names], list(np.flatnonzero(present))
    seen: dict[Any, int] = {}
    return np.array([seen.setdefault(name, len(seen)) for name in names]), list(seen)
