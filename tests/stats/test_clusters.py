"""Clustered pairs, multiple tests, power: checked against definitions in loops, enumeration, simulation and published values."""

import math
import time
from itertools import product

import numpy as np
import pytest

from seal_eval.core.types import Estimate
from seal_eval.stats import benjamini_hochberg, detectable_with, holm, least_p, mcnemar, minimum_detectable, paired_power, sign_flip, tango

from alternatives import obuchowski


def test_sign_flip_by_enumeration():
    for values in ([3, -1, 2], [0.5, 0.25, -0.125, 1.5, 0], [2, 2, 2], [1, -1]):
        sums = [abs(sum(s * v for s, v in zip(signs, values, strict=True))) for signs in product((1, -1), repeat=len(values))]
        expected = sum(s >= abs(sum(values)) - 1e-9 for s in sums) / len(sums)
        result = sign_flip(values)
        assert result.p_value == pytest.approx(expected) and result.exact and result.n_discordant == sum(v != 0 for v in values)


@pytest.mark.parametrize("n", [1, 5, 6, 7, 12])
def test_least_p(n):
    """That of n documents, or n pairs, which all differ in one direction."""
    assert least_p(n) == pytest.approx(sign_flip([1] * n).p_value)
    assert least_p(n, mid_p=True) == pytest.approx(mcnemar(0, n, 0, 0).p_midp)


def test_sign_flip_of_single_pairs_is_the_exact_mcnemar_test():
    assert sign_flip([1] * 7 + [-1] * 2 + [0] * 30).p_value == pytest.approx(mcnemar(20, 7, 2, 10).p_exact)


def test_sign_flip_beyond_enumeration():
    """More than 20 clusters: still exact, independent of the order, never 0."""
    values = [1] * 18 + [-1] * 7
    result = sign_flip(values)
    assert result.exact and result.p_value == pytest.approx(mcnemar(0, 18, 7, 0).p_exact) and result == sign_flip(values[::-1])
    assert sign_flip([1] * 60).p_value == pytest.approx(1e-12)  # the smallest p-value reported


def test_sign_flip_degenerate():
    assert sign_flip([0, 0, 0]).p_value == 1.0 and sign_flip([4]).p_value == 1.0
    for bad in ([], [1, math.nan], [math.inf]):
        with pytest.raises(ValueError, match="one finite number per cluster"):
            sign_flip(bad)


def test_obuchowski_by_its_definition():
    """Difference of the two shares over the variances and covariance of ratio estimators, with the common share in place of each."""
    rng = np.random.default_rng(1)
    a, b, c, d = rng.integers(0, 5, (4, 29))
    n, total, k = a + b + c + d, (a + b + c + d).sum(), 29
    first, second = a + b, a + c
    common = (first.sum() + second.sum()) / (2 * total)
    moment = lambda x, y: k / (k - 1) * sum((x - n * common) * (y - n * common)) / total**2  # noqa: E731
    variance = moment(first, first) + moment(second, second) - 2 * moment(first, second)
    expected = ((first.sum() - second.sum()) / total) ** 2 / variance
    assert obuchowski(b, c).chi2 == pytest.approx(expected)


def test_obuchowski_degenerate():
    alone = obuchowski([1] * 9 + [0] * 91, [0] * 97 + [1] * 3)  # one pair per cluster: McNemar's test times (K - 1) / K
    assert alone.chi2 == pytest.approx(mcnemar(50, 9, 3, 38).chi2 * 99 / 100)
    assert obuchowski([1, 2], [1, 2]).chi2 is None
    for bad, message in (
        (([1], [0]), "at least two clusters, got 1"),
        (([1, 2], [1]), "one count of each per cluster"),
        (([1, -1], [0, 0]), "at least 0"),
    ):
        with pytest.raises(ValueError, match=message):
            obuchowski(*bad)


def test_holm_published():
    # R package multtest's example
    p = [0.001, 0.002, 0.003, 0.004, 0.005, 0.05, 0.06, 0.07, 0.08, 0.09]
    assert holm(p) == pytest.approx([0.01, 0.018, 0.024, 0.028, 0.03, 0.25, 0.25, 0.25, 0.25, 0.25])
    assert holm(p[::-1]) == pytest.approx(holm(p)[::-1])
    from statsmodels.stats.multitest import multipletests

    for many in np.random.default_rng(1).random((20, 7)) ** 3:
        assert holm(many) == pytest.approx(multipletests(many, method="holm")[1])


def test_benjamini_hochberg_by_hand():
    p = [0.04, 0.01, 0.03, 0.5]
    ranked = sorted(p)
    expected = [min(ranked[j] * 4 / (j + 1) for j in range(ranked.index(x), 4)) for x in p]
    assert benjamini_hochberg(p) == pytest.approx(expected)
    for adjust in (holm, benjamini_hochberg):
        assert adjust([]) == []
        with pytest.raises(ValueError, match="between 0 and 1"):
            adjust([0.5, math.nan])


@pytest.mark.parametrize(
    ("n", "discordance", "difference"), [(20, 0.4, 0.3), (50, 0.3, 0.2), (50, 0.1, 0.1), (200, 0.2, 0.08), (8, 1.0, 0.5)]
)
def test_power_by_enumeration(n, discordance, difference):
    """Sum over every pair of counts that the test itself rejects."""
    a, b = (discordance + difference) / 2, (discordance - difference) / 2
    log_factorial = [math.lgamma(i + 1) for i in range(n + 1)]
    total = 0.0
    for x in range(n + 1):
        for y in range(n + 1 - x):
            parts = [(x, a), (y, b), (n - x - y, 1 - discordance)]
            if any(k and p <= 0 for k, p in parts):
                continue
            probability = math.exp(log_factorial[n] + sum(k * math.log(p) - log_factorial[k] for k, p in parts if k))
            if probability < 1e-14 or (x + y >= 40 and abs(x - y) <= 6):  # all of the first are 2e-10; asserted below of the second
                continue
            if mcnemar(0, x, y, n - x - y).p_midp <= 0.05:
                total += probability
    assert all(mcnemar(0, x, m - x, 0).p_midp > 0.05 for m in range(40, n + 1) for x in range(m + 1) if abs(2 * x - m) <= 6)
    assert paired_power(n, discordance, difference) == pytest.approx(total, abs=1e-9)


def test_power_near_the_published_sample_sizes():
    """Connor 1987: by an approximation, 23 pairs for (.45, .05) and 155 for (.30, .15) have 80 % power."""
    assert 0.75 < paired_power(155, 0.45, 0.15) < 0.93
    assert 0.75 < paired_power(23, 0.50, 0.40) < 0.93


def test_many_discordant_pairs_have_the_power_too():
    """Where Connor's formula stands for the sum over all counts of discordant pairs."""
    assert paired_power(4000, 0.3, minimum_detectable(4000, 0.3)) == pytest.approx(0.8, abs=0.005)
    assert paired_power(2000, 0.3, minimum_detectable(2000, 0.3, power=0.9), level=0.95) == pytest.approx(0.9, abs=0.005)


def test_rounding_is_no_difference():
    """A document whose shares cancel sums to 1.7e-18: it neither counts as moved nor ends the exact convolution."""
    moved = [0.005 * k for k in (1, 1, 2, -1, 3, 1, -2, 1, 1, 2) * 3]
    clean, rounded = sign_flip([*moved, 0.0]), sign_flip([*moved, -1.7e-18])
    assert clean == rounded and clean.exact and clean.n_discordant == 30
    assert sign_flip([0.0, 0.0]).p_value == 1


def test_differences_that_cancel_have_p_1():
    """In tenths, sums of 0 that floats miss by 1e-17: every assignment is at least as extreme. And against whole numbers, in any order."""
    rng = np.random.default_rng(0)
    for n in (3, 9, 30):
        whole = rng.integers(-9, 10, n)
        d = np.append(whole, -whole.sum()) / 7
        assert sign_flip(d).p_value == pytest.approx(1) and sign_flip(d[::-1]).p_value == pytest.approx(1)
    for _ in range(50):
        whole = rng.integers(-9, 10, 8)
        assert sign_flip(whole / 30).p_value == pytest.approx(sign_flip(whole).p_value)


def test_minimum_detectable():
    result = minimum_detectable(100, 0.3)
    assert paired_power(100, 0.3, result) == pytest.approx(0.8, abs=1e-6)
    assert minimum_detectable(400, 0.3) < result < minimum_detectable(50, 0.3)
    assert minimum_detectable(4, 1.0) is None
    for bad in ({"n": 0, "discordance": 0.2}, {"n": 9, "discordance": 1.2}, {"n": 9, "discordance": 0.2, "power": 1.0}):
        with pytest.raises(ValueError):
            minimum_detectable(**bad)


def test_detectable_from_an_interval():
    """Bloom 1995: 2.80 standard errors for 80 % power at .05. Near the exact figure for independent pairs without a difference."""
    gain = Estimate(0.1, -0.096, 0.296, 0.95, 50, "t")
    assert detectable_with(gain) == pytest.approx(2.8016 * 0.1, rel=1e-3)
    assert detectable_with(gain, power=0.9, level=0.99) == pytest.approx((2.5758 + 1.2816) * 0.1, rel=1e-3)
    even = tango(500, 150, 150, 200)
    assert detectable_with(even) == pytest.approx(minimum_detectable(1000, 0.3), rel=0.03)
    with pytest.raises(ValueError, match=r"power=0\.2"):
        detectable_with(gain, power=0.2)


def test_many_different_fractional_differences_are_quick():
    """Scores with three decimals, such as BLEU / 100, of 4,000 documents: the expansion takes over from the exact convolution."""
    d = np.random.default_rng(0).integers(-999, 1000, 4000) / 1000
    began = time.process_time()
    found = sign_flip(d)
    assert time.process_time() - began < 5 and found.method == "sign-flip, Edgeworth expansion"
    rng = np.random.default_rng(1)
    drawn = np.abs(rng.choice([-1.0, 1.0], (2000, len(d))) @ np.abs(d)) >= abs(d.sum())
    assert found.p_value == pytest.approx(drawn.mean(), abs=0.035)
