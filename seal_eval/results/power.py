"""How many records and questions a comparison needs: from guesses, or from a pilot's results."""

from dataclasses import dataclass

import numpy as np

from seal_eval.core.errors import SealError
from seal_eval.results.paired import PairedScores
from seal_eval.stats import RecordPlan, minimum_detectable, plans, simultaneous
from seal_eval.stats.effective import anova_correlation
from seal_eval.stats.layout import layout

SHOWN = (1, 2, 5, 10, 20, 50)  # questions per record that are always in the table
# assumed if none is given: above the upper quartile, .04, of the published runs (docs/correlation.txt), whose average is .00
USUAL_CORRELATION = 0.05
LEAST_DIFFERENCE = 0.001  # smallest difference of accuracies that a plan is made for
LEAST_ALPHA = 1e-9  # smallest significance level of a plan; below it p-values are rounding errors


@dataclass(frozen=True)
class Guess:
    """What is expected of two methods on the same samples.

    difference: of their accuracies, −1 to 1; discordance: share of samples on which they differ; correlation: of the paired difference
    within a document, 0 to 1; source: where the correlation comes from.
    """

    name: str
    difference: float
    discordance: float
    correlation: float
    source: str
    n: int | None = None  # pairs of the pilot; None for a guess


def guess(accuracy: float, against: float, discordance: float | None, correlation: float | None) -> Guess:
    """A guess from the accuracies p of the method and q of the baseline.

    Without a discordance, that of independent replies is taken, p (1 − q) + q (1 − p); it is too large, which is safe, if the replies are
    positively correlated. Without a correlation, `USUAL_CORRELATION` is taken. Raises SealError for values out of range, equal accuracies,
    and a discordance that these accuracies do not allow.
    """
    for name, value in (("accuracy", accuracy), ("against", against)):
        if not 0 <= value <= 1:
            raise SealError(f"--{name} is {value}, must lie between 0 and 1")
    gap, most = abs(accuracy - against), min(accuracy + against, 2 - accuracy - against)
    if gap == 0:
        raise SealError(f"--accuracy and --against are both {accuracy}: no number of samples shows a difference of 0")
    if gap < LEAST_DIFFERENCE:
        raise SealError(
            f"--accuracy {accuracy} and --against {against} differ by less than {LEAST_DIFFERENCE:g}: that takes millions of samples"
        )
    if discordance is None:
        discordance = accuracy * (1 - against) + against * (1 - accuracy)
    if not gap - 1e-12 <= discordance <= most + 1e-12:
        raise SealError(f"--discordance is {discordance}; accuracies {accuracy} and {against} allow {gap:.3g} to {most:.3g}")
    return Guess("guess", accuracy - against, max(discordance, gap), *_correlation(correlation, None))


def from_pilot(paired: PairedScores, correlation: float | None) -> list[Guess]:
    """One guess per method other than the baseline, with the difference and discordance of the pilot's scored pairs.

    correlation: None estimates it from the pilot, within cells; it is at least `USUAL_CORRELATION`, which it is too where no document has
    several samples.
    Raises SealError for scores other than 0 and 1 and for a pilot that has only the baseline.
    """
    guesses, paired = [], paired.deciding
    for column, method in enumerate(paired.methods[1:], 1):
        scores, base = paired.scores[:, column], paired.scores[:, 0]
        both_scored = ~np.isnan(scores) & ~np.isnan(base)
        shared = len(np.unique(paired.cell[both_scored]))
        if not shared:  # it lacks every cell that the baseline has
            continue
        where = f", {shared} of {len(paired.cells)} cells" if shared < len(paired.cells) else ""
        gains, clusters = (scores - base)[both_scored], paired.cluster[both_scored]
        if not np.isin(scores[both_scored], (0, 1)).all() or not np.isin(base[both_scored], (0, 1)).all():
            partial = ~np.isin(paired.scores[:, [0, column]], (0, 1)).all(axis=1) & both_scored
            task = next(paired.cells[i][0] for i in paired.cell[partial])
            raise SealError(
                f"{method}: {task} has scores other than 0 and 1; power can be computed for 0/1 scores only: name another --metric, or a "
                "folder or file without that task"
            )
        cells = paired.cell[both_scored]
        centred = gains - (np.bincount(cells, gains) / np.maximum(np.bincount(cells), 1))[cells]
        repeated = len(gains) > len(np.unique(clusters)) > 1
        rho = anova_correlation(centred, clusters) if repeated and correlation is None else None
        design = layout(clusters, cells)
        average, differ = float(design.average(gains)), float(design.average((gains != 0).astype(float)))  # over cells, as `compare`
        guesses.append(Guess(method + where, average, differ, *_correlation(correlation, rho), len(gains)))
    if not guesses:
        raise SealError(f"{paired.name}: only {paired.baseline} was run; a pilot needs a method to compare with it")
    return guesses


def _correlation(given: float | None, measured: float | None) -> tuple[float, str]:
    """The correlation within a document and where it comes from: given, measured on a pilot, or the usual one.

    A pilot of few records often measures less than there is, and every other one less than 0 where there is none; a plan made for that
    would be more hopeful than without a pilot. Raises SealError for a given one outside 0 to 1.
    """
    if given is not None and not 0 <= given <= 1:
        raise SealError(f"--correlation is {given}, must lie between 0 and 1")
    if given is not None:
        return given, "given"
    if measured is None:
        return USUAL_CORRELATION, "assumed, --correlation sets it"
    if measured < USUAL_CORRELATION:
        return USUAL_CORRELATION, f"assumed, as the pilot's, {measured:.2f}, is lower; --correlation sets it"
    return measured, "measured on the pilot"


def lines(
    expected: Guess, power: float, level: float, comparisons: int, seconds_per_record: float, seconds_per_question: float
) -> list[str]:  # fmt: skip
    """What to run, as lines of text.

    comparisons: number of methods compared with the baseline. The level is corrected by Bonferroni; `compare` uses Holm, which has at
    least the same power. Plans are for the test that `compare` will use: McNemar's for one question per record, else the sign-flip test of
    records. Raises SealError for values out of range.
    """
    for name, value, fine, needed in (
        ("power", power, 0.5 <= power < 1, "from .5 to below 1"), ("level", level, 0 < level < 1, "between 0 and 1, such as .95"),
        ("comparisons", comparisons, comparisons >= 1, "at least 1"),
        ("seconds-per-record", seconds_per_record, seconds_per_record >= 0, "at least 0"),
        ("seconds-per-question", seconds_per_question, seconds_per_question >= 0, "at least 0"),
        ("seconds-per-question", seconds_per_question, seconds_per_record + seconds_per_question > 0, "above 0 when a record costs 0"),
    ):  # fmt: skip
        if not fine:
            raise SealError(f"--{name} is {value}, must be {needed}")
    strict = simultaneous(level, comparisons)
    if 1 - strict < LEAST_ALPHA:
        raise SealError(
            f"--level {level} with --comparisons {comparisons} leaves a significance level below {LEAST_ALPHA:g}; lower --level"
        )
    out = [
        f"{expected.name}: difference {100 * expected.difference:+.1f} points, "
        f"the two differ on {100 * expected.discordance:.1f} % of pairs, "
        f"correlation within a document {expected.correlation:.2f} ({expected.source})"
    ]
    if expected.n:
        reach = minimum_detectable(expected.n, expected.discordance, power, strict)
        detected = "no difference at all" if reach is None else f"{100 * reach:.1f} points or more"
        out.append(f"  {expected.n} pairs, if independent, show {detected} with {100 * power:g} % power")
    if expected.difference == 0:
        return [*out, "  no number of samples shows a difference of 0"]
    if abs(expected.difference) < LEAST_DIFFERENCE:
        return [*out, f"  a difference below {100 * LEAST_DIFFERENCE:g} points takes millions of samples to show"]
    guessed = expected.discordance, expected.difference, expected.correlation
    try:
        by_cost = plans(*guessed, seconds_per_record, seconds_per_question, SHOWN, power, strict)
    except ValueError as error:
        raise SealError(str(error)) from error
    out.append(f"  for {100 * power:g} % power at level {strict:.4g}, McNemar's test (1 question) or the sign-flip test of records (more):")
    out.append("  questions per record   records   questions in all   cost per method   power")
    return out + [_row(plan, plan == by_cost[0]) for plan in sorted(by_cost, key=lambda plan: plan.questions)]


def _row(plan: RecordPlan, cheapest: bool) -> str:
    text = f"  {plan.questions:>20}{plan.records:>10,}{plan.records * plan.questions:>19,}{plan.seconds:>16,.0f} s"
    return f"{text}{100 * plan.power:>6.0f} %" + ("   cheapest of these" if cheapest else "")
