"""Summaries over lengths, checked against numbers worked by hand and simulation."""

import numpy as np
import pytest

from seal_eval.core.types import Estimate
from seal_eval.harness import metrics
from seal_eval.stats.lengths import (
    counts,
    effective_length,
    effective_length_stderr,
    effective_of,
    weighted_average,
    weighted_average_stderr,
)

CELLS = {1024: (100, 100), 2048: (90, 100), 4096: (86, 100), 8192: (85, 100)}


def test_weighted_averages():
    """RULER's definition: (1·1 + 2·.9 + 3·.86 + 4·.85) / 10 and the reverse."""
    assert weighted_average(CELLS, "rising") == pytest.approx((1 + 1.8 + 2.58 + 3.4) / 10)
    assert weighted_average(CELLS, "falling") == pytest.approx((4 + 2.7 + 1.72 + 0.85) / 10)
    # Llama-2-7B-chat's row of RULER's table 3 has one length: both weights give its accuracy
    assert weighted_average({4096: (856, 1000)}, "rising") == weighted_average({4096: (856, 1000)}, "falling") == 0.856


def test_weighted_average_stderr_by_simulation():
    rng = np.random.default_rng(1)
    share = np.array([k / n for k, n in CELLS.values()])
    drawn = rng.binomial(100, share, (40000, 4)) / 100
    for weights, w in (("rising", np.arange(1, 5)), ("falling", np.arange(4, 0, -1))):
        assert weighted_average_stderr(CELLS, weights) == pytest.approx((drawn @ w / w.sum()).std(), rel=0.02)


def test_effective_length():
    result = effective_length(CELLS)
    assert (result.value, result.low, result.high, result.n) == (4096, 1024, 8192, 400)
    wide = {1024: Estimate(0.95, 0.5, 1.0, 0.95, 20, "between documents"), 2048: Estimate(0.7, 0.4, 0.9, 0.95, 20, "between documents")}
    assert [getattr(effective_of(wide), field) for field in ("value", "low", "high", "n")] == [1024, 0, 2048, 40]
    with pytest.raises(ValueError, match="at least one"):
        effective_of({})
    assert effective_length({512: (856, 1000)}).value == 512  # reaching the threshold exactly is enough
    assert effective_length({512: (855, 1000)}).value == 0
    assert effective_length({512: (0, 9), 1024: (9, 9)}).value == 1024  # the longest length that reaches it, as in RULER
    assert effective_length_stderr({512: (500, 500)}) == 0
    assert 1000 < effective_length_stderr(CELLS) < 3500


def test_effective_length_interval_covers():
    """True accuracies on both sides of the threshold: the interval contains the true effective length in at least 95 % of runs."""
    rng = np.random.default_rng(2)
    truth = {1024: 0.97, 2048: 0.93, 4096: 0.88, 8192: 0.75}
    inside = 0
    for _ in range(400):
        result = effective_length({n: (int(rng.binomial(60, p)), 60) for n, p in truth.items()})
        inside += result.low <= 4096 <= result.high
    assert inside / 400 >= 0.95


def test_as_lm_eval_calls_them():
    items = [(length, float(i < k)) for length, (k, n) in CELLS.items() for i in range(n)]
    assert counts(items) == CELLS
    assert metrics.weighted_rising(items) == pytest.approx(0.878) and metrics.effective_length(items) == 4096
    assert metrics.weighted_falling_stderr(items) == weighted_average_stderr(CELLS, "falling")


@pytest.mark.parametrize("lengths", [1, 4, 8])
def test_effective_length_bounds_hold_together(lengths):
    """Every accuracy just below the threshold, so that the true value is 0: the bounds miss it in at most 5 % of runs."""
    rng = np.random.default_rng(3)
    drawn = rng.binomial(50, 0.85, (400, lengths))
    found = [effective_length({1024 * 2**i: (int(k), 50) for i, k in enumerate(row)}) for row in drawn]
    assert sum(e.low > 0 for e in found) / 400 <= 0.05 and all(e.level == 0.95 for e in found)
