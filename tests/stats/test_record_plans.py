"""Power of the sign-flip test of records, and plans: compared with the test itself on drawn data, McNemar's power, and trying all."""

import math

import numpy as np
import pytest

from seal_eval.stats import paired_power, pairs_needed, plans, records_needed, sign_flip, sign_flip_power
from seal_eval.stats.choose_test import difference
from seal_eval.stats.effective import anova_correlation
from seal_eval.stats.record_plans import _approximate, _p_values, least_records


def replies(rng, records, questions, shares, correlation):
    """Scores of two methods drawn record by record: [records * questions] each, and the record of each question."""
    a, b = [], []
    for _ in range(records):
        p = rng.dirichlet(np.array(shares) * (1 / correlation - 1)) if correlation else shares
        won, lost, _ = rng.multinomial(questions, p)
        a += [1] * won + [0] * (questions - won)
        b += [0] * won + [1] * lost + [0] * (questions - won - lost)
    return np.array(a, float), np.array(b, float), np.arange(records).repeat(questions)


@pytest.mark.parametrize(("questions", "correlation", "level"), [(5, 0.0, 0.95), (10, 0.1, 0.95), (10, 0.3, 0.99)])
def test_a_plan_keeps_its_promise(questions, correlation, level):
    """What `compare` finds on data of the planned size: the power is within 3 standard errors of the promise."""
    records, promised = records_needed(questions, 0.44, 0.2, correlation, level=level)
    rng, draws, found = np.random.default_rng(1), 400, 0
    for _ in range(draws):
        a, b, record = replies(rng, records, questions, (0.32, 0.12, 0.56), correlation)
        found += difference(a, b, record, [0] * len(a), level).p_value <= 1 - level
    assert 0.8 <= promised < 0.86 and found / draws == pytest.approx(promised, abs=3 * math.sqrt(0.16 / draws))


def test_drawn_records_have_the_correlation():
    a, b, record = replies(np.random.default_rng(2), 2000, 10, (0.32, 0.12, 0.56), 0.2)
    assert anova_correlation(a - b, record) == pytest.approx(0.2, abs=0.02)


def test_p_values_are_those_of_the_test():
    rng = np.random.default_rng(0)
    for shape, most in (((40, 12), 4), ((20, 60), 3), ((5, 3), 1)):
        d = rng.integers(-most, most + 1, shape)
        assert _p_values(d) == pytest.approx([sign_flip(row).p_value for row in d], abs=1e-12)
    wide = rng.integers(-50, 51, (20, 400))
    assert _p_values(wide) == pytest.approx([sign_flip(row).p_value for row in wide], abs=2e-3)


def test_fewest_records():
    """The smallest p of a sign-flip test of k records is 2^(1 − k)."""
    for level, k in ((0.95, 6), (0.99, 8), (0.9, 5), (0.999, 11)):
        assert least_records(level) == k and sign_flip(np.ones(k)).p_value <= 1 - level + 1e-12 < sign_flip(np.ones(k - 1)).p_value
        assert sign_flip_power(k - 1, 10, 0.9, 0.9, 0.0, level) == 0 < sign_flip_power(k, 10, 0.9, 0.9, 0.0, level)
    assert records_needed(10, 0.9, 0.9, 0.0, level=0.99)[0] == 8


def test_one_question_is_mcnemar():
    n, reached = records_needed(1, 0.3, 0.15, 0.2)
    assert n == pairs_needed(0.3, 0.15) and reached == paired_power(n, 0.3, 0.15)


def test_the_approximation_for_many_records():
    for questions, discordance, gap, rho, level in ((5, 0.2, 0.045, 0.1, 0.95), (2, 0.1, 0.05, 0.05, 0.99), (20, 0.5, 0.06, 0.3, 0.99)):
        one, two = (f(250, questions, discordance, gap, rho, level) for f in (sign_flip_power, _approximate))
        assert one == pytest.approx(two, abs=0.02)


def test_plans_by_trying_all():
    """The cheapest plan, by trying every number of questions; the number that the textbook's rule adds is among the cheapest."""
    found = plans(0.44, 0.2, 0.1, 20, 1, range(2, 21))
    assert [plan.seconds for plan in found] == sorted(plan.records * (20 + plan.questions) for plan in found)
    few = plans(0.44, 0.2, 0.1, 20, 1, (2, 20))
    assert {plan.questions for plan in few} == {2, 20, round(math.sqrt(20 * 0.9 / 0.1))} and few[0].seconds <= 1.1 * found[0].seconds
    assert all(plan.power >= 0.8 for plan in found)
    for bad in ((0.3, 0.4, 0.1, 1, 1), (0.3, 0.1, 1.1, 1, 1), (0.3, 0.1, 0.1, 0, 0), (0.3, 0.1, 0.1, -1, 2), (0.3, 0.0, 0.1, 1, 1)):
        with pytest.raises(ValueError):
            plans(*bad, (1, 5))
