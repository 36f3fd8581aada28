"""How many records (documents) with several questions each a comparison needs, for the test that it will use."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from seal_eval.stats.intervals import z_of
from seal_eval.stats.layout import Array
from seal_eval.stats.power import MOST_EXACT, check_plan, paired_power, pairs_needed

DRAWS = 5000  # simulated comparisons behind each power; its standard error at 80 % is 0.6 points
MOST_SIMULATED = 250  # records; above, the normal approximation is within a point
MOST_SUM = 2**13  # largest sum of |differences| whose distribution is computed exactly
AT_ONCE = 2**21  # numbers held in memory


@dataclass(frozen=True)
class RecordPlan:
    """`records` with `questions` each, their cost in seconds, and the power of their test."""

    records: int
    questions: int
    seconds: float
    power: float


def least_records(level: float) -> int:
    """The fewest records with which a sign-flip test can reach p <= 1 − level: its smallest p-value is 2^(1 − records)."""
    return max(2, math.ceil(1 - math.log2(1 - level) - 1e-9))


def sign_flip_power(
    records: int, questions: int, discordance: float, difference: float, correlation: float, level: float = 0.95, seed: int = 0
) -> float:
    """Probability that the sign-flip test of `records` records with `questions` questions each rejects at significance level 1 − level.

    discordance: share of questions on which the methods differ; difference: of their accuracies; correlation: of the paired difference
    within a record. Questions of a record are drawn with shares (A alone, B alone, neither alone) that vary between records as a Dirichlet
    distribution with that intraclass correlation. From `DRAWS` simulated comparisons; above `MOST_SIMULATED` records the normal
    approximation, in which the test compares Σd with z √Σd². Raises ValueError for values out of range.
    """
    check_plan(records, discordance, difference, level)
    if questions < 1 or not 0 <= correlation <= 1:
        raise ValueError(f"questions={questions}, correlation={correlation}: needs at least 1 question and a correlation from 0 to 1")
    if records < least_records(level) or discordance == 0:
        return 0.0
    if records > MOST_SIMULATED:
        return _approximate(records, questions, discordance, difference, correlation, level)
    rng = np.random.default_rng(seed)
    shares = np.array([(discordance + difference) / 2, (discordance - difference) / 2, 1 - discordance])
    rejected = 0
    step = max(1, AT_ONCE // records)
    for start in range(0, DRAWS, step):
        shape = (min(step, DRAWS - start), records)
        won, lost, _ = np.moveaxis(rng.multinomial(questions, _varied(rng, shares, correlation, shape)), -1, 0)
        rejected += int((_p_values(won - lost) <= (1 - level) * (1 + 1e-9)).sum())
    return rejected / DRAWS


def records_needed(
    questions: int, discordance: float, difference: float, correlation: float, power: float = 0.8, level: float = 0.95
) -> tuple[int, float]:
    """The fewest records with `questions` questions each that reach `power`, and their power.

    With one question each: of the mid-p McNemar test (`pairs_needed`); else of the sign-flip test of records. Raises ValueError for a
    difference of 0 and for values out of range.
    """
    if questions == 1:
        n = pairs_needed(discordance, difference, power, level)
        return n, paired_power(n, discordance, difference, level) if n <= MOST_EXACT else power
    if difference == 0 or not 0.5 <= power < 1:
        raise ValueError(f"difference={difference}, power={power}: needs a difference other than 0 and a power from 0.5 to 1")

    design, least = (questions, discordance, difference, correlation, level), least_records(level)
    near = least
    while _approximate(near, *design) < power:
        near = math.ceil(1.02 * near)
    low, high = max(least - 1, round(0.85 * near) - 1), max(least, near)
    while sign_flip_power(high, *design) < power:
        low, high = high, math.ceil(1.15 * high)
    while low >= least and sign_flip_power(low, *design) >= power:
        low, high = max(least - 1, math.floor(0.85 * low)), low
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if sign_flip_power(middle, *design) >= power else (middle, high)
    return high, sign_flip_power(high, *design)


def plans(
    discordance: float, difference: float, correlation: float, seconds_per_record: float, seconds_per_question: float,
    questions: Iterable[int], power: float = 0.8, level: float = 0.95,
) -> list[RecordPlan]:  # fmt: skip
    """A plan for each number of questions per record, see `records_needed`; the cheapest first.

    To `questions` is added √(record's cost / question's cost · (1 − ρ) / ρ), near the best number (Cochran 1977, section 10.6), at most
    the largest of them. Raises ValueError for values out of range.
    """
    if not (seconds_per_record >= 0 and seconds_per_question >= 0 and 0 < seconds_per_record + seconds_per_question < math.inf):
        raise ValueError(f"seconds_per_record={seconds_per_record}, seconds_per_question={seconds_per_question}: needs costs of at least 0")
    wanted = set(questions)
    ratio = (1 - correlation) * seconds_per_record, correlation * seconds_per_question
    wanted.add(max(1, min(max(wanted), round(math.sqrt(ratio[0] / ratio[1])))) if ratio[1] else max(wanted))
    choices = []
    for q in sorted(wanted):
        records, reached = records_needed(q, discordance, difference, correlation, power, level)
        choices.append(RecordPlan(records, q, records * (seconds_per_record + q * seconds_per_question), reached))
    return sorted(choices, key=lambda plan: (plan.seconds, plan.questions))


def _varied(rng: np.random.Generator, shares: Array, correlation: float, shape: tuple[int, int]) -> Array:
    """The shares of each record, [*shape, 3]."""
    if correlation == 0:
        return np.broadcast_to(shares, (*shape, 3))
    if correlation == 1:
        return np.eye(3)[rng.choice(3, shape, p=shares)]
    gamma = rng.standard_gamma(np.maximum(shares * (1 / correlation - 1), 1e-12), (*shape, 3)) + 1e-300
    return np.asarray(gamma / gamma.sum(axis=-1, keepdims=True))


def _p_values(differences: Array) -> Array:
    """Two-sided p-values of the sign-flip test for rows of whole differences, [n_rows, n_records] → [n_rows].

    The distribution of Σ ±|d| from its characteristic function Π cos(|d| t), as in `clusters`; for large sums its Edgeworth expansion.
    """
    size, observed = abs(differences), abs(differences.sum(axis=1))
    most = int(size.sum(axis=1).max())
    if most > MOST_SUM:
        return _expansion(size, observed)
    times = np.stack([(size == s).sum(axis=1) for s in range(1, int(size.max()) + 1)], axis=1) if most else np.zeros((len(size), 0))
    p_values = np.ones(len(size))
    points = 2 * most + 2
    cosines = np.cos(2 * np.pi * np.outer(np.arange(1, times.shape[1] + 1), np.arange(most + 2)) / points)
    step = max(1, AT_ONCE // points)
    for rows in (slice(start, start + step) for start in range(0, len(size), step)):
        characteristic = np.exp(times[rows] @ np.log(np.maximum(abs(cosines), 1e-300)))
        characteristic *= 1 - 2 * (times[rows] @ (cosines < 0) % 2)
        probability = np.fft.irfft(characteristic, points, axis=1)[:, : most + 1]
        tail = np.cumsum(probability[:, ::-1], axis=1)[:, ::-1]
        here = observed[rows]
        p_values[rows] = np.where(here == 0, 1.0, np.clip(2 * tail[np.arange(len(here)), here], 0, 1))
    return p_values


def _expansion(size: Array, observed: Array) -> Array:
    from scipy.stats import norm

    square = np.maximum((size.astype(float) ** 2).sum(axis=1), 1e-300)
    z = observed / np.sqrt(square)
    fourth = -2 * (size.astype(float) ** 4).sum(axis=1) / square**2
    return np.asarray(np.clip(2 * norm.sf(z) + norm.pdf(z) * fourth * (z**3 - 3 * z) / 12, 0, 1))


def _approximate(records: int, questions: int, discordance: float, difference: float, correlation: float, level: float) -> float:
    from scipy.stats import norm

    spread = (discordance - difference**2) * (1 + (questions - 1) * correlation) / questions  # of a record's mean difference
    if spread <= 0:
        return 1.0 if difference else 0.0
    critical, mean = z_of(level) * math.sqrt(spread + difference**2), abs(difference) * math.sqrt(records)
    return float(norm.cdf((mean - critical) / math.sqrt(spread)) + norm.cdf((-mean - critical) / math.sqrt(spread)))
