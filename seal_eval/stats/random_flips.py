"""Random assignments of signs: the share of them whose sum is as extreme as the observed one, however small that share is."""

import numpy as np

from seal_eval.stats.layout import Array

DRAWS = 100_000
FEW = 10  # draws as extreme as the observed sum; where there are fewer, their share says little, and the smallest possible says nothing
MANY = 1000  # clusters: plain draws, made cluster by cluster, would take many seconds
AT_ONCE = 2**22  # signs held in memory


def by_draws(moved: Array, least: float, seed: int) -> float:
    """P(|Σ ±d| ≥ least) for differences d, none of them 0, [n_clusters], with the observed assignment counted among the draws.

    Where fewer than `FEW` of `DRAWS` plain draws are as extreme, or the clusters are `MANY`, from as many weighted ones
    (`by_tilted_draws`). So p is never 1 / (draws + 1) merely because there are no more draws: adjusted for many comparisons, that would
    be no small p.
    """
    rng = np.random.default_rng(seed)
    if len(moved) >= MANY:
        return by_tilted_draws(abs(moved), least, rng)
    sums = np.zeros(DRAWS)
    for size, n in zip(*np.unique(abs(moved), return_counts=True), strict=True):
        sums += size * (2 * rng.binomial(n, 0.5, DRAWS) - n)
    extreme = int((abs(sums) >= least).sum())
    return by_tilted_draws(abs(moved), least, rng) if extreme < FEW else (extreme + 1) / (DRAWS + 1)


def by_tilted_draws(size: Array, least: float, rng: np.random.Generator) -> float:
    """P(|Σ ±size| ≥ least) by importance sampling, [n_clusters].

    A sign is + with probability 1 / (1 + exp(−2 θ size)), θ such that the mean of the sum is `least`. A draw with the sum s has the weight
    w = E[exp(θ S)] exp(−θ s). p = 2 (w of the observed sum + Σ w of the draws with s ≥ least) / (draws + 1), which is valid for any θ
    (Harrison 2012, Biometrika 99:57).
    """
    from scipy.optimize import brentq

    total = float(size.sum())

    def lacking(theta: float) -> float:
        return float(size @ np.tanh(theta * size)) - least

    theta = 1 / total
    while lacking(theta) < 0 and theta * size.min() < 20:  # from there on all signs are +
        theta *= 2
    theta = float(brentq(lacking, 0.0, theta)) if lacking(theta) > 0 else theta
    plus = (1 / (1 + np.exp(-2 * theta * size))).astype(np.float32)
    logarithm = float((np.logaddexp(theta * size, -theta * size) - np.log(2)).sum()) - theta * least  # of the observed sum's weight
    weights, step = 1.0, max(1, AT_ONCE // len(size))
    for start in range(0, DRAWS, step):
        signs = rng.random((min(step, DRAWS - start), len(size)), dtype=np.float32) < plus
        sums = 2 * (signs @ size) - total
        weights += float(np.exp(-theta * (sums[sums >= least] - least)).sum())
    return min(1.0, 2 * float(np.exp(logarithm)) * weights / (DRAWS + 1))
