"""Two methods on samples that share documents: the document is what was drawn, its samples are not independent."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MOST_FLIPS = 2**20  # so many are tried one by one; beyond, as many as DRAWS at random
DRAWS = 100_000


@dataclass(frozen=True)
class SignFlip:
    """p_value is two-sided; n the number of documents, n_discordant of those whose difference is not 0."""

    p_value: float
    n: int
    n_discordant: int
    exact: bool


@dataclass(frozen=True)
class Obuchowski:
    """chi2 with 1 degree of freedom; both None without a discordant pair."""

    chi2: float | None
    p_value: float | None
    n: int


def sign_flip(differences_by_document: Sequence[float], seed: int = 0) -> SignFlip:
    """Permutation test of a zero mean: under it, the methods' names may be swapped in each document (Fisher 1935; Good 2005, section 3.3).

    Exact while there are at most 2^20 ways to flip the documents that differ, else `DRAWS` at random, the observed one counted among
    them. Without a difference p is 1. Raises ValueError for no document and for values that are not finite.
    """
    d = np.asarray(differences_by_document, dtype=float)
    if d.ndim != 1 or not len(d) or not np.isfinite(d).all():
        raise ValueError(
            f"differences_by_document: {len(np.atleast_1d(d))} values, needs one finite number for each of at least one document"
        )
    moved = d[d != 0]
    seen = abs(moved.sum()) * (1 - 1e-12)
    exact = 2.0 ** len(moved) <= MOST_FLIPS
    if exact:
        sums = np.zeros(1)
        for x in moved:
            sums = np.concatenate([sums + x, sums - x])
        p = float((abs(sums) >= seen).mean())
    else:
        rng = np.random.default_rng(seed)
        extreme = 0
        for start in range(0, DRAWS, 10_000):
            signs = rng.integers(0, 2, (min(10_000, DRAWS - start), len(moved)), dtype=np.int8) * 2 - 1
            extreme += int((abs(signs @ moved) >= seen).sum())
        p = (extreme + 1) / (DRAWS + 1)
    return SignFlip(p, len(d), len(moved), exact)


def obuchowski(only_a: Sequence[int], only_b: Sequence[int]) -> Obuchowski:
    """McNemar's test for clustered pairs (Obuchowski 1998, Statist. Med. 17:1495): counts of each document.

    With d = only_a − only_b of K documents: χ² = (K − 1) / K · (Σ d)² / Σ d². Raises ValueError for counts that are negative or do
    not match, and for fewer than two documents.
    """
    from scipy.stats import chi2

    a, b = (np.asarray(counts, dtype=float) for counts in (only_a, only_b))
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"only_a and only_b: {a.shape} and {b.shape} counts, needs one each per document")
    if len(a) < 2:
        raise ValueError(f"{len(a)} documents: the test compares at least two")
    if not (np.isfinite(a) & np.isfinite(b) & (a >= 0) & (b >= 0)).all():
        raise ValueError("only_a and only_b: counts of pairs must be at least 0")
    d = a - b
    if not d.any():
        return Obuchowski(None, None, len(d))
    statistic = float((len(d) - 1) / len(d) * d.sum() ** 2 / (d**2).sum())
    return Obuchowski(statistic, float(chi2.sf(statistic, 1)), len(d))
