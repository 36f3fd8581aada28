"""Two methods on clustered samples: clusters (documents) were drawn independently, the samples of one cluster are not independent."""

from dataclasses import dataclass

import numpy as np

from seal_eval.stats.layout import Array, Values
from seal_eval.stats.random_flips import DRAWS, MANY, by_draws

MOST_FLIPS = 2**20  # assignments of signs that are enumerated
MOST_CORRECTION = 0.1  # of the expansion's second term, relative to its first, and of κ₄: then the terms that are left out change little
MOST_SUM = 2**22  # largest sum of |differences|, in units of the smallest, for the exact convolution
MOST_STEPS = 2**26  # that sum times the number of different |differences|: about a second
ROUNDING = 1e-12  # of the largest difference: smaller ones are rounding errors of 0; of Σ |d|: sums that are closer are equal
SMALLEST_P = 1e-12  # reported for anything smaller, which would be rounding error


@dataclass(frozen=True)
class SignFlip:
    """p_value is two-sided; n: number of clusters; n_discordant: clusters whose difference is not 0."""

    p_value: float
    n: int
    n_discordant: int
    exact: bool
    method: str


def sign_flip(differences_by_cluster: Values, seed: int = 0) -> SignFlip:
    """Permutation test that two methods are equal: if so, A and B may be swapped in each cluster (Fisher 1935; Good 2005, section 3.3).

    differences_by_cluster: A − B of each cluster (document), [n_clusters]. The p-value comes from the first way that applies: enumeration
    for up to 20 clusters whose difference is not 0; exact convolution when all differences, in absolute value, are whole multiples of the
    smallest and their sum is less than 2^22 of it, and 2^26 divided by how many different ones there are; 1e-12 where Hoeffding's bound
    2 exp(−z² / 2), z = |Σ d| / √Σ d², is below it; the Edgeworth expansion of the sum for 1,000 or more such clusters, unless a few of
    them outweigh the others; 100,000 random assignments of signs, `by_draws`. If all differences are 0, p is 1. Raises ValueError for no
    cluster and for values that are not finite.
    """
    d = np.asarray(differences_by_cluster, dtype=float)
    if d.ndim != 1 or not len(d) or not np.isfinite(d).all():
        raise ValueError(
            f"differences_by_cluster: {len(np.atleast_1d(d))} values, needs one finite number per cluster and at least one cluster"
        )
    moved = d[abs(d) > ROUNDING * abs(d).max()]  # a sum of equal shares with both signs need not be 0 exactly
    if len(moved) <= 1024 and 2 ** len(moved) <= MOST_FLIPS:
        return SignFlip(_every_flip(moved), len(d), len(moved), True, "sign-flip, exact")
    sizes, times = np.unique(np.round(abs(moved) / abs(moved).min(), 9), return_counts=True)
    multiples = np.rint(sizes)
    total = float(multiples @ times)
    if np.allclose(sizes, multiples, rtol=0, atol=1e-6) and total < MOST_SUM and total * len(sizes) < MOST_STEPS:
        p = _by_transform(multiples.astype(int), times, abs(moved.sum()) / abs(moved).min())
        return SignFlip(p, len(d), len(moved), True, "sign-flip, exact")
    if (bound := _by_bound(moved)) is not None:
        return SignFlip(bound, len(d), len(moved), False, "sign-flip, Hoeffding's bound")
    if len(moved) >= MANY and (expanded := _by_expansion(moved)) is not None:
        return SignFlip(min(1.0, max(SMALLEST_P, expanded)), len(d), len(moved), False, "sign-flip, Edgeworth expansion")
    p = max(SMALLEST_P, by_draws(moved, abs(float(moved.sum())) - ROUNDING * float(abs(moved).sum()), seed))
    return SignFlip(p, len(d), len(moved), False, f"sign-flip, {DRAWS:,} draws")


def least_p(n: int, mid_p: bool = False) -> float:
    """The smallest p-value that `n` documents can give: that of differences in one direction. mid_p: of McNemar's mid-p test of n pairs."""
    return 2.0 ** (-n if mid_p else 1 - n)


def _every_flip(moved: Array) -> float:
    """The share of all assignments of signs whose sum is at least as extreme as the observed one."""
    sums = np.zeros(1)
    for x in moved:
        sums = np.concatenate([sums + x, sums - x])
    return float((abs(sums) >= abs(moved.sum()) - ROUNDING * abs(moved).sum()).mean())


def _by_transform(sizes: Array, times: Array, observed: float) -> float:
    """P(|Σ ± size| >= observed) for `times` clusters of each whole size, from the characteristic function Π cos(size t)^times of the sum.

    Its error is near 1e-15; p-values below `SMALLEST_P` are raised to it.
    """
    total = int(sizes @ times)
    points = 2 * total + 2
    characteristic = np.ones(total + 2)
    t = 2 * np.pi * np.arange(total + 2) / points
    for size, n in zip(sizes, times, strict=True):
        characteristic *= np.cos(size * t) ** n
    probability = np.fft.irfft(characteristic, points)  # of a sum s at index s modulo points; symmetric, so 0 .. total is enough
    tail = probability[round(observed) : total + 1].sum()
    return float(min(1.0, max(SMALLEST_P, 2 * tail if round(observed) else 1.0)))


def _by_bound(moved: Array) -> float | None:
    """`SMALLEST_P` where P(|Σ ± d| >= |Σ d|) is no larger by Hoeffding's bound 2 exp(−z² / 2) (1963, JASA 58:13), else None."""
    z = abs(float(moved.sum())) / float((moved**2).sum()) ** 0.5
    return SMALLEST_P if 2 * np.exp(-z * z / 2) <= SMALLEST_P else None


def _by_expansion(moved: Array) -> float | None:
    """P(|Σ ± d| >= |Σ d|) ≈ 2 (1 − Φ(z)) + φ(z) κ₄ (z³ − 3z) / 12, with the fourth cumulant κ₄ = −2 Σ d⁴ / (Σ d²)² (Feller 1971, XVI.4).

    None where `MOST_CORRECTION` is exceeded: a few clusters outweigh the others, or the sum is far in the tail.
    """
    from scipy.stats import norm

    square = float((moved**2).sum())
    z = abs(float(moved.sum())) / square**0.5
    fourth = -2 * float((moved**4).sum()) / square**2
    first, second = 2 * float(norm.sf(z)), float(norm.pdf(z)) * fourth * (z**3 - 3 * z) / 12
    return first + second if max(-fourth, abs(second) / max(first, 1e-300)) <= MOST_CORRECTION else None
