"""Repeated clusters and averages over cells: checked against definitions in loops, enumeration, and duplicated samples."""

from itertools import product

import numpy as np
import pytest

from seal_eval.stats import clustered_difference, clustered_proportion, intraclass_correlation, tango, wilson
from seal_eval.stats.layout import cluster_totals, layout, variance

from resampling import cluster_bootstrap, resampled_averages


def rng():
    return np.random.default_rng(4)


def test_variance_published():
    """Clustered standard error of scores 110|100|111|000: .21517 with C / (C − 1), compared with statsmodels."""
    import statsmodels.api as sm

    scores, documents = np.array([1, 1, 0, 1, 0, 0, 1, 1, 1, 0, 0, 0.0]), np.repeat(np.arange(4), 3)
    result = variance(layout(documents), scores)[0] ** 0.5
    assert result == pytest.approx(0.21517, abs=5e-6)
    fit = sm.OLS(scores, np.ones(12)).fit(cov_type="cluster", cov_kwds={"groups": documents, "use_correction": False})
    assert result == pytest.approx(float(fit.bse[0]) * np.sqrt(4 / 3), rel=1e-9)


def test_variance_of_cells_in_loops():
    """Two cells of different sizes: a quarter of the sum of the cells' clustered variances."""
    scores, documents, cells = rng().random(30), np.repeat(np.arange(10), 3), np.array([0] * 12 + [1] * 18)
    total = 0.0
    for cell in (0, 1):
        in_cell = cells == cell
        mean, k = scores[in_cell].mean(), len(set(documents[in_cell]))
        sums = [(scores[in_cell & (documents == d)] - mean).sum() for d in set(documents[in_cell])]
        total += k / (k - 1) * sum(s * s for s in sums) / in_cell.sum() ** 2
    assert variance(layout(documents, cells), scores)[0] == pytest.approx(total / 4)
    assert cluster_totals(layout(documents, cells), scores).sum() == pytest.approx((scores[:12].mean() + scores[12:].mean()) / 2)


def test_samples_that_repeat_a_document_add_nothing():
    """Repeating each sample five times in its cluster does not narrow the interval."""
    a, b = (rng().random((2, 40)) < [[0.7], [0.4]]).astype(float)
    for once, again in (
        (clustered_proportion(a, range(40)), clustered_proportion(a.repeat(5), np.arange(40).repeat(5))),
        (clustered_difference(a, b, range(40)), clustered_difference(a.repeat(5), b.repeat(5), np.arange(40).repeat(5))),
    ):
        assert (once.value, once.low, once.high) == pytest.approx((again.value, again.low, again.high), abs=5e-3)
        assert again.n == 5 * once.n


def test_many_single_documents_give_the_plain_intervals():
    a, b = (rng().random((2, 20000)) < [[0.7], [0.4]]).astype(float)
    table = [int((x * y).sum()) for x, y in ((a, b), (a, 1 - b), (1 - a, b), (1 - a, 1 - b))]
    for result, plain in (
        (clustered_difference(a, b, range(20000)), tango(*table)),
        (clustered_proportion(a, range(20000)), wilson(int(a.sum()), 20000)),
    ):
        assert (result.value, result.low, result.high) == pytest.approx((plain.value, plain.low, plain.high), abs=2e-5)


def test_order_and_swap():
    a, b = (rng().random((2, 60)) < 0.5).astype(float)
    documents, cells = np.repeat(np.arange(12), 5), np.repeat([0, 1, 2], 20)
    shuffled = rng().permutation(60)
    for interval in (clustered_difference, lambda x, y, d, c: cluster_bootstrap(x - y, d, c)):
        one = interval(a, b, documents, cells)
        two = interval(a[shuffled], b[shuffled], [f"d{d}" for d in documents[shuffled]], cells[shuffled])
        tolerance = 1e-9 if interval is clustered_difference else 0.02  # the draws depend on the order
        assert (one.value, one.low, one.high) == pytest.approx((two.value, two.low, two.high), abs=tolerance)
        back = interval(b, a, documents, cells)
        assert (back.value, back.low, back.high) == pytest.approx((-one.value, -one.high, -one.low), abs=max(tolerance, 1e-9))


def test_bootstrap_by_enumeration():
    """Of three clusters two are drawn with replacement: nine equally likely draws."""
    values, documents = np.array([1, 1, 0, -1, 1, 0.0]), np.array([0, 0, 0, 1, 1, 2])
    pools = [values[documents == d] for d in range(3)]
    expected = sorted(np.concatenate([pools[i], pools[j]]).mean() for i, j in product(range(3), repeat=2))
    drawn = resampled_averages(values[:, None], layout(documents), 90_000)[:, 0]
    for value in set(np.round(expected, 9)):
        share = np.isclose(expected, value).mean()
        assert np.isclose(drawn, value, atol=1e-5).mean() == pytest.approx(share, abs=0.006)


def test_bootstrap_has_the_spread_of_the_variance():
    """Rao and Wu's K − 1 draws: with two clusters per cell the naive bootstrap would have half the variance."""
    scores, documents, cells = rng().random(160), np.repeat(np.arange(40), 4), np.repeat(np.arange(20), 8)
    parts = layout(documents, cells)
    drawn = resampled_averages(scores[:, None], parts, 20_000)[:, 0]
    assert drawn.var() == pytest.approx(float(variance(parts, scores)[0]), rel=0.05)
    assert resampled_averages(scores[:, None], parts, 50, 3).tolist() == resampled_averages(scores[:, None], parts, 50, 3).tolist()


def test_groups_of_documents_keep_the_spread():
    """With more than 4,096 clusters in a stratum, random groups are drawn: the variance stays the same."""
    scores = (rng().random(30_000) < 0.3).astype(float)
    documents = np.repeat(np.arange(10_000), 3)
    drawn = resampled_averages(scores[:, None], layout(documents), 2_000)[:, 0]
    assert drawn.std() == pytest.approx(float(variance(layout(documents), scores)[0]) ** 0.5, rel=0.06)


def test_cells_of_one_document_each():
    """With one cluster per cell, the variance is the one between cells, K / (K − 1) Σ (y − ȳ)² / K²."""
    scores = rng().random(6)
    result, degrees = variance(layout(range(6), range(6)), scores)
    assert result == pytest.approx(scores.var(ddof=1) / 6) and degrees == pytest.approx(5)
    drawn = resampled_averages(scores[:, None], layout(range(6), range(6)), 40_000)[:, 0]
    assert drawn.var() == pytest.approx(float(result), rel=0.05) and drawn.mean() == pytest.approx(scores.mean(), abs=0.01)


@pytest.mark.parametrize(
    ("documents", "questions", "chances"),
    [
        ((1, 100), (1, 1), (0.9, 0.9)),
        ((1, 100), (20, 1), (0.5, 0.5)),
        ((1, 1, 10), (10, 10, 10), (0.5, 0.5, 0.5)),
        ((1,) * 4, (20,) * 4, (0.9, 0.7, 0.5, 0.3)),
    ],
)
def test_a_cell_with_one_document(documents, questions, chances):
    """A cell with one cluster shows no spread and may weigh as much as a hundred clusters: the intervals still have their coverage.

    Each cluster's accuracy is drawn around the cell's, so that its questions are correlated.
    """
    draw, missed = np.random.default_rng(7), np.zeros(3, dtype=int)
    cell = np.repeat(np.arange(len(documents)), np.multiply(documents, questions))
    each = np.repeat(np.repeat(questions, documents), np.repeat(questions, documents))
    document = np.repeat(np.arange(sum(documents)), np.repeat(questions, documents))
    assert len(cell) == len(each) == len(document)

    def scores():
        accuracy = np.array([draw.beta(2 * p, 2 * (1 - p)) for p, n in zip(chances, documents, strict=True) for _ in range(n)])
        return (draw.random(len(cell)) < accuracy[document]).astype(float)

    for _ in range(100):
        a, b = scores(), scores()
        result = (
            clustered_proportion(a, document, cell),
            clustered_difference(a, b, document, cell),
            cluster_bootstrap(a - b, document, cell, resamples=500),
        )
        for i, (interval, true) in enumerate(zip(result, (np.mean(chances), 0, 0), strict=True)):
            missed[i] += not interval.low - 1e-9 <= true <= interval.high + 1e-9
    assert (missed <= 10).all(), missed  # of 100, at 95 %


@pytest.mark.parametrize("same", [0.0, 1.0])
def test_never_plus_minus_nothing(same):
    """If no cluster differs, the interval is as wide as Tango's with one pair per cluster."""
    a, documents = np.full(500, same), np.repeat(np.arange(50), 10)
    expected = tango(0, 0, 0, 50)
    for result in (clustered_difference(a, a, documents), cluster_bootstrap(a - a, documents)):
        assert (result.low, result.high) == pytest.approx((expected.low, expected.high))
    edge = clustered_proportion(a, documents)
    assert (edge.low, edge.high) == pytest.approx((wilson(int(50 * same), 50).low, wilson(int(50 * same), 50).high))


def test_refused():
    one = [1.0, 0.0]
    for call, message in (
        (lambda: clustered_proportion(one, [0, 0]), "1 cluster: a variance between clusters needs at least two"),
        (lambda: cluster_bootstrap(one, [0, 0]), "1 cluster: a variance between clusters needs at least two"),
        (lambda: clustered_proportion([], []), "at least one sample"),
        (lambda: clustered_proportion([1, float("nan")], [0, 1]), "sample 1 does not"),
        (lambda: clustered_proportion([1, 2], [0, 1]), "sample 1 does not"),
        (lambda: clustered_difference([1.5, 1], [0, 0], [0, 1]), "between 0 and 1"),
        (lambda: clustered_difference(one, one, [0, 1], level=1), "level=1"),
        (lambda: cluster_bootstrap([1, 0], [0]), "needs one for each of 1 samples"),
        (lambda: cluster_bootstrap([3, 0], [0, 1]), "between −1 and 1"),
        (lambda: cluster_bootstrap([float("nan"), 0], [0, 1]), "between −1 and 1"),
        (lambda: layout([0, 1], [0]), "2 clusters and 1 cells"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_intraclass_correlation():
    """1 when samples of a cluster are equal; a balanced ANOVA table worked by hand; simulated data with a known correlation."""
    assert intraclass_correlation([1, 1, 0, 0, 1, 1], [0, 0, 1, 1, 2, 2]) == 1.0
    x = np.array([[3, 5, 4], [8, 9, 10], [1, 0, 2.0]])
    between, within = 3 * x.mean(axis=1).var(ddof=1), x.var(axis=1, ddof=1).mean()
    assert intraclass_correlation(x.ravel(), np.repeat([0, 1, 2], 3)) == pytest.approx((between - within) / (between + 2 * within))
    g = rng()
    drawn = g.normal(size=(3000, 1)) * 0.5 + g.normal(size=(3000, 4)) * np.sqrt(0.75)
    assert intraclass_correlation(drawn.ravel(), np.repeat(np.arange(3000), 4)) == pytest.approx(0.25, abs=0.03)
    with pytest.raises(ValueError, match="a cluster with two samples"):
        intraclass_correlation([1, 0], [0, 1])


def dense(design):
    """f of each cluster by the definition, from the whole matrix of clusters × clusters."""
    counts = np.zeros((design.n_clusters, len(design.weight)))
    np.add.at(counts, (design.cluster, design.cell), 1)
    w = np.sqrt(design.weight) * counts / counts.sum(axis=0)
    share = (design.weight * counts / counts.sum(axis=0)).sum(axis=1)
    square = ((np.diag(share) - w @ w.T) ** 2).sum(axis=1)
    return np.where(square > 1e-12, share**2 / np.maximum(square, 1e-300), 0.0)


def test_the_variance_is_unbiased_for_unequal_clusters():
    """Both estimates, in one cell and in cells that share clusters, average to the true variance; a naive one is far too small."""
    from seal_eval.stats.layout import _bias, _model, cluster_shares

    r = rng()
    for sizes, cells in (([60, 3, 3, 3, 3], None), ([30, 12, 12, 6], [0, 1] * 30)):
        clusters = np.arange(len(sizes)).repeat(sizes)
        design = layout(clusters, cells)
        assert _bias(design) == pytest.approx(dense(design))
        share, found = cluster_shares(design), []
        for _ in range(4000):
            values = (r.normal(size=len(sizes))[clusters])[:, None]
            residuals = values - design.cell_means(values)[design.cell]
            u = cluster_totals(design, residuals)
            between = (_bias(design)[:, None] * u**2).sum()
            found.append((between, _model(design, residuals, u / share[:, None], share).sum(), (u**2).sum()))
        between, model, naive = np.mean(found, axis=0) / (share**2).sum()
        assert between == pytest.approx(1, abs=0.08) and naive < 0.75
        assert model == pytest.approx(1, abs=0.08 if cells is None else 0.2)


@pytest.mark.parametrize("sizes", [[200, 4, 4, 4, 4, 4], [100, 100, *[4] * 8], [1, 2, 3, 5, 6, 8, 11, 15, 23, 47]])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_unequal_documents_are_covered(sizes, p):
    """Document effects with an intraclass correlation of .3: the intervals hold the truth in at least 93 % of 300 data sets."""
    from simulated import beta_replies, holds

    r, clusters, inside = np.random.default_rng(7), np.arange(len(sizes)).repeat(sizes), []
    for _ in range(300):
        a, b = beta_replies(r, sizes, p), beta_replies(r, sizes, p)
        inside.append((holds(clustered_proportion(a, clusters), p), holds(clustered_difference(a, b, clusters), 0)))
    assert min(np.mean(inside, axis=0)) >= 0.93


@pytest.mark.parametrize("reach", [1, 2, 3])
def test_cells_that_share_documents_of_which_few_reach_one(reach):
    """Forty documents at a short length, of which few reach a long one with twenty questions: intervals hold the truth in 200 data sets.

    Counted once, the only document of a cell shows no spread there, and the stratum had 39 degrees of freedom.
    """
    from simulated import linked

    for p, q in (((0.9, 0.6), (0.9, 0.6)), ((0.9, 0.6), (0.9, 0.3))):
        assert min(linked(np.random.default_rng(11), 200, (40, reach), (1, 20), p, q).values()) >= 0.93


def test_documents_apart_only_where_cells_have_them_unequally():
    """Documents that are in all cells with equal shares count once: their two cells vary together. Order and names do not matter."""
    from seal_eval.stats.layout import apart

    documents, cells = np.tile(np.arange(20).repeat(5), 2), np.arange(2).repeat(100)
    assert apart(layout(documents, cells)) is None and apart(layout(documents)) is None
    assert apart(layout(np.arange(200), cells)) is None
    split = apart(layout([*range(40), *["long"] * 19, 0], [0] * 40 + [1] * 20))
    assert split.n_clusters == 42 and split.stratum.max() == 1
    other = apart(layout(np.r_[documents, 3], np.r_[cells, 1]))  # one question more on one document
    assert other.n_clusters == 40
