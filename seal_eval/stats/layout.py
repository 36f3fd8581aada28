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

    document: Array
    cell: Array
    stratum: Array
    weight: Array

    @property
    def n_documents(self) -> int:
        return len(self.stratum)

    @property
    def degrees(self) -> int:
        """Degrees of freedom of the variance between documents: their number less the number of strata."""
        return self.n_documents - int(self.stratum.max()) - 1

    def cell_means(self, values: Array) -> Array:
        """[n_samples, …] → [n_cells, …]"""
        n = np.bincount(self.cell, minlength=len(self.weight))
        sums = np.zeros((len(self.weight), *values.shape[1:]))
        np.add.at(sums, self.cell, values)
        return sums / n.reshape(-1, *[1] * (values.ndim - 1))

    def average(self, values: Array) -> Array:
        """The mean over cells of the cells' means: [n_samples, …] → […]"""
        return np.tensordot(self.weight, self.cell_means(values), 1)


def layout(documents: Values, cells: Values | None = None) -> Layout:
    """Cells that share documents are one stratum. `documents` and `cells` name those of each sample.

    Raises ValueError for no samples and for lists of different length.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if cells is None:
        cells = np.zeros(len(documents), dtype=int)
    if len(documents) == 0 or len(documents) != len(cells):
        raise ValueError(f"{len(documents)} documents and {len(cells)} cells: needs one of each for every sample, and a sample at least")
    document, d_names = _index(documents)
    cell, c_names = _index(cells)
    n_d, n_c = len(d_names), len(c_names)
    graph = coo_array((np.ones(len(document)), (document, n_d + cell)), shape=(n_d + n_c, n_d + n_c))
    _, part = connected_components(graph, directed=False)
    stratum = np.unique(part[:n_d], return_inverse=True)[1]
    return Layout(document, cell, stratum, np.full(n_c, 1 / n_c))


def with_spread(design: Layout) -> Layout:
    """The design whose documents tell a variance: a stratum of one document has none of its own.

    When there is one, all cells count as one, so that the spread between cells stands in: the variance is then too large, never too
    small (collapsed strata: Wolter 2007, Introduction to Variance Estimation, section 2.5). Raises ValueError for a single document.
    """
    if design.n_documents < 2:
        raise ValueError(f"{design.n_documents} document: how much documents differ takes at least two")
    if np.bincount(design.stratum).min() > 1:
        return design
    return Layout(design.document, np.zeros_like(design.cell), np.zeros_like(design.stratum), np.ones(1))


def document_totals(design: Layout, values: Array) -> Array:
    """What each document adds to the cell average: [n_samples, …] → [n_documents, …], whose sum is `average`."""
    n = np.bincount(design.cell, minlength=len(design.weight))
    share = (design.weight / n)[design.cell].reshape(-1, *[1] * (values.ndim - 1))
    totals = np.zeros((design.n_documents, *values.shape[1:]))
    np.add.at(totals, design.document, values * share)
    return totals


def variance(design: Layout, values: Array) -> Array:
    """Of the cell average, from how documents differ within strata: Σ_h K_h / (K_h − 1) Σ_i (u_i − ū_h)², […] for [n_samples, …].

    u_i is a document's sum of (value − its cell's mean) / (the cell's size × number of cells): Taylor linearisation with documents as
    primary sampling units (Wolter 2007, section 6.11).
    """
    design = with_spread(design)
    u = document_totals(design, values - design.cell_means(values)[design.cell])
    size = np.bincount(design.stratum)
    mean = np.zeros((len(size), *u.shape[1:]))
    np.add.at(mean, design.stratum, u)
    mean /= size.reshape(-1, *[1] * (u.ndim - 1))
    factor = (size / (size - 1))[design.stratum].reshape(-1, *[1] * (u.ndim - 1))
    return (factor * (u - mean[design.stratum]) ** 2).sum(axis=0)


def _index(names: Values) -> tuple[Array, list[Any]]:
    """Names → whole numbers in order of first appearance."""
    if isinstance(names, np.ndarray) and names.dtype.kind in "iu":
        if names.min() < 0 or names.max() > 10 * len(names):
            return np.unique(names, return_inverse=True)[1], list(np.unique(names))
        present = np.bincount(names) > 0
        return (np.cumsum(present) - 1)[names], list(np.flatnonzero(present))
    seen: dict[Any, int] = {}
    return np.array([seen.setdefault(name, len(seen)) for name in names]), list(seen)
