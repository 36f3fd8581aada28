"""Lost in the middle: are facts in the middle third of a prompt retrieved less often than facts near its ends?"""

from dataclasses import replace
from typing import Any

import numpy as np

from seal_eval.core.types import Estimate
from seal_eval.stats.clusters import sign_flip
from seal_eval.stats.effective import clustered_difference
from seal_eval.stats.intervals import check_level, reconciled
from seal_eval.stats.layout import Values, layout

THIRDS = (1 / 3, 2 / 3)


def position_bias(scores: Values, depths: Values, clusters: Values, level: float = 0.95) -> Estimate | None:
    """Accuracy at the ends minus accuracy in the middle third (Liu et al. 2024, TACL 12:157); above 0: lost in the middle.

    scores: 0/1; depths: fractions of the prompt, 0 to 1; scores, depths, clusters: [n_samples]. Clusters (documents) with samples both at
    the ends and in the middle are compared within themselves: mean of their differences, the interval of `clustered_difference`, sign-flip
    test; samples of other clusters are left out and counted in n_missing. With fewer than two clusters of that kind, ends and middle are
    treated as independent: Newcombe's score interval (1998, Statist. Med. 17:873, method 10) and Fisher's exact test; or, when clusters
    repeat, twice the `clustered_difference` of two cells, and no p-value. Intervals are `reconciled` with the test. Returns None when the
    ends or the middle have no sample. Raises ValueError for values out of range, arrays that do not match, and a single cluster that has
    both.
    """
    check_level(level)
    values, depth = np.asarray(scores, dtype=float), np.asarray(depths, dtype=float)
    if not (values.shape == depth.shape == (len(clusters),)):
        raise ValueError(f"scores: shape {values.shape}, depths: {depth.shape}, clusters: {len(clusters)}; needs one of each per sample")
    if not (np.isin(values, (0, 1)).all() and ((depth >= 0) & (depth <= 1)).all()):
        raise ValueError("scores must be 0 or 1, depths between 0 and 1")
    middle = (depth >= THIRDS[0]) & (depth < THIRDS[1])
    if middle.all() or not middle.any():
        return None
    cluster = layout(clusters).cluster
    n = np.stack([np.bincount(cluster[part], minlength=cluster.max() + 1) for part in (~middle, middle)])
    sums = np.stack([np.bincount(cluster[part], values[part], minlength=cluster.max() + 1) for part in (~middle, middle)])
    paired = (n > 0).all(axis=0)
    if paired.sum() < 2 and n.sum(axis=0).max() == 1:
        return _independent(values[~middle], values[middle], level)
    if paired.sum() < 2:
        # two cells of equal weight, ends against nothing and nothing against the middle: their average is half the difference
        half = clustered_difference(np.where(middle, 0, values), np.where(middle, values, 0), clusters, middle.tolist(), level)
        low, high = max(2 * half.low, -1.0), min(2 * half.high, 1.0)
        return Estimate(2 * half.value, low, high, level, len(values), half.method)
    ends, mid = sums[:, paired] / n[:, paired]
    found = clustered_difference(ends, mid, np.arange(len(ends)), None, level)
    p_value, method = sign_flip(ends - mid).p_value, f"within documents: {found.method}; sign-flip"
    n_used, n_missing = int(n[:, paired].sum()), int(n[:, ~paired].sum())
    return reconciled(replace(found, n=n_used, n_missing=n_missing, p_value=p_value, method=method))


def _independent(ends: Any, middle: Any, level: float) -> Estimate:
    from scipy.stats import fisher_exact
    from statsmodels.stats.proportion import confint_proportions_2indep

    k, n = [int((part == 1).sum()) for part in (ends, middle)], [len(ends), len(middle)]
    low, high = confint_proportions_2indep(k[0], n[0], k[1], n[1], compare="diff", method="newcomb", alpha=1 - level)
    p = float(fisher_exact([[k[0], n[0] - k[0]], [k[1], n[1] - k[1]]])[1])
    method = "independent samples: Newcombe score; Fisher exact"
    return reconciled(Estimate(k[0] / n[0] - k[1] / n[1], float(low), float(high), level, sum(n), method, p_value=p))
