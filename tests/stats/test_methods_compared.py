"""Several methods, lengths, positions, posteriors, repeated checks: compared with other libraries, publications and simulation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seal_eval.stats import (
    anytime,
    bayes_paired,
    cochran_q,
    connor,
    mcnemar,
    method_by_length,
    paired_power,
    pairs_needed,
    position_bias,
    ranks,
    sign_flip,
    tango,
    tie_groups,
)  # fmt: skip
from seal_eval.stats.choose_test import difference


def test_cochran_q_by_its_definition():
    x = (np.random.default_rng(2).random((40, 4)) < [0.3, 0.5, 0.6, 0.8]).astype(float)
    m, rows, columns = 4, x.sum(axis=1), x.sum(axis=0)
    expected = (m - 1) * (m * sum(c * c for c in columns) - columns.sum() ** 2) / (m * rows.sum() - sum(r * r for r in rows))
    result = cochran_q(x)
    assert result.value == pytest.approx(expected) and result.degrees == 3
    assert cochran_q(x[:, :2]).value == pytest.approx(mcnemar(0, int((x[:, 0] > x[:, 1]).sum()), int((x[:, 0] < x[:, 1]).sum()), 0).chi2)
    same = cochran_q(np.ones((9, 3)))
    assert same.value is None and same.p_value is None and same.n_discordant == 0
    for bad, message in ((np.full((3, 2), 0.5), "0 or 1"), (np.ones((3, 1)), "two methods"), (np.full((2, 2), np.nan), "0 or 1")):
        with pytest.raises(ValueError, match=message):
            cochran_q(bad)


def test_sign_flip_of_many_documents_by_convolution():
    """The exact distribution of the flipped sum, built up cluster by cluster."""
    d = np.random.default_rng(3).integers(-4, 6, 60)
    chance = {0: 1.0}
    for x in map(int, d):
        after: dict[int, float] = {}
        for total, p in chance.items():
            for s in (total + x, total - x):
                after[s] = after.get(s, 0.0) + p / 2
        chance = after
    expected = sum(p for s, p in chance.items() if abs(s) >= abs(d.sum()))
    result = sign_flip(d)
    assert result.exact and result.p_value == pytest.approx(expected, rel=1e-9)
    assert sign_flip(d * 0.05).p_value == pytest.approx(expected, rel=1e-9)  # shares of a record's 20 questions
    assert sign_flip(-d).p_value == result.p_value == sign_flip(d[::-1]).p_value == sign_flip([*d, 0, 0]).p_value


def test_sign_flip_of_thousands_and_of_uneven_documents():
    d = np.random.default_rng(3).integers(-1, 2, 5000)
    z = abs(d.sum()) / math.sqrt((d**2).sum())
    assert sign_flip(d).p_value == pytest.approx(math.erfc((z - 1 / math.sqrt((d**2).sum())) / math.sqrt(2)), rel=0.01)
    uneven = np.random.default_rng(5).normal(0.2, 1, 40)
    drawn = np.random.default_rng(6).integers(0, 2, (200_000, 40)) * 2 - 1
    expected = (abs(drawn @ uneven) >= abs(uneven.sum()) - 1e-12).mean()
    result = sign_flip(uneven)
    assert not result.exact and result.p_value == pytest.approx(expected, abs=0.005) and result == sign_flip(uneven)
    many = np.random.default_rng(7).normal(0.05, 1, 1500)
    expanded = sign_flip(many)
    signs = np.random.default_rng(9).integers(0, 2, (40_000, 1500), dtype=np.int8) * 2 - 1
    drawn = (abs(signs.astype(np.float32) @ many.astype(np.float32)) >= abs(many.sum())).mean()
    assert "Edgeworth" in expanded.method and expanded.p_value == pytest.approx(drawn, abs=0.004)
    assert sign_flip([1] * 4000).p_value == pytest.approx(0, abs=1e-11) and sign_flip([1] * 4000).p_value > 0


def test_ranks_worked_by_hand():
    """A and B cannot be distinguished, nor B and C; A and C can, and D is worse than all."""
    p = {(0, 1): 0.4, (1, 2): 0.3, (0, 2): 0.001, (0, 3): 1e-6, (1, 3): 1e-6, (2, 3): 1e-6}
    scores = [0.9, 0.85, 0.8, 0.1]
    result = ranks(scores, lambda i, j: p[min(i, j), max(i, j)])
    assert [(r.value, r.low, r.high) for r in result] == [(1, 1, 2), (2, 1, 3), (3, 2, 3), (4, 4, 4)]
    assert [r.group for r in result] == [1, 1, 2, 3]  # C is not tied with A through B
    mixed = [3, 0, 2, 1]
    again = ranks([scores[i] for i in mixed], lambda i, j: p[min(mixed[i], mixed[j]), max(mixed[i], mixed[j])])
    assert [again[mixed.index(i)] for i in range(4)] == result
    assert [r.value for r in ranks([0.5, 0.5], lambda i, j: 1.0)] == [1, 1]
    assert tie_groups([], set()) == [] and ranks([0.3], lambda i, j: 1.0)[0].high == 1


def test_ranks_hold_the_true_place():
    """Four methods, two of them equal: each method's interval holds its true ranks in more than 92 % of draws (nominal 95 %)."""
    rng, truth = np.random.default_rng(8), [0.5, 0.5, 0.6, 0.8]
    places = [(1 + sum(t > accuracy for t in truth), 4 - sum(t < accuracy for t in truth)) for accuracy in truth]
    hits = np.zeros(4)
    for _ in range(300):
        x = rng.random((120, 4)) < truth
        tables = lambda i, j, x=x: mcnemar(0, int((x[:, i] > x[:, j]).sum()), int((x[:, i] < x[:, j]).sum()), 0).p_midp  # noqa: E731
        result = ranks(x.mean(axis=0), tables)
        hits += [r.low <= best and worst <= r.high for r, (best, worst) in zip(result, places, strict=True)]
    assert (hits / 300 > 0.92).all()


def lengths_drawn(seed=1, n=600):
    rng = np.random.default_rng(seed)
    size = 512 * 2 ** rng.integers(0, 4, n)
    return (rng.random(n) < 0.8).astype(int), (rng.random(n) < 0.9 - 0.2 * np.log2(size / 512)).astype(int), size


def test_interaction_equals_the_conditional_logit():
    """Compared with statsmodels' ConditionalLogit on all pairs, two rows per pair, with the sample as stratum."""
    from statsmodels.discrete.conditional_models import ConditionalLogit

    a, b, size = lengths_drawn()
    y, method = np.concatenate([a, b]), np.repeat([1.0, 0.0], len(a))
    x = np.concatenate([np.log2(size)] * 2)
    fit = ConditionalLogit(y, np.column_stack([method, method * (x - x.mean())]), groups=np.tile(np.arange(len(a)), 2)).fit(disp=0)
    result = method_by_length(a, b, size)
    assert result.value == pytest.approx(fit.params[1], rel=1e-3) and result.p_value == pytest.approx(fit.pvalues[1], rel=0.02)
    assert result.low < result.value < result.high and result.n_discordant == (a != b).sum()
    back = method_by_length(b, a, size)
    assert (back.value, back.low, back.high) == pytest.approx((-result.value, -result.high, -result.low))


def test_interaction_between_documents():
    """Repeating every pair five times in one cluster changes only the estimate of the variance, from the model's to the jackknife's."""
    a, b, size = lengths_drawn()
    once = method_by_length(a, b, size, np.arange(len(a)))
    five = method_by_length(a.repeat(5), b.repeat(5), size.repeat(5), np.arange(len(a)).repeat(5))
    naive = method_by_length(a.repeat(5), b.repeat(5), size.repeat(5))
    width = lambda x: x.high - x.low  # noqa: E731
    assert five.value == pytest.approx(once.value, rel=1e-6) and "jackknife" in five.method and "jackknife" not in once.method
    assert width(five) == pytest.approx(width(once), rel=0.1) and width(naive) < 0.6 * width(once)


@pytest.mark.parametrize(
    ("a", "b", "size", "why"),
    [
        ([1, 0], [1, 0], [512, 1024], "fewer than two lengths"),
        ([1, 0], [0, 1], [512, 512], "one length"),
        ([1, 1], [0, 0], [512, 1024], "separation"),
        ([1, 1, 0, 0], [0, 0, 1, 1], [512, 512, 1024, 2048], "separation"),
    ],
)
def test_interaction_that_is_not_estimable(a, b, size, why):
    result = method_by_length(a, b, size)
    assert result.value is None and result.low is None and result.p_value is None and why in result.method


def test_an_interval_never_contradicts_its_test():
    """4 against 0 of 60: Tango's interval excludes 0, McNemar's test does not reject; six documents of which one outweighs the others."""
    one = difference([1] * 4 + [0] * 56, [0] * 60, range(60), [0] * 60)
    assert one.p_value > 0.05 and one.low == 0 < tango(0, 4, 0, 56).low and one.high == tango(0, 4, 0, 56).high
    sizes = [200, 4, 4, 4, 4, 4]
    clusters, rng = np.arange(6).repeat(sizes), np.random.default_rng(0)
    for _ in range(50):
        a, b = (rng.random((2, 220)) < rng.random((2, 6)).repeat(sizes, axis=1)).astype(float)
        found = difference(a, b, clusters, [0] * 220)
        assert found.low <= 0 <= found.high or found.p_value <= 0.05


def test_interaction_keeps_its_level():
    """No interaction, document effects with an intraclass correlation of .3, two or three documents at each length."""
    from simulated import trend

    for documents, q in (([2, 2], 10), ([3, 3], 10), ([5, 5], 20), ([2, 20], 10)):
        assert trend(np.random.default_rng(8), 150, documents, q, 0.5, 0.5)["size: interaction"] <= 0.08


def test_position_bias_published():
    """Newcombe 1998, Statist. Med. 17:873, table II: 56/70 − 48/80, method 10: .0524 to .3339."""
    scores = [1] * 56 + [0] * 14 + [1] * 48 + [0] * 32
    depths = [0.1, 0.9] * 35 + [0.5] * 80
    result = position_bias(scores, depths, range(150))
    assert (result.value, result.low, result.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


def test_position_bias_within_documents():
    scores = [1, 1, 0] * 6 + [0, 1, 0] + [1, 1]
    depths = [0.1, 0.8, 0.5] * 7 + [0.1, 0.9]
    result = position_bias(scores, depths, [d for d in range(7) for _ in range(3)] + [7, 7])
    gains = [1.0] * 6 + [0.5]
    assert result.value == pytest.approx(np.mean(gains)) and result.p_value == sign_flip(gains).p_value
    assert result.n == 21 and result.n_missing == 2 and result.low < result.value <= result.high
    mirrored = position_bias([1 - s for s in scores], depths, [d for d in range(7) for _ in range(3)] + [7, 7])
    assert mirrored.value == pytest.approx(-result.value)
    assert position_bias([1, 0], [0.1, 0.9], [0, 1]) is None
    apart = position_bias([1, 1, 0, 0], [0.1, 0.2, 0.5, 0.6], [0, 0, 1, 1])  # clusters repeat, none has samples in both parts
    assert apart.value == 1.0 and apart.p_value is None
    with pytest.raises(ValueError, match="depths between 0 and 1"):
        position_bias([1, 0], [0.1, 1.5], [0, 1])


@pytest.mark.parametrize("table", [(4, 9, 3, 16), (30, 0, 0, 20), (0, 1, 7, 12)])
def test_posterior_by_drawing(table):
    shares = np.random.default_rng(1).dirichlet([x + 0.5 for x in table], 400_000)
    gain = shares[:, 1] - shares[:, 2]
    result, where = bayes_paired(*table, rope=0.02), (gain > 0.02, abs(gain) <= 0.02, gain < -0.02)
    assert result.p_better == pytest.approx((gain > 0).mean(), abs=0.004)
    assert (result.p_a, result.p_same, result.p_b) == pytest.approx(tuple(x.mean() for x in where), abs=0.004)
    assert (result.low, result.high) == pytest.approx(tuple(np.quantile(gain, [0.025, 0.975])), abs=0.004)
    assert result.value == pytest.approx(gain.mean(), abs=0.001) and result.p_a + result.p_same + result.p_b == pytest.approx(1)


def test_posterior_refuses():
    for bad in ({"both": -1}, {"only_a": math.nan}, {"rope": 2}, {"level": 0}):
        with pytest.raises(ValueError):
            bayes_paired(**({"both": 1, "only_a": 1, "only_b": 1, "neither": 1} | bad))


def test_anytime_by_its_definition():
    """The capital of both bettors, multiplied cluster by cluster and stake by stake; the interval by trying means on a grid."""
    values, shares, level = [0.5, -1.0, 1.0, 0.25, 1.0], [4, 2, 4, 1, 4], 0.5

    def capital(mean, sign):
        kept = []
        for stake in (np.arange(1, 201) / 200.5) ** 2:
            most = stake / ((1 + mean) if sign > 0 else (1 - mean))
            kept.append(math.prod(1 + sign * most * s / 4 * (v - mean) for v, s in zip(values, shares, strict=True)))
        return sum(kept) / len(kept)

    found = anytime(values, shares, (-1, 1), level)
    assert found.p_value == pytest.approx(min(1, 2 / max(capital(0, 1), capital(0, -1))))
    held = [m for m in np.linspace(-0.999, 0.999, 1999) if max(capital(m, 1), capital(m, -1)) < 2 / (1 - level)]
    assert (found.low, found.high) == pytest.approx((held[0], held[-1]), abs=1.5e-3)
    assert found.value == pytest.approx(np.average(values, weights=shares)) and found.low < found.value < found.high


@pytest.mark.parametrize(
    ("outcomes", "chances"), [((1, 0, -1), (0.2, 0.6, 0.2)), ((1, 0, -1), (0.02, 0.98, 0.0)), ((0.5, 0, -1), (0.2, 0.7, 0.1))]
)
def test_anytime_holds_at_every_look(outcomes, chances):
    """Checked after every twentieth cluster, the truth is missed, and no difference rejected, in at most 5 % of runs; skewed ones too."""
    rng, runs, missed, naive = np.random.default_rng(5), 100, 0, 0
    truth = float(np.dot(outcomes, chances))
    for _ in range(runs):
        gains = rng.choice(outcomes, 300, p=chances)
        looks = [anytime(gains[:n], np.ones(n), (-1, 1), null=truth) for n in range(20, 301, 20)]
        missed += any(not e.low <= truth <= e.high for e in looks)
        assert all((e.p_value <= 0.05) == (not e.low <= truth <= e.high) for e in looks)
        naive += any(abs(gains[:n].mean() - truth) > 1.96 * gains[:n].std() / n**0.5 for n in range(20, 301, 20))
    assert missed / runs <= 0.05 and naive / runs > 0.1


def test_anytime_of_accuracies_and_unequal_clusters():
    """Documents of 1 to 20 questions with their own accuracies, checked after every fifth document."""
    rng, runs, missed = np.random.default_rng(6), 100, 0
    for _ in range(runs):
        size = rng.integers(1, 21, 60)
        means = rng.binomial(size, rng.beta(0.7, 0.3, 60)) / size
        missed += any(not e.low <= 0.7 <= e.high for e in (anytime(means[:n], size[:n], (0, 1), null=None) for n in range(5, 61, 5)))
    assert missed / runs <= 0.05
    strong = anytime([0.6, 0.8, 0.4] * 12, [1, 2, 3] * 12, (-1, 1))
    assert strong.p_value < 0.01 and 0 < strong.low < strong.value < strong.high
    back = anytime([-x for x in [0.6, 0.8, 0.4] * 12], [1, 2, 3] * 12, (-1, 1))
    assert (back.low, back.high, back.p_value) == pytest.approx((-strong.high, -strong.low, strong.p_value))
    assert anytime([1.0] * 9, [1] * 9, (0, 1), null=None).high == 1 and anytime([1.0] * 9, [1] * 9, (0, 1), null=None).p_value is None
    for bad in ([], [2.0], [math.nan]):
        with pytest.raises(ValueError, match="between -1 and 1"):
            anytime(bad, [1.0] * len(bad), (-1, 1))
    with pytest.raises(ValueError, match="shares must be above 0"):
        anytime([0.5], [0.0], (0, 1))


@pytest.mark.parametrize("documents", [range(100), [0] * 10 + list(range(10, 100)), [0] * 50 + list(range(50, 100))])
def test_anytime_of_uneven_cells(documents):
    """The value is the cell average for any sizes of cells and clusters: one cell of ten won, one of ninety tied."""
    won, cells = np.array([1.0] * 10 + [0.0] * 90), [0] * 10 + [1] * 90
    looked = difference(won, np.zeros(100), documents, cells, sequential=True)
    once = difference(won, np.zeros(100), documents, cells)
    assert looked.value == pytest.approx(0.5) == once.value and (looked.n, looked.n_discordant) == (once.n, once.n_discordant) == (100, 10)
    assert looked.low < once.value < looked.high
    back = difference(np.zeros(100), won, documents, cells, sequential=True)
    assert (back.low, back.high) == pytest.approx((-looked.high, -looked.low))


@settings(max_examples=25)
@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_swapping_flips_signs(both, a, b, neither):
    if n := both + a + b + neither:
        gains = np.repeat([1.0, -1.0, 0.0], [a, b, both + neither])
        one, two = anytime(gains, np.ones(n), (-1, 1)), anytime(-gains, np.ones(n), (-1, 1))
        assert (one.value, one.low, one.high) == pytest.approx((-two.value, -two.high, -two.low), abs=1e-7)
        assert one.p_value == pytest.approx(two.p_value) and one.low <= one.value <= one.high
    p, q = bayes_paired(both, a, b, neither), bayes_paired(both, b, a, neither)
    assert p.p_a == pytest.approx(q.p_b, abs=1e-9) and p.low == pytest.approx(-q.high, abs=1e-6)


def test_connor_published():
    """Connor 1987: discordant shares (.45, .05) take 23 pairs and (.30, .15) take 155, at 5 % and 80 %."""
    assert connor(0.50, 0.40) == 23 and connor(0.45, 0.15) == 155
    for n in (pairs_needed(0.5, 0.4), pairs_needed(0.45, -0.15)):
        d = (0.5, 0.4) if n < 50 else (0.45, 0.15)
        assert paired_power(n, *d) >= 0.8 > paired_power(n - 1, *d) and abs(n - connor(*d)) <= 3
    assert pairs_needed(0.3, 0.01) == connor(0.3, 0.01) > 4000
    for bad in ((0.3, 0.0), (0.3, 0.4), (1.2, 0.1)):
        with pytest.raises(ValueError):
            pairs_needed(*bad)
