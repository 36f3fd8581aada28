"""How many records and questions a comparison takes: from a guess, or from a pilot's results."""

from dataclasses import dataclass

import numpy as np

from seal_eval.core.errors import SealError
from seal_eval.results.paired import PairedScores
from seal_eval.stats import RecordPlan, intraclass_correlation, minimum_detectable, pairs_needed, plans

SHOWN = (1, 2, 5, 10, 20, 50)  # questions per record that are always in the table


@dataclass(frozen=True)
class Guess:
    """What is expected of two methods on the same samples. correlation: of the paired difference within a document, 0 to 1."""

    name: str
    difference: float
    discordance: float
    correlation: float
    n: int | None = None  # of the pilot


def guess(accuracy: float, against: float, discordance: float | None, correlation: float) -> Guess:
    """A guess from two accuracies; without a discordance that of independent replies, p (1 − q) + q (1 − p), which is on the safe side.

    Raises SealError for values out of range, equal accuracies, and a discordance below their difference or beyond what they allow.
    """
    for name, value in (("accuracy", accuracy), ("against", against), ("correlation", correlation)):
        if not 0 <= value <= 1:
            raise SealError(f"--{name} is {value}, must lie between 0 and 1")
    gap, most = abs(accuracy - against), min(accuracy + against, 2 - accuracy - against)
    if gap == 0:
        raise SealError(f"--accuracy and --against are both {accuracy}: no number of samples shows a difference of 0")
    if discordance is None:
        discordance = accuracy * (1 - against) + against * (1 - accuracy)
    if not gap - 1e-12 <= discordance <= most + 1e-12:
        raise SealError(f"--discordance is {discordance}; accuracies {accuracy} and {against} allow {gap:.3g} to {most:.3g}")
    return Guess("guess", accuracy - against, max(discordance, gap), correlation)


def from_pilot(paired: PairedScores, correlation: float | None) -> list[Guess]:
    """One for each method against the baseline: difference, discordance and correlation as the pilot's scored pairs have them.

    Raises SealError for scores other than 0 and 1 and for a pilot whose documents have one sample each when no correlation is given.
    """
    found = []
    for column, method in enumerate(paired.methods[1:], 1):
        one, base = paired.scores[:, column], paired.scores[:, 0]
        both_scored = ~np.isnan(one) & ~np.isnan(base)
        gains, clusters = (one - base)[both_scored], paired.cluster[both_scored]
        if not np.isin(one[both_scored], (0, 1)).all() or not np.isin(base[both_scored], (0, 1)).all():
            raise SealError(f"{method}: scores other than 0 and 1; power is worked out for those only")
        rho = correlation
        if rho is None:
            repeated = len(np.unique(clusters)) < len(clusters) and len(np.unique(clusters)) > 1
            rho = intraclass_correlation(gains, clusters) if repeated else 0.0
        found.append(Guess(method, float(gains.mean()), float((gains != 0).mean()), rho, len(gains)))
    if not found:
        raise SealError(f"{paired.name}: only {paired.baseline} was run; a pilot needs a method to compare with it")
    return found


def lines(
    one: Guess, power: float, level: float, comparisons: int, seconds_per_record: float, seconds_per_question: float
) -> list[str]:  # fmt: skip
    """What to run, as text. comparisons: methods against the baseline; the level is Bonferroni's, which Holm improves on.

    Raises SealError for values out of range.
    """
    if not 0.5 <= power < 1 or not 0 < level < 1 or comparisons < 1:
        raise SealError(f"--power {power}, --level {level}, --comparisons {comparisons}: needs .5 to 1, 0 to 1, and at least 1")
    strict = 1 - (1 - level) / comparisons
    out = [
        f"{one.name}: difference {100 * one.difference:+.1f} points, the two differ on {100 * one.discordance:.1f} % of pairs, "
        f"correlation within a document {one.correlation:.2f}"
    ]
    if one.n:
        reach = minimum_detectable(one.n, one.discordance, power, strict)
        shown = "no difference at all" if reach is None else f"{100 * reach:.1f} points or more"
        out.append(f"  {one.n} pairs, if independent, show {shown} with {100 * power:g} % power")
    if one.difference == 0:
        return [*out, "  no number of samples shows a difference of 0"]
    pairs = pairs_needed(one.discordance, one.difference, power, strict)
    try:
        found = plans(pairs, one.correlation, seconds_per_record, seconds_per_question)
    except ValueError as error:
        raise SealError(str(error)) from error
    out.append(f"  independent pairs for {100 * power:g} % power at level {strict:.4g}: {pairs:,}")
    out.append("  questions per record   records   questions in all   cost per method")
    shown_plans = {plan.questions: plan for plan in found if plan.questions in (*SHOWN, found[0].questions)}
    out += [_row(plan, plan == found[0]) for _, plan in sorted(shown_plans.items())]
    return out


def _row(plan: RecordPlan, best: bool) -> str:
    text = f"  {plan.questions:>20}{plan.records:>10,}{plan.records * plan.questions:>19,}{plan.seconds:>16,.0f} s"
    return text + ("   cheapest" if best else "")
