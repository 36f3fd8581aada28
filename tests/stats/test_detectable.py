"""What a comparison could have shown, where few pairs differ and where scores are fractions: against the binomial and simulated power."""

import numpy as np
import pytest
from scipy.stats import binom

from seal_eval.stats import minimum_detectable, paired_power, sign_flip
from seal_eval.stats.layout import layout, sample_shares
from seal_eval.stats.power import detectable_by_flips


@pytest.mark.parametrize(("n", "differ"), [(500, 3), (500, 0), (200, 3), (1000, 6), (12, 1)])
def test_few_pairs_that_differ_still_show_a_difference(n, differ):
    """By hand: of one-way pairs, mid-p rejects from 5 on (.5^5 = .031; 4 give .0625), and Bin(n, δ) differ."""
    found = minimum_detectable(n, differ / n)
    assert binom.sf(4, n, found) == pytest.approx(0.8, abs=1e-6) and found > differ / n
    assert paired_power(n, found, found) == pytest.approx(0.8, abs=1e-6)


def drawn(rng, n, discordance, gap, size=1.0):
    """Gains of n pairs: ± size."""
    u = rng.random(n)
    return size * np.where(u < (discordance + gap) / 2, 1.0, np.where(u < discordance, -1.0, 0.0))


@pytest.mark.parametrize("counts", [(20, 60), (50, 100)])
@pytest.mark.parametrize("discordance", [0.4, 0.02])
def test_cells_of_different_sizes_show_what_the_test_detects(counts, discordance):
    rng, cells = np.random.default_rng(1), np.arange(2).repeat(counts)
    design = layout(range(len(cells)), cells)
    found = float(np.median([detectable_by_flips(design, drawn(rng, len(cells), discordance, 0.0)) for _ in range(5)]))
    gains = [drawn(rng, len(cells), max(discordance, found), found) for _ in range(100)]
    assert 0.65 <= np.mean([sign_flip(sample_shares(design) * d).p_value <= 0.05 for d in gains]) <= 0.95


@pytest.mark.parametrize(("n", "spread"), [(12, 0.02), (16, 0.1)])
def test_fractional_scores_show_what_the_test_detects(n, spread):
    """Normal differences added to every sample; the interval's width, meant for 0/1 scores, would say several times as much."""
    rng = np.random.default_rng(2)
    found = float(np.median([detectable_by_flips(layout(range(n)), rng.normal(0, spread, n)) for _ in range(15)]))
    assert 0.7 <= np.mean([sign_flip(rng.normal(found, spread, n)).p_value <= 0.05 for _ in range(60)]) <= 0.95


def test_differences_of_few_fractional_scores():
    """Three of 500 samples differ by ± .3: no normal sum, but five of one sign reject, as for 0/1 scores; none differs: as if by 1."""
    design, gains = layout(range(500)), np.r_[0.3, -0.3, 0.3 + 1e-9, np.zeros(497)]
    assert detectable_by_flips(design, gains) == pytest.approx(0.3 * minimum_detectable(500, 3 / 500), rel=1e-6)
    assert detectable_by_flips(design, np.zeros(500)) == minimum_detectable(500, 0.0)
    assert detectable_by_flips(layout(range(3)), np.array([0.1, -0.2, 0.1])) is None
