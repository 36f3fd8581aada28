"""Cluster bootstrap, an alternative for the simulation: clusters (documents) are resampled within their stratum, cells averaged again."""

from collections.abc import Iterator

import numpy as np

from seal_eval.core.types import Estimate
from seal_eval.stats.intervals import check_level, z_of
from seal_eval.stats.layout import Array, Layout, Values, layout, strays, variance
from seal_eval.stats.paired import tango_bounds

RESAMPLES = 10_000
MOST = 4096  # clusters of a stratum that are resampled one by one; more are first merged at random into this many groups
AT_ONCE = 2**22  # resampling weights held in memory


def cluster_bootstrap(
    differences: Values, clusters: Values, cells: Values | None = None, level: float = 0.95,
    resamples: int = RESAMPLES, seed: int = 0,
) -> Estimate:  # fmt: skip
    """Bootstrap interval of the cell average of differences in −1 to 1, by resampling clusters (documents).

    Percentiles of `resampled_averages`, widened as Student's t for few clusters (Hesterberg 2015, Am. Stat. 69:371, expanded percentile).
    When all resampled averages are equal, Tango's interval with one pair per cluster is returned instead, so it is never ±0. differences,
    clusters, cells: [n_samples]. Raises ValueError for a single cluster, differences out of range, and arrays that do not match.
    """
    values = np.asarray(differences, dtype=float)
    if values.shape != (len(clusters),):
        raise ValueError(f"differences: shape {values.shape}, needs one for each of {len(clusters)} samples")
    return bootstrap_columns(values[:, None], layout(clusters, cells), level, resamples, seed)[0]


def bootstrap_columns(values: Array, design: Layout, level: float = 0.95, resamples: int = RESAMPLES, seed: int = 0) -> list[Estimate]:
    """The same for each column of values [n_samples, n_columns], all on the same draws. Raises ValueError as `cluster_bootstrap` does."""
    from scipy.stats import norm, t

    check_level(level)
    if not (abs(values) <= 1).all():
        raise ValueError("differences must lie between −1 and 1")
    tails = norm.cdf(t.ppf((1 - level) / 2, variance(design, values)[1]))
    drawn = resampled_averages(values, design, resamples, seed)
    k, intervals = design.n_clusters, []
    for value, draws, tail in zip(design.average(values), drawn.T, tails, strict=True):
        if np.ptp(draws) < 1e-9:
            low, high = tango_bounds(max(value, 0.0) * k, max(-value, 0.0) * k, k, z_of(level))
            method = "documents do not differ: Tango score, one pair a document"
        else:
            low, high = np.quantile(draws, [tail, 1 - tail])
            method = f"cluster bootstrap, {resamples:,} resamples"
        intervals.append(Estimate(float(value), max(float(low), -1.0), min(float(high), 1.0), level, len(values), method))
    return intervals


def resampled_averages(values: Array, design: Layout, resamples: int = RESAMPLES, seed: int = 0) -> Array:
    """Cell averages of resampled clusters: values [n_samples, n_columns] → [resamples, n_columns].

    Of the K clusters in a stratum K − 1 are drawn with replacement, which makes the variance unbiased (Rao & Wu 1988, JASA 83:231). A
    cluster alone in its stratum is always included; its average is moved by `strays` times a standard normal number (wild bootstrap, Wu
    1986, Ann. Stat. 14:1261). All columns share the draws. A cell that is empty in a draw is left out of that draw's average.
    """
    rng = np.random.default_rng(seed)
    out = np.empty((resamples, values.shape[1]))
    strata = [_sums(values, design, h, rng) for h, size in enumerate(np.bincount(design.stratum)) if size > 1]
    alone = np.unique(design.cell[design.alone[design.cluster]])
    fixed = design.weight[alone] @ design.cell_means(values)[alone]
    moves = strays(design, values) if len(alone) else np.zeros((0, values.shape[1]))
    for rows in _chunks(resamples, max((sums.shape[0] for _, sums in strata), default=len(moves))):
        total = fixed + rng.standard_normal((len(rows), len(moves))) @ moves
        weight = np.full((len(rows), 1), design.weight[alone].sum())
        for cells, sums in strata:  # sums: [groups, cells, columns + 1], the last column counts samples
            k = len(sums)
            drawn = rng.integers(0, k, (len(rows), k - 1)) + k * np.arange(len(rows))[:, None]
            times = np.bincount(drawn.ravel(), minlength=k * len(rows)).reshape(len(rows), k).astype(np.float32)
            drawn_sums = (times @ sums.reshape(k, -1)).reshape(len(rows), len(cells), -1).astype(float)
            n = drawn_sums[:, :, -1:]
            share = design.weight[cells][:, None] * (n > 0)
            total += (share * drawn_sums[:, :, :-1] / np.maximum(n, 1)).sum(axis=1)
            weight += share.sum(axis=1)
        out[rows] = total / np.maximum(weight, 1e-300)
    return out


def _sums(values: Array, design: Layout, stratum: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """The stratum's cells, and the sums and sample count of each cluster (or group of clusters) in them: [groups, cells, columns + 1]."""
    members = design.stratum[design.cluster] == stratum
    cells, cell = np.unique(design.cell[members], return_inverse=True)
    names, cluster = np.unique(design.cluster[members], return_inverse=True)
    k = len(names)
    if k > MOST:  # random groups keep the variance between clusters (Wolter 2007, chapter 2)
        cluster, k = (rng.permutation(k) % MOST)[cluster], MOST
    sums = np.zeros((k, len(cells), values.shape[1] + 1), dtype=np.float32)
    np.add.at(sums, (cluster, cell), np.column_stack([values[members], np.ones(members.sum())]))
    return cells, sums


def _chunks(resamples: int, width: int) -> Iterator[range]:
    step = max(1, AT_ONCE // width)
    for start in range(0, resamples, step):
        yield range(start, min(start + step, resamples))
