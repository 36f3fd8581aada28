"""Compare each method with the baseline, over all cells, per task and per cell, with the test that the design allows."""

from dataclasses import replace
from typing import Literal

import numpy as np

from seal_eval.core.errors import SealError
from seal_eval.core.types import TaskLength
from seal_eval.results.chosen_test import out_of_reach, sentence
from seal_eval.results.comparison import Comparison, Row, Scope
from seal_eval.results.missing import why_no_ranks
from seal_eval.results.paired import PairedScores
from seal_eval.results.trends import over_lengths, positions
from seal_eval.stats import Rank, bayes_paired, benjamini_hochberg, cochran_q, holm, ranks, simultaneous
from seal_eval.stats.choose_test import accuracy, by_mcnemar, difference, pair_p_value, pair_table, repeats
from seal_eval.stats.clusters import least_p
from seal_eval.stats.effective import effective_size
from seal_eval.stats.layout import Array, Layout, layout
from seal_eval.stats.power import detectable_by_flips, minimum_detectable


def compare(paired: PairedScores, level: float = 0.95, sequential: bool = False) -> Comparison:
    """The whole comparison, with intervals at `level`. sequential: all intervals, p-values and ranks are anytime-valid; what has no such
    version (Cochran's Q, the trend over lengths, positions, detectable differences) is left out.

    All but the rows of cells, and of tasks that the baseline lacks, is over the baseline's cells. Ranks, Cochran's Q and posterior are of
    the methods that lack none of them, over the samples that all of these have a score for; there are none where a cell has no such
    sample.
    What is computed over several cells (of a task, of all) is left out for a method that lacks one. Raises SealError for a level outside
    0 to 1, and where a method shares no scored sample with the baseline.
    """
    if not 0 < level < 1:
        raise SealError(f"level is {level}, must lie between 0 and 1, for example 0.95")
    rows = method_rows(paired, level, sequential)
    deciding = paired.deciding
    primary = [row for row in rows if row.scope == "primary"]
    rows = _with_posteriors(deciding, primary, level) + rows[len(primary) :]
    scores = deciding.scores[:, deciding.complete]
    complete = ~np.isnan(scores).any(axis=1)
    unranked = _cells_without(deciding, deciding.cell[complete])
    design = layout(deciding.cluster[complete], deciding.cell[complete]) if complete.any() and not unranked else None
    simple = design is not None and not repeats(design) and bool(np.isin(scores[complete], (0, 1)).all())
    n_tests = sum(row.difference is not None and row.difference.p_value is not None for row in primary)
    reach = "" if sequential else out_of_reach(deciding, level, n_tests)
    rank_of = dict(zip(deciding.complete, _ranks(scores[complete], design, level, sequential) if design else (), strict=False))
    return Comparison(
        paired.name, paired.methods, level, sentence(deciding, sequential) + reach, tuple(rows),
        tuple(rank_of.get(column) for column in range(len(paired.methods))) if design else (),
        cochran_q(scores[complete]) if simple and scores.shape[1] > 2 and not sequential else None,
        tuple(over_lengths(deciding, level, sequential)), () if sequential else tuple(positions(deciding, level)), paired.shares,
        paired.lacks, paired.missing + why_no_ranks(unranked), paired.remarks, sequential,
    )  # fmt: skip


def _cells_without(paired: PairedScores, cell: Array) -> list[TaskLength]:
    """The cells that have none of the samples whose cells are given as numbers, [n]."""
    return [paired.cells[i] for i in np.setdiff1d(paired.cell, cell)]


def method_rows(paired: PairedScores, level: float = 0.95, sequential: bool = False) -> list[Row]:
    """A row for each method over all cells, per task and per cell; p-values adjusted within each of these (Holm, Holm, Benjamini-Hochberg).

    sequential: use anytime-valid intervals and p-values. Raises SealError where a method shares no scored sample with the baseline.
    """
    deciding = paired.deciding
    primary = _rows(deciding, np.ones(len(deciding.samples), dtype=bool), "primary", None, None, level, sequential)
    by_task = [
        row
        for task in paired.tasks
        for part in [deciding if task in deciding.tasks else paired]
        for row in _rows(part, part.of_task(task), "task", task, None, level, sequential)
    ]
    by_cell = [
        row
        for i, (task, length) in enumerate(paired.cells)
        for row in _rows(paired, paired.cell == i, "cell", task, length, level, sequential)
    ]
    return _adjusted(primary, "holm") + _adjusted(by_task, "holm") + _adjusted(by_cell, "bh")


def _rows(
    paired: PairedScores, mask: Array, scope: Scope, task: str | None, length: int | None, level: float, sequential: bool
) -> list[Row]:  # fmt: skip
    """A row per method for the samples of the mask, p-values not adjusted yet."""
    rows = []
    for column, method in enumerate(paired.methods):
        scores = paired.scores[mask, column]
        base = paired.scores[mask, 0]
        clusters, cells = paired.cluster[mask], paired.cell[mask]
        if lacks := paired.lacked_in(column, mask):
            rows.append(Row(scope, method, task, length, _count(clusters), None, None, lacks=lacks))
            continue
        shared = ~np.isin(cells, [paired.cells.index(cell) for cell in paired.lacked_in(0, mask)])  # with the baseline
        scored, both_scored = ~np.isnan(scores), ~np.isnan(scores) & ~np.isnan(base)
        if not scored.any() or (shared.any() and not both_scored.any()):
            raise SealError(
                f"{method}: no scored reply in common with {paired.baseline} on {task or 'all tasks'}, first sample "
                f"{paired.samples[int(np.argmax(mask))]}; the run failed"
            )
        share = accuracy(scores[scored], clusters[scored], cells[scored], level, sequential)
        share = replace(share, n_missing=int((~scored).sum()))
        gain = detectable = pairs = None
        if column and shared.any():
            gain = difference(scores[both_scored], base[both_scored], clusters[both_scored], cells[both_scored], level, sequential)
            gain = replace(gain, n_missing=int((shared & ~both_scored).sum()))
            if np.isin(scores[both_scored], (0, 1)).all() and np.isin(base[both_scored], (0, 1)).all():
                pairs = pair_table(scores[both_scored], base[both_scored])
            if _count(clusters[both_scored]) == gain.n > 1 and not sequential:
                strict = simultaneous(level, len(paired.methods) - 1)
                design, gains = layout(clusters[both_scored], cells[both_scored]), (scores - base)[both_scored]
                if by_mcnemar(design, np.column_stack([scores, base])[both_scored]) and pairs:
                    detectable = minimum_detectable(gain.n, (pairs[1] + pairs[2]) / gain.n, level=strict)
                elif least_p(gain.n) <= 1 - strict:
                    detectable = detectable_by_flips(design, gains, level=strict)
        rows.append(Row(scope, method, task, length, _count(clusters), share, gain, None, pairs, detectable))
    return rows


def _with_posteriors(paired: PairedScores, rows: list[Row], level: float) -> list[Row]:
    """The primary rows, those without missing cells with posteriors, from the samples that are scored for all of these."""
    scores = paired.scores[:, paired.complete]
    complete = ~np.isnan(scores).any(axis=1)
    scores = scores[complete]
    if _cells_without(paired, paired.cell[complete]):
        return rows
    if 0 not in paired.complete or _count(paired.cluster[complete]) < 2 or not np.isin(scores, (0, 1)).all():
        return rows
    design = layout(paired.cluster[complete], paired.cell[complete])
    gains = scores[:, 1:] - scores[:, :1]
    extended = list(rows)
    for column, values in zip(paired.complete[1:], gains.T, strict=True):
        only_a, only_b = (float(design.average((values == side).astype(float))) for side in (1, -1))
        n = effective_size(design, values, only_a + only_b - (only_a - only_b) ** 2, level)
        # the posterior of the difference depends on the two kinds of concordant pairs only through their sum
        posterior = bayes_paired(n * (1 - only_a - only_b), n * only_a, n * only_b, 0, level=level)
        extended[column] = replace(rows[column], posterior=posterior)
    return extended


def _adjusted(rows: list[Row], how: Literal["holm", "bh"]) -> list[Row]:
    tested = [row.difference is not None and row.difference.p_value is not None for row in rows]
    p_values = [row.difference.p_value for row in rows if row.difference and row.difference.p_value is not None]
    adjusted = iter(holm(p_values) if how == "holm" else benjamini_hochberg(p_values))
    return [replace(row, p_adjusted=next(adjusted)) if has_test else row for row, has_test in zip(rows, tested, strict=True)]


def _ranks(scores: Array, design: Layout, level: float, sequential: bool) -> list[Rank]:
    """Ranks over all cells, from pairwise tests of the kind that the primary result uses. scores: [n_samples, n_methods]."""
    averages = [round(float(x), 12) for x in design.average(scores)]  # equal accuracies may differ by rounding, and share a rank
    return ranks(averages, lambda i, j: pair_p_value(scores[:, i], scores[:, j], design, sequential), level)


def _count(clusters: Array) -> int:
    """The number of distinct clusters."""
    return int(np.count_nonzero(np.bincount(clusters)))
