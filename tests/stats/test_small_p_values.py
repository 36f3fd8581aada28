"""Small p-values of sign-flip tests, against a convolution over a fine grid: many comparisons multiply them."""

import math

import numpy as np
import pytest

from seal_eval.stats import holm, sign_flip
from seal_eval.stats.random_flips import by_tilted_draws


def on_a_grid(d, points=2**15):
    """P(|Σ ±d| ≥ |Σ d|) with each difference rounded to a step of Σ |d| / points, built up cluster by cluster."""
    steps = np.rint(np.abs(d) / np.abs(d).sum() * points).astype(int)
    total = int(steps.sum())
    chance = np.zeros(2 * total + 1)
    chance[total] = 1
    for k in steps[steps > 0]:
        chance = (np.roll(chance, k) + np.roll(chance, -k)) / 2  # the ends stay 0 until they are reached
    sums = np.abs(np.arange(-total, total + 1))
    return float(chance[sums >= abs(int(np.sign(d) @ steps))].sum())


@pytest.mark.parametrize(("n", "shift"), [(21, 2), (30, 1.2), (60, 1), (300, 0.35)])
def test_p_is_not_bounded_by_the_number_of_draws(n, shift):
    """With as many draws, 1 / 100,001 would be the smallest; over all pairs of 15 methods at level .999, Holm makes that .00105."""
    d = np.random.default_rng(1).normal(shift, 1, n)
    found, expected = sign_flip(d), on_a_grid(d)
    assert 1e-12 < expected < 1e-5 and not found.exact and found.p_value == pytest.approx(expected, rel=0.05)
    assert max(holm([found.p_value] * 105)) < 0.001 < 105 / 100_001


def test_all_in_one_direction():
    """One assignment of signs and its mirror image are as extreme: 2 / 2^n. With one small difference the other way, two more."""
    d = np.random.default_rng(2).uniform(1, 2, 25)
    assert sign_flip(d).p_value == pytest.approx(2 / 2**25, rel=1e-6)
    assert sign_flip([*d, -0.001]).p_value == pytest.approx(4 / 2**26, rel=1e-3)
    far = sign_flip(np.random.default_rng(3).uniform(1, 2, 80))
    assert far.p_value == 1e-12 and not far.exact


@pytest.mark.parametrize("spread", [1.5, 2, 2.5])
def test_thousands_of_documents_of_which_a_few_outweigh_the_others(spread):
    """Where an Edgeworth expansion gives p-values that are off by a third, or below 0."""
    rng = np.random.default_rng(int(spread * 10))
    for share in (0.5, 0.56, 0.62):
        d = rng.lognormal(0, spread, 1200) * np.where(rng.random(1200) < share, 1, -1)
        found, expected = sign_flip(d).p_value, on_a_grid(d)
        assert found == pytest.approx(expected, rel=0.04) or max(found, expected) <= 1e-12


def test_weighted_draws_agree_with_plain_ones():
    """Of middling p-values too, and where one cluster is as large as all others together."""
    rng = np.random.default_rng(4)
    for d in (rng.normal(0.2, 1, 40), np.append(rng.normal(0, 1, 60), 40.0), rng.normal(0.4, 1, 30)):
        least = abs(d.sum()) - 1e-12 * abs(d).sum()
        plain = (abs((rng.integers(0, 2, (200_000, len(d))) * 2 - 1) @ d) >= least).mean()
        assert by_tilted_draws(abs(d), least, rng) == pytest.approx(plain, abs=4 * math.sqrt(plain / 200_000) + 0.005)
