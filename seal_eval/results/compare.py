"""Design → estimates: each method against the baseline over all cells, per task and per cell, with the test that the design allows."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from seal_eval.core.errors import SealError
from seal_eval.core.types import Estimate
from seal_eval.results.paired import PairedScores, sentence
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
from seal_eval.stats.choice import accuracy, difference, even, pair_table, repeats
from seal_eval.stats.effective import effective_size
from seal_eval.stats.layout import Array, Layout, cluster_totals, layout
from seal_eval.stats.power import minimum_detectable
from seal_eval.stats.resampling import bootstrap_columns

POSITION_RESAMPLES = 2000  # of the position statistic, one for each method and task
Scope = Literal["primary", "task", "cell"]


@dataclass(frozen=True)
class Row:
    """One method over all cells, on a task, or in a cell. `difference` is method − baseline, None for the baseline itself.

    p_adjusted: the difference's p-value after Holm (primary, task) or Benjamini-Hochberg (cell). pairs: of 0/1 scores (both right, only
    the method, only the baseline, neither). detectable: the smallest difference that so many pairs show with 80 % power at this
    discordance, None when none can or documents repeat. Beside the primary result of 0/1 scores: the cluster bootstrap's interval, and the
    posterior at the effective number of pairs.
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
    rising: float  # average accuracy, weights rising with length
    falling: float
    interaction: Interaction | None  # of the method with length, against the baseline


@dataclass(frozen=True)
class Position:
    """Accuracy at the ends less accuracy in the middle third."""

    task: str
    method: str
    bias: Estimate


@dataclass(frozen=True)
class Comparison:
    """Everything `seal-eval compare` says of one model. rows: primary, tasks, cells; ranks: in the order of `methods`."""

    name: str
    methods: tuple[str, ...]
    level: float
    sentence: str
    rows: tuple[Row, ...]
    ranks: tuple[Rank, ...]
    cochran: CochranQ | None  # with three methods or more, 0/1 scores and documents that do not repeat
    lengths: tuple[OverLengths, ...]
    positions: tuple[Position, ...]

    @property
    def baseline(self) -> str:
        return self.methods[0]

    def of(self, scope: Scope) -> list[Row]:
        return [row for row in self.rows if row.scope == scope]


def compare(paired: PairedScores, level: float = 0.95, sequential: bool = False) -> Comparison:
    """All of it. Raises SealError for a level outside 0 to 1."""
    if not 0 < level < 1:
        raise SealError(f"level is {level}, must lie between 0 and 1, for example 0.95")
    rows = method_rows(paired, level, sequential)
    primary = [row for row in rows if row.scope == "primary"]
    rows = _beside(paired, primary, level) + rows[len(primary) :]
    by_cell = [row for row in rows if row.scope == "cell"]
    whole = ~np.isnan(paired.scores).any(axis=1)
    parts = layout(paired.cluster[whole], paired.cell[whole]) if whole.any() else None
    simple = parts is not None and not repeats(parts) and bool(np.isin(paired.scores[whole], (0, 1)).all())
    return Comparison(
        paired.name, paired.methods, level, sentence(paired, sequential), tuple(rows),
        tuple(_ranks(paired.scores[whole], parts, level)) if parts else (),
        cochran_q(paired.scores[whole]) if simple and len(paired.methods) > 2 else None,
        tuple(_over_lengths(paired, by_cell, level)), tuple(_positions(paired, level)),
    )  # fmt: skip


def method_rows(paired: PairedScores, level: float = 0.95, sequential: bool = False) -> list[Row]:
    """Each method over all cells, per task and per cell, p-values adjusted within each of the three."""
    everything = np.ones(len(paired.samples), dtype=bool)
    primary = _rows(paired, everything, "primary", None, None, level, sequential)
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
    found = []
    for column, method in enumerate(paired.methods):
        one = paired.scores[mask, column]
        base = paired.scores[mask, 0]
        clusters, cells = paired.cluster[mask], paired.cell[mask]
        scored, both_scored = ~np.isnan(one), ~np.isnan(one) & ~np.isnan(base)
        if not scored.any() or not both_scored.any():
            raise SealError(
                f"{method}: no scored reply in common with {paired.baseline} on {task or 'all tasks'}, first sample "
                f"{paired.samples[int(np.argmax(mask))]}; the run failed"
            )
        own = replace(accuracy(one[scored], clusters[scored], cells[scored], level), n_missing=int((~scored).sum()))
        gain = detectable = pairs = None
        if column:
            gain = difference(one[both_scored], base[both_scored], clusters[both_scored], cells[both_scored], level, sequential)
            gain = replace(gain, n_missing=int((~both_scored).sum()))
            if np.isin(one[both_scored], (0, 1)).all() and np.isin(base[both_scored], (0, 1)).all():
                pairs = pair_table(one[both_scored], base[both_scored])
            if pairs and _count(clusters[both_scored]) == gain.n:
                detectable = minimum_detectable(gain.n, (pairs[1] + pairs[2]) / gain.n, level=level)
        found.append(Row(scope, method, task, length, _count(clusters), own, gain, None, pairs, detectable))
    return found


def _beside(paired: PairedScores, rows: list[Row], level: float) -> list[Row]:
    """The primary rows with the bootstrap's intervals and posteriors, over the samples that all methods have a score for."""
    whole = ~np.isnan(paired.scores).any(axis=1)
    scores = paired.scores[whole]
    if _count(paired.cluster[whole]) < 2 or not np.isin(scores, (0, 1)).all():
        return rows
    parts = layout(paired.cluster[whole], paired.cell[whole])
    gains = scores[:, 1:] - scores[:, :1]
    found = [rows[0]]
    for row, values, interval in zip(rows[1:], gains.T, bootstrap_columns(gains, parts, level), strict=True):
        only_a, only_b = (float(parts.average((values == side).astype(float))) for side in (1, -1))
        n = effective_size(parts, values, only_a + only_b - (only_a - only_b) ** 2, level)
        # the prior needs the concordant pairs only together
        posterior = bayes_paired(n * (1 - only_a - only_b), n * only_a, n * only_b, 0, level=level)
        found.append(replace(row, bootstrap=interval, posterior=posterior))
    return found


def _adjusted(rows: list[Row], how: Literal["holm", "bh"]) -> list[Row]:
    told = [row.difference.p_value for row in rows if row.difference and row.difference.p_value is not None]
    adjusted = iter(holm(told) if how == "holm" else benjamini_hochberg(told))
    return [replace(row, p_adjusted=next(adjusted)) if row.difference else row for row in rows]


def _ranks(scores: Array, parts: Layout, level: float) -> list[Rank]:
    """Places over all cells, from the pairwise tests of the primary result."""
    totals = cluster_totals(parts, scores)
    by_table = bool(np.isin(scores, (0, 1)).all()) and not repeats(parts) and even(parts)

    def p_value(i: int, j: int) -> float:
        if by_table:
            return mcnemar(*pair_table(scores[:, i], scores[:, j])).p_midp
        return sign_flip(totals[:, i] - totals[:, j]).p_value

    return ranks([float(x) for x in parts.average(scores)], p_value, level)


def _over_lengths(paired: PairedScores, rows: list[Row], level: float) -> Iterator[OverLengths]:
    for task in paired.tasks:
        mask = paired.of_task(task)
        size = np.array([paired.cells[i][1] or 0 for i in paired.cell[mask]])
        if len(np.unique(size)) < 2:
            continue
        for column, method in enumerate(paired.methods):
            mine = [row for row in rows if (row.task, row.method) == (task, method)]
            shares = {row.length or 0: row.accuracy.value for row in mine}
            one, base = paired.scores[mask, column], paired.scores[mask, 0]
            both_scored = ~np.isnan(one) & ~np.isnan(base)
            both = np.concatenate([one[both_scored], base[both_scored]])
            interaction = None
            if column and np.isin(both, (0, 1)).all():
                interaction = method_by_length(
                    one[both_scored], base[both_scored], size[both_scored], paired.cluster[mask][both_scored], level
                )
            averages = weighted_shares(shares, "rising"), weighted_shares(shares, "falling")
            yield OverLengths(task, method, effective_of({row.length or 0: row.accuracy for row in mine}), *averages, interaction)


def _positions(paired: PairedScores, level: float) -> Iterator[Position]:
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
    """How many different ones."""
    return int(np.count_nonzero(np.bincount(clusters)))
