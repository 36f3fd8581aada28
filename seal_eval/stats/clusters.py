"""Two methods on samples that share documents: the document is what was drawn, its samples are not independent."""

from dataclasses import dataclass

import numpy as np

from seal_eval.stats.layout import Array, Values

MOST_FLIPS = 2**20  # so many are tried one by one; beyond, as many as DRAWS at random
SIGN_FLIPS = 100_000
MANY_CLUSTERS = 1000
MOST_SUM = 2**22  # units in all that the exact sum is worked out for
SMALLEST_P = 1e-12


@dataclass(frozen=True)
class SignFlip:
    """p_value is two-sided; n the number of documents, n_discordant of those whose difference is not 0."""

    p_value: float
    n: int
    n_discordant: int
    exact: bool
    method: str


@dataclass(frozen=True)
class Obuchowski:
    """chi2 with 1 degree of freedom; both None without a discordant pair."""

    chi2: float | None
    p_value: float | None
    n: int
    method: str = "Obuchowski"


def sign_flip(differences_by_cluster: Values, seed: int = 0) -> SignFlip:
    """Permutation test of a zero mean: under it, the methods' names may be swapped in each document (Fisher 1935; Good 2005, section 3.3).

    Three ways to the p-value: exact enumeration while there are at most 2^20 ways to flip the documents that differ; exact convolution for
    any number of documents when the differences are multiples of one unit, as counts are; otherwise `SIGN_FLIPS` random flips, the observed
    one counted among them, or the Edgeworth expansion of their sum when at least `MANY_CLUSTERS` documents differ. Without a difference
    p is 1. Raises ValueError for no document and for values that are not finite.
    """
    d = np.asarray(differences_by_cluster, dtype=float)
    if d.ndim != 1 or not len(d) or not np.isfinite(d).all():
        raise ValueError(
            f"differences_by_document: {len(np.atleast_1d(d))} values, needs one finite number for each of at least one document"
        )
    moved = d[d != 0]
    if len(moved) <= 1024 and 2 ** len(moved) <= MOST_FLIPS:
        return SignFlip(_every_flip(moved), len(d), len(moved), True, "sign-flip, exact")
    sizes, times = np.unique(np.round(abs(moved) / abs(moved).min(), 9), return_counts=True)
    whole = np.rint(sizes)
    if np.allclose(sizes, whole, rtol=0, atol=1e-6) and whole @ times < MOST_SUM:
        p = _by_transform(whole.astype(int), times, abs(moved.sum()) / abs(moved).min())
        return SignFlip(p, len(d), len(moved), True, "sign-flip, exact")
    if len(moved) >= MANY_CLUSTERS:
        return SignFlip(_by_expansion(moved), len(d), len(moved), False, "sign-flip, Edgeworth expansion")
    rng = np.random.default_rng(seed)
    sums = np.zeros(SIGN_FLIPS)
    for size, n in zip(*np.unique(abs(moved), return_counts=True), strict=True):
        sums += size * (2 * rng.binomial(n, 0.5, SIGN_FLIPS) - n)
    extreme = int((abs(sums) >= abs(moved.sum()) * (1 - 1e-12)).sum())
    return SignFlip((extreme + 1) / (SIGN_FLIPS + 1), len(d), len(moved), False, f"sign-flip, {SIGN_FLIPS:,} draws")


def _every_flip(moved: Array) -> float:
    sums = np.zeros(1)
    for x in moved:
        sums = np.concatenate([sums + x, sums - x])
    return float((abs(sums) >= abs(moved.sum()) * (1 - 1e-12)).mean())


def _by_transform(sizes: Array, times: Array, seen: float) -> float:
    """P(|Σ ± size| >= seen) for `times` documents of each whole size, by the transform of the sum: Π cos(size t)^times.

    Its error is near 1e-15, so that p below LEAST is given as LEAST.
    """
    total = int(sizes @ times)
    points = 2 * total + 2
    wave = np.ones(total + 2)
    t = 2 * np.pi * np.arange(total + 2) / points
    for size, n in zip(sizes, times, strict=True):
        wave *= np.cos(size * t) ** n
    chance = np.fft.irfft(wave, points)  # of sum s at index s modulo points: the sum is symmetric, 0 .. total is half of it
    tail = chance[round(seen) : total + 1].sum()
    return float(min(1.0, max(SMALLEST_P, 2 * tail if round(seen) else 1.0)))


def _by_expansion(moved: Array) -> float:
    """P(|Σ ± d| >= |Σ d|) ≈ 2 (1 − Φ(z)) + φ(z) κ₄ (z³ − 3z) / 12, with the fourth cumulant κ₄ = −2 Σ d⁴ / (Σ d²)² (Feller 1971, XVI.4)."""
    from scipy.stats import norm

    square = float((moved**2).sum())
    z = abs(float(moved.sum())) / square**0.5
    fourth = -2 * float((moved**4).sum()) / square**2
    return float(min(1.0, max(SMALLEST_P, 2 * norm.sf(z) + norm.pdf(z) * fourth * (z**3 - 3 * z) / 12)))


def obuchowski(only_a: Values, only_b: Values) -> Obuchowski:
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
