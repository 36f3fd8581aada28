"""Tests and intervals against brute force and their defining equations; published values are in oracles.py."""

from itertools import product

import pytest

from seal_eval.stats import mcnemar, tango, wilson

from alternatives import clopper_pearson, jeffreys, newcombe


def test_mcnemar_brute_force():
    """Enumerates all outcomes of the discordant pairs."""
    for b, c in [(0, 1), (0, 5), (2, 2), (3, 1), (4, 6), (5, 5)]:
        n = b + c
        counts = [sum(flips) for flips in product((0, 1), repeat=n)]
        extreme = sum(abs(k - n / 2) >= abs(b - n / 2) for k in counts) / 2**n
        equal = sum(abs(k - n / 2) == abs(b - n / 2) for k in counts) / 2**n
        test = mcnemar(7, b, c, 1)
        assert test.p_exact == pytest.approx(extreme)
        assert test.p_midp == pytest.approx(extreme - equal / 2)


def test_mcnemar_properties():
    assert mcnemar(0, 3, 9, 0).p_midp == mcnemar(500, 9, 3, 70).p_midp  # concordant pairs and order do not matter
    nothing = mcnemar(10, 0, 0, 10)
    assert (nothing.p_exact, nothing.p_midp, nothing.chi2, nothing.p_chi2) == (1.0, 1.0, None, None)
    with pytest.raises(ValueError, match="only_b=-1"):
        mcnemar(1, 2, -1, 4)


def test_tango_solves_its_equation_by_grid():
    """The interval ends where the score statistic, with its likelihood maximised numerically, reaches ±z."""
    import numpy as np
    from scipy.optimize import minimize_scalar

    b, c, n = 9, 3, 32

    def statistic(delta):
        def minus_log_likelihood(p):  # p = P(only B), p + delta = P(only A)
            if p <= 0 or p + delta <= 0 or 2 * p + delta >= 1:
                return 1e9
            return -(c * np.log(p) + b * np.log(p + delta) + (n - b - c) * np.log(1 - 2 * p - delta))

        p = minimize_scalar(
            minus_log_likelihood, bounds=(max(0, -delta) + 1e-9, (1 - delta) / 2 - 1e-9), method="bounded", options={"xatol": 1e-12}
        ).x
        return (b - c - n * delta) / np.sqrt(n * (2 * p + delta - delta**2))

    estimate = tango(4, b, c, 16)
    assert statistic(estimate.low) == pytest.approx(1.959964, abs=1e-4)
    assert statistic(estimate.high) == pytest.approx(-1.959964, abs=1e-4)


def test_tango_degenerate():
    for table in ((50, 0, 0, 0), (0, 0, 0, 50)):
        same = tango(*table)
        assert (round(same.low, 4), round(same.high, 4)) == (-0.0713, 0.0713)  # never ±0
    all_a, all_b = tango(0, 50, 0, 0), tango(0, 0, 50, 0)
    assert all_a.high == 1.0 and all_b.low == -1.0 and all_a.low == pytest.approx(-all_b.high)
    with pytest.raises(ValueError, match="no pairs"):
        tango(0, 0, 0, 0)
    with pytest.raises(ValueError, match=r"level=1\.5"):
        tango(1, 2, 3, 4, level=1.5)


def test_tango_swap_flips_signs():
    for both, a, b, neither in [(3, 4, 1, 2), (0, 7, 0, 9), (10, 1, 1, 0)]:
        one, two = tango(both, a, b, neither), tango(both, b, a, neither)
        assert (one.value, one.low, one.high) == pytest.approx((-two.value, -two.high, -two.low), abs=1e-9)


def test_no_trial():
    with pytest.raises(ValueError, match="n > 0"):
        wilson(0, 0)


@pytest.mark.parametrize(("k", "n"), [(3, 20), (19, 20), (7, 11)])
def test_clopper_pearson_by_its_tails(k, n):
    """At each end the tail of Bin(n, end) from k outwards, summed by hand, is 2.5 %."""
    from math import comb

    e = clopper_pearson(k, n)
    tail = lambda p, counts: sum(comb(n, x) * p**x * (1 - p) ** (n - x) for x in counts)  # noqa: E731
    assert tail(e.low, range(k, n + 1)) == pytest.approx(0.025) and tail(e.high, range(k + 1)) == pytest.approx(0.025)


def test_jeffreys():
    """The ends by numerical integration of the posterior; 0 and 1 at k = 0 and k = n."""
    import numpy as np

    grid = (np.arange(2_000_000) + 0.5) / 2_000_000
    density = grid ** (3 - 0.5) * (1 - grid) ** (17 - 0.5)
    posterior = density.cumsum() / density.sum()
    e = jeffreys(3, 20)
    assert (e.low, e.high) == pytest.approx(tuple(grid[np.searchsorted(posterior, q)] for q in (0.025, 0.975)), abs=1e-5)
    assert jeffreys(0, 9).low == 0.0 and jeffreys(9, 9).high == 1.0 and jeffreys(0, 9).high < wilson(0, 9).high


@pytest.mark.parametrize("interval", [wilson, clopper_pearson, jeffreys])
@pytest.mark.parametrize(("k", "n"), [(0, 0), (5, 4), (-1, 4), (1.5, 4)])
def test_impossible_counts(interval, k, n):
    with pytest.raises(ValueError, match=rf"k={k} successes in n={n} trials"):
        interval(k, n)


@pytest.mark.parametrize(
    ("table", "low", "high"),
    [  # Fagerland, Lydersen, Laake 2014 (Bentur); Newcombe 1998, Statist. Med. 17:2635; Agresti and Min 2005
        ((1, 1, 7, 12), -0.507, -0.026),
        ((4, 9, 3, 16), -0.0273, 0.3807),
        ((53, 16, 8, 9), -0.0201, 0.2039),
    ],
)
def test_newcombe_published(table, low, high):
    e = newcombe(*table)
    digits = 3 if table[0] == 1 else 4
    assert (round(e.low, digits), round(e.high, digits)) == (low, high)
    assert e.p_value == mcnemar(*table).p_midp and e.n_discordant == table[1] + table[2]


def test_newcombe_degenerate_and_swapped():
    for table in ((50, 0, 0, 0), (0, 0, 0, 50)):
        same = newcombe(*table)
        assert same.low == -same.high and same.high == pytest.approx(0.0713, abs=0.03)  # never ±0
    assert newcombe(0, 50, 0, 0).high == 1.0
    one, two = newcombe(3, 4, 1, 2), newcombe(3, 1, 4, 2)
    assert (one.value, one.low, one.high) == pytest.approx((-two.value, -two.high, -two.low))
    with pytest.raises(ValueError, match="no pairs"):
        newcombe(0, 0, 0, 0)


def test_levels_near_one_have_finite_intervals():
    """The quantile by its definition: the two tails beyond it hold 1 − level."""
    from statistics import NormalDist

    from seal_eval.stats import clustered_proportion
    from seal_eval.stats.intervals import z_of

    for level in (0.5, 0.95, 1 - 1e-9, 1 - 2**-53):
        assert NormalDist().cdf(-z_of(level)) * 2 == pytest.approx(1 - level, rel=1e-6)
    for estimate in (
        wilson(3, 10, 1 - 2**-53),
        tango(3, 4, 2, 1, 1 - 2**-53),
        clustered_proportion([0, 1] * 6, "aabbccddeeff", level=1 - 2**-53),
    ):
        assert -1 < estimate.low < estimate.value < estimate.high < 1


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 2.0, -0.5])
@pytest.mark.parametrize("documents", ["a", "aa", "ab"])
def test_scores_out_of_range(bad, documents):
    """Also of a single document, which has no interval that would notice."""
    from seal_eval.stats.choose_test import accuracy, difference

    scores, cells = [bad, 1.0][: len(documents)], "c" * len(documents)
    for computed in (
        accuracy,
        lambda x, *given: difference(x, [1.0] * len(x), *given),
        lambda x, *given: difference([1.0] * len(x), x, *given),
    ):
        with pytest.raises(ValueError, match="scores must lie between 0 and 1; sample 0"):
            computed(scores, documents, cells)
