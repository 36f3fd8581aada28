"""Lengths that differ in their facts' places, and tasks that differ in their lengths: each compared within itself, then averaged."""

from itertools import combinations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import fisher_exact

from seal_eval.stats import method_by_length, position_bias, sign_flip
from seal_eval.stats.position import stratified_exact


def test_lost_in_the_middle_is_within_lengths():
    """Place has no effect within a length; facts of the long one, where nothing is right, lie mostly at the ends, or in the middle.

    Within documents too, where each document has one fact at each of both lengths, and in the other direction by mirror image.
    """
    for shares in ((0.8, 0.2), (0.2, 0.8)):
        scores, depths, cells = [], [], []
        for length, (accuracy, middle) in enumerate(zip((0.95, 0.1), shares, strict=True)):
            for place, n in ((0.5, round(100 * middle)), (0.1, round(100 - 100 * middle))):
                scores += [1] * round(n * accuracy) + [0] * (n - round(n * accuracy))
                depths, cells = depths + [place] * n, cells + [length] * n
        for documents in (range(200), [*range(100)] * 2):
            result = position_bias(scores, depths, documents, cells=cells)
            assert result.value == pytest.approx(0, abs=1e-9) and result.low < 0 < result.high and result.n == 200
            assert result.p_value == (pytest.approx(1, abs=0.2) if documents == range(200) else None)
    scores, depths = [1, 1, 0] * 4, [0.1, 0.5, 0.9] * 4
    lengths = position_bias(scores * 2, depths * 2, [d for d in range(8) for _ in range(3)], cells=[0] * 12 + [1] * 12)
    assert lengths.value == -0.5 and lengths.p_value == sign_flip([-0.5] * 8).p_value


def test_exact_test_of_places_within_lengths():
    """Against every way to lay the right answers: 4 and 5 samples of two lengths; and for one length, Fisher's test."""
    tables = np.array([[2, 0, 1, 1], [2, 1, 0, 2]])
    ways = [[len([i for i in right if i < t[0] + t[1]]) for right in combinations(range(sum(t)), t[0] + t[2])] for t in tables.tolist()]
    sums = [x + y for x in ways[0] for y in ways[1]]
    likely = {s: sums.count(s) for s in sums}
    expected = sum(n for n in likely.values() if n <= likely[4]) / len(sums)
    assert stratified_exact(tables) == pytest.approx(expected)
    for table in ([3, 7, 9, 2], [0, 5, 5, 0], [8, 1, 20, 30]):
        assert stratified_exact(np.array([table])) == pytest.approx(fisher_exact([table[:2], table[2:]])[1])


def test_places_of_several_lengths_keep_their_level():
    """Accuracy depends on length, place on length, not accuracy on place: the test rejects seldom and the interval holds 0."""
    r, found = np.random.default_rng(5), []
    cells = np.arange(3).repeat([20, 30, 50])
    for _ in range(200):
        scores = r.random(100) < np.array([0.9, 0.5, 0.2])[cells]
        depths = np.where(r.random(100) < np.array([0.8, 0.4, 0.2])[cells], 0.5, 0.05)
        result = position_bias(scores, depths, range(100), cells=cells)
        found.append((result.p_value <= 0.05, result.low <= 0 <= result.high))
    assert np.mean(found, axis=0)[0] <= 0.08 and np.mean(found, axis=0)[1] >= 0.92


def test_thirds_are_mirror_images():
    """Ten depths, the fact at one of them lost: the mirror image gives the same, as do facts measured a little before their place."""
    for lost in range(5):
        for measured in (0.0, 0.006):
            bias = []
            for at in (lost, 9 - lost):
                depths = np.maximum(np.tile(np.arange(10), 6) / 9 - measured, 0)
                bias.append(position_bias(np.tile(np.arange(10) != at, 6), depths, np.arange(6).repeat(10)).value)
            assert bias[0] == pytest.approx(bias[1]) == pytest.approx(1 / 4 if lost in (3, 4) else -1 / 6)


def test_the_trend_over_lengths_is_within_tasks():
    """A wins three of four discordant pairs of one task and one of four of the other, at each length; the tasks are at other lengths."""
    wins, task, size = [], [], []
    for name, share, numbers in (("x", 3, (40, 4)), ("y", 1, (4, 40))):
        for length, n in zip((1024, 65536), numbers, strict=True):
            wins += ([1] * share + [0] * (4 - share)) * (n // 4)
            task, size = task + [name] * n, size + [length] * n
    a, b = np.array(wins), 1 - np.array(wins)
    pooled, within = method_by_length(a, b, size), method_by_length(a, b, size, tasks=task)
    assert pooled.p_value < 0.01 and within.value == pytest.approx(0, abs=1e-6) and within.p_value > 0.99
    one = method_by_length(a, b, size, tasks=["x"] * len(a))
    assert (one.value, one.low, one.p_value) == pytest.approx((pooled.value, pooled.low, pooled.p_value))


def test_the_jackknife_within_tasks_by_leaving_out():
    """Against refits without each document, in a logistic regression with an intercept for each task."""
    r = np.random.default_rng(3)
    a = r.integers(0, 2, 240)
    size, task, documents = 512 * 2 ** r.integers(0, 4, 240), r.integers(0, 3, 240), np.arange(24).repeat(10)
    result = method_by_length(a, 1 - a, size, documents, tasks=task)
    x = np.column_stack([np.eye(3)[task], np.log2(size)])
    fits = [sm.Logit(a[documents != d], x[documents != d]).fit(disp=0).params[-1] for d in range(24)]
    error = np.sqrt(23 / 24 * ((np.array(fits) - np.mean(fits)) ** 2).sum())
    assert result.value == pytest.approx(sm.Logit(a, x).fit(disp=0).params[-1])
    assert (result.high - result.low) / 2 / 2.0739 == pytest.approx(error, rel=0.03)  # t with 22 degrees of freedom
