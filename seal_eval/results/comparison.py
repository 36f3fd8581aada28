"""What `seal-eval compare` finds: a row for each method over all cells, per task and per cell, and what the tables show beside them."""

from dataclasses import dataclass
from typing import Literal

from seal_eval.core.types import Estimate, TaskLength
from seal_eval.results.missing import Lacks
from seal_eval.results.reasons import Shares
from seal_eval.stats import CochranQ, Interaction, Posterior, Rank

Scope = Literal["primary", "task", "cell"]


@dataclass(frozen=True)
class Row:
    """One method over all cells, on one task, or in one cell. difference: method − baseline, None for the baseline itself.

    lacks: the cells of this row that the method has no result for; then accuracy and difference are None, because a mean over other cells
    cannot be compared. Where the baseline lacks cells, the difference is over those that it has.
    p_adjusted: p-value of the difference after Holm (primary, task) or Benjamini-Hochberg (cell). pairs: (both right, only the method, only
    the baseline, neither), for 0/1 scores. detectable: the smallest difference that this number of pairs detects with 80 % power at this
    discordance and at the level that the number of comparisons leaves (`simultaneous`); None where no difference is detected, where
    documents repeat, and for anytime-valid tests. posterior (at the effective number of pairs): in primary rows with 0/1
    scores only.
    """

    scope: Scope
    method: str
    task: str | None
    length: int | None
    n_clusters: int
    accuracy: Estimate | None
    difference: Estimate | None
    p_adjusted: float | None = None
    pairs: tuple[int, int, int, int] | None = None
    detectable: float | None = None
    posterior: Posterior | None = None
    lacks: tuple[TaskLength, ...] = ()


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
    ranks: tuple[Rank | None, ...]  # in the order of `methods`, None for those that lack cells; empty if no sample is scored for all others
    cochran: CochranQ | None  # for three methods or more, if scores are 0/1 and no document repeats
    lengths: tuple[OverLengths, ...]
    positions: tuple[Position, ...]
    shares: tuple[Shares, ...] = ()
    lacks: tuple[Lacks, ...] = ()  # in the order of `methods`; empty if none lacks a cell
    missing: tuple[str, ...] = ()  # sentences about cells without results
    remarks: tuple[str, ...] = ()  # sentences on what else than the method differs
    sequential: bool = False  # intervals, p-values and ranks are anytime-valid

    @property
    def baseline(self) -> str:
        return self.methods[0]

    def of(self, scope: Scope) -> list[Row]:
        """The rows of one scope."""
        return [row for row in self.rows if row.scope == scope]
