"""Compare each method with the baseline, over all cells, per task and per cell, with the test that the design allows."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from seal_eval.core.errors import SealError
from seal_eval.core.types import Estimate
from seal_eval.results.paired import PairedScores, sentence
from seal_eval.results.reasons import Shares
from seal_eval.stats import (
    CochranQ,
    Interaction,
    Posterior,
    Rank,
    bayes_paired,
    benjamini_hochberg,
    cochran_q,
    effective_of,
    holm,
    mcnemar,
    method_by_length,
    position_bias,
    ranks,
    sign_flip,
    weighted_shares,
)  # fmt: skip
from seal_eval.stats.choose_test import accuracy, difference, even, pair_table, repeats
from seal_eval.stats.effective import effective_size
from seal_eval.stats.layout import Array, Layout, cluster_totals, layout
from seal_eval.stats.power import minimum_detectable
from seal_eval.stats.resampling import bootstrap_columns

POSITION_RESAMPLES = 2000  # bootstrap resamples for the position bias of each method and task
Scope = Literal["primary", "task", "cell"]


@dataclass(frozen=True)
class Row:
    """One method over all cells, on one task, or in one cell. difference: method − baseline, None for the baseline itself.

    p_adjusted: p-value of the difference after Holm (primary, task) or Benjamini-Hochberg (cell). pairs: (both right, only the method, only
    the baseline, neither), for 0/1 scores. detectable: the smallest difference that this number of pairs detects with 80 % power at this
    discordance; None where no difference is detected, documents repeat, or scores are not 0/1. bootstrap (the cluster bootstrap's interval)
    and posterior (at the effective number of pairs): in primary rows with 0/1 scores only.
    """

    scope: Scope
    method: str
    task: str | None
    length: int | None
    n_clusters: int
    accuracy: Estimate
    difference: Estimate | None
    p_adjusted: float | None = None
    pairs: tuple[int, int, int, int] | None = None
    detectable: float | None = None
    bootstrap: Estimate | None = None
    posterior: Posterior | None = None


@dataclass(frozen=True)
class OverLengths:
    """One method on one task at several lengths."""

    task: str
    method: str
    effective_length: Estimate  # in the task's unit
    rising: float  # average accuracy over lengths, weights rising with length
    falling: float  # the same, weights falling
    interaction: Interaction | None  # of method and length, against the baseline


@dataclass(frozen=True)
class Position:
    """bias: accuracy at the ends of the prompt minus accuracy in the middle third, for one method on one task."""

    task: str
    method: str
    bias: Estimate


@dataclass(frozen=True)
class Comparison:
    """Everything that `seal-eval compare` shows for one model. methods: the baseline first. rows: primary, tasks, cells."""

    name: str
    methods: tuple[str, ...]
    level: float
    sentence: str
    rows: tuple[Row, ...]
    ranks: tuple[Rank, ...]  # in the order of `methods`; empty if no sample is scored for all methods
    cochran: CochranQ | None  # for three methods or more, if scores are 0/1 and no document repeats
    lengths: tuple[OverLengths, ...]
    positions: tuple[Position, ...]
    shares: tuple[Shares, ...] = ()

    @property
    def baseline(self) -> str:
        return self.methods[0]

    def of(self, scope: Scope) -> list[Row]:
        """The rows of one scope."""
        return [row for row in self.rows if row.scope == scope]


def compare(paired: PairedScores, level: float = 0.95, sequential: bool = False) -> Comparison:
    """The whole comparison, with intervals at `level`. sequential: use anytime-valid intervals and p-values of differences.

    Ranks, Cochran's Q, bootstrap and posterior use the samples that all methods have a score for. Raises SealError for a level outside
    0 to 1, and where a method shares no scored sample with the baseline.
    """
    if not 0 < level < 1:
        raise SealError(f"level is {level}, must lie between 0 and 1, for example 0.95")
    rows = method_rows(paired, level, sequential)
    primary = [row for row in rows if row.scope == "primary"]
    rows = _with_posteriors(paired, primary, level) + rows[len(primary) :]
    by_cell = [row for row in rows if row.scope == "cell"]
    complete = ~np.isnan(paired.scores).any(axis=1)
    design = layout(paired.cluster[complete], paired.cell[complete]) if complete.any() else None
    simple = design is not None and not repeats(design) and bool(np.isin(paired.scores[complete], (0, 1)).all())
    return Comparison(
        paired.name, paired.methods, level, sentence(paired, sequential), tuple(rows),
        tuple(_ranks(paired.scores[complete], design, level)) if design else (),
        cochran_q(paired.scores[complete]) if simple and len(paired.methods) > 2 else None,
        tuple(_over_lengths(paired, by_cell, level)), tuple(_positions(paired, level)), paired.shares,
    )  # fmt: skip


def method_rows(paired: PairedScores, level: float = 0.95, sequential: bool = False) -> list[Row]:
    """A row for each method over all cells, per task and per cell; p-values adjusted within each of these (Holm, Holm, Benjamini-Hochberg).

    sequential: use anytime-valid intervals and p-values. Raises SealError where a method shares no scored sample with the baseline.
    """
    all_samples = np.ones(len(paired.samples), dtype=bool)
    primary = _rows(paired, all_samples, "primary", None, None, level, sequential)
    by_task = [row for task in paired.tasks for row in _rows(paired, paired.of_task(task), "task", task, None, level, sequential)]
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
        scored, both_scored = ~np.isnan(scores), ~np.isnan(scores) & ~np.isnan(base)
        if not scored.any() or not both_scored.any():
            raise SealError(
                f"{method}: no scored reply in common with {paired.baseline} on {task or 'all tasks'}, first sample "
                f"{paired.samples[int(np.argmax(mask))]}; the run failed"
            )
        share = replace(accuracy(scores[scored], clusters[scored], cells[scored], level), n_missing=int((~scored).sum()))
        gain = detectable = pairs = None
        if column:
            gain = difference(scores[both_scored], base[both_scored], clusters[both_scored], cells[both_scored], level, sequential)
            gain = replace(gain, n_missing=int((~both_scored).sum()))
            if np.isin(scores[both_scored], (0, 1)).all() and np.isin(base[both_scored], (0, 1)).all():
                pairs = pair_table(scores[both_scored], base[both_scored])
            if pairs and _count(clusters[both_scored]) == gain.n:
                detectable = minimum_detectable(gain.n, (pairs[1] + pairs[2]) / gain.n, level=level)
        rows.append(Row(scope, method, task, length, _count(clusters), share, gain, None, pairs, detectable))
    return rows


def _with_posteriors(paired: PairedScores, rows: list[Row], level: float) -> list[Row]:
    """The primary rows with bootstrap intervals and posteriors added, from the samples that all methods have a score for."""
    complete = ~np.isnan(paired.scores).any(axis=1)
    scores = paired.scores[complete]
    if _count(paired.cluster[complete]) < 2 or not np.isin(scores, (0, 1)).all():
        return rows
    design = layout(paired.cluster[complete], paired.cell[complete])
    gains = scores[:, 1:] - scores[:, :1]
    extended = [rows[0]]
    for row, values, interval in zip(rows[1:], gains.T, bootstrap_columns(gains, design, level), strict=True):
        only_a, only_b = (float(design.average((values == side).astype(float))) for side in (1, -1))
        n = effective_size(design, values, only_a + only_b - (only_a - only_b) ** 2, level)
        # the posterior of the difference depends on the two kinds of concordant pairs only through their sum
        posterior = bayes_paired(n * (1 - only_a - only_b), n * only_a, n * only_b, 0, level=level)
        extended.append(replace(row, bootstrap=interval, posterior=posterior))
    return extended


def _adjusted(rows: list[Row], how: Literal["holm", "bh"]) -> list[Row]:
    p_values = [row.difference.p_value for row in rows if row.difference and row.difference.p_value is not None]
    adjusted = iter(holm(p_values) if how == "holm" else benjamini_hochberg(p_values))
    return [replace(row, p_adjusted=next(adjusted)) if row.difference else row for row in rows]


def _ranks(scores: Array, design: Layout, level: float) -> list[Rank]:
    """Ranks over all cells, from pairwise tests of the kind that the primary result uses. scores: [n_samples, n_methods]."""
    totals = cluster_totals(design, scores)
    by_table = bool(np.isin(scores, (0, 1)).all()) and not repeats(design) and even(design)

    def p_value(i: int, j: int) -> float:
        if by_table:
            return mcnemar(*pair_table(scores[:, i], scores[:, j])).p_midp
        return sign_flip(totals[:, i] - totals[:, j]).p_value

    return ranks([float(x) for x in design.average(scores)], p_value, level)


def _over_lengths(paired: PairedScores, rows: list[Row], level: float) -> Iterator[OverLengths]:
    """For each task at several lengths and each method. rows: of the cells."""
    for task in paired.tasks:
        mask = paired.of_task(task)
        size = np.array([paired.cells[i][1] or 0 for i in paired.cell[mask]])
        if len(np.unique(size)) < 2:
            continue
        for column, method in enumerate(paired.methods):
            estimates = {row.length or 0: row.accuracy for row in rows if (row.task, row.method) == (task, method)}
            shares = {length: estimate.value for length, estimate in estimates.items()}
            scores, base = paired.scores[mask, column], paired.scores[mask, 0]
            both_scored = ~np.isnan(scores) & ~np.isnan(base)
            both = np.concatenate([scores[both_scored], base[both_scored]])
            interaction = None
            if column and np.isin(both, (0, 1)).all():
                interaction = method_by_length(
                    scores[both_scored], base[both_scored], size[both_scored], paired.cluster[mask][both_scored], level
                )
            averages = weighted_shares(shares, "rising"), weighted_shares(shares, "falling")
            yield OverLengths(task, method, effective_of(estimates), *averages, interaction)


def _positions(paired: PairedScores, level: float) -> Iterator[Position]:
    """For each task and method with 0/1 scores at known depths in at least two clusters."""
    for task in paired.tasks:
        for column, method in enumerate(paired.methods):
            scores = paired.scores[:, column]
            mask = paired.of_task(task) & ~np.isnan(paired.depth) & np.isin(scores, (0, 1))
            if not mask.any() or _count(paired.cluster[mask]) < 2:
                continue
            bias = position_bias(scores[mask], paired.depth[mask], paired.cluster[mask], level, POSITION_RESAMPLES)
            if bias:
                yield Position(task, method, bias)


def _count(clusters: Array) -> int:
    """The number of distinct clusters."""
    return int(np.count_nonzero(np.bincount(clusters)))
