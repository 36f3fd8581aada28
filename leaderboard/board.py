"""Runs → what the pages show: rows of the overview, tasks, methods, pairs. No text, no files."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import numpy as np

from seal_eval.core.errors import SealError
from seal_eval.core.types import Estimate, Record, Run
from seal_eval.harness.throughput import QUIET_MACHINE
from seal_eval.results.compare import Comparison, OverLengths, Position, Row, compare, method_rows
from seal_eval.results.depths import by_depth
from seal_eval.results.paired import PairedScores, paired_scores_of
from seal_eval.results.records import by_method, models
from seal_eval.stats import Rank


@dataclass(frozen=True)
class Entry:
    """A model with a method: one row of the overview."""

    model: str
    method: str
    row: Row
    rank: Rank
    run: Run  # the newest
    effective: Estimate | None  # shortest effective length over the tasks counted in tokens that were run at several lengths
    tokens_per_second: float | None  # of prompts, over all of its runs
    at_least: bool  # that speed is a lower bound: loading was in the time, or other work on the machine

    @property
    def about(self) -> dict[str, Any]:
        return self.run.about


@dataclass(frozen=True)
class TaskBlock:
    """One task of one model."""

    model: str
    name: str
    rows: list[Row]  # cells
    over: list[OverLengths]
    positions: list[Position]
    depths: dict[str, dict[int, list[Estimate | None]]]  # method → length → one estimate per fifth of depth
    slug: str

    @property
    def has_depths(self) -> bool:
        """False for a task whose fact stands in no one place."""
        return any(cell for lengths in self.depths.values() for row in lengths.values() for cell in row)


@dataclass(frozen=True)
class Pair:
    """Two methods of a model: rows of `b` against `a`, and the samples that only one has right."""

    model: str
    a: str
    b: str
    rows: list[Row]
    only_a: list[str]
    only_b: list[str]
    slug: str


@dataclass(frozen=True)
class ModelBoard:
    """One model's results. records: method → sample id → record."""

    name: str
    number: int
    paired: PairedScores
    found: Comparison
    entries: list[Entry]
    tasks: list[TaskBlock]
    records: dict[str, dict[str, Record]] = field(repr=False)

    @property
    def speeds(self) -> list[tuple[str, float, Estimate]]:
        """(method, prompt tokens per second, accuracy) where known."""
        return [(e.method, e.tokens_per_second, e.row.accuracy) for e in self.entries if e.tokens_per_second]

    @property
    def costs(self) -> list[tuple[str, float, Estimate]]:
        """(method, rise of the perplexity of prose, accuracy), 0 for methods that do not tune; empty when none says."""
        found = [(e.method, float(e.about.get("prose_perplexity_ratio", 1.0)) - 1, e.row.accuracy) for e in self.entries]
        return found if any(cost for _, cost, _ in found) else []


def boards(runs: list[Run], baseline: str) -> list[ModelBoard]:
    """A board per model, in order of first appearance. Raises as `paired_scores_of`."""
    return [_board(runs, model, number, baseline) for number, model in enumerate(models(runs))]


def _board(runs: list[Run], model: str, number: int, baseline: str) -> ModelBoard:
    paired = paired_scores_of(runs, model, baseline)
    found = compare(paired)
    if not found.ranks:
        raise SealError(f"{model}: no sample that every method has a score for, first {paired.samples[0]}; run the methods again")
    records = by_method(runs, model)
    mine = [run for run in runs if run.model == model]
    rows = {row.method: row for row in found.of("primary")}
    entries = []
    for method, rank in zip(found.methods, found.ranks, strict=True):
        own = [run for run in mine if run.method == method]
        over = [o.effective_length for o in found.lengths if o.method == method and _in_tokens(o.task)]
        effective = min(over, key=lambda e: (e.value, e.low), default=None)
        entries.append(Entry(model, method, rows[method], rank, own[-1], effective, *_speed(own)))
    entries.sort(key=lambda e: (e.rank.value, e.method != baseline, e.method))
    return ModelBoard(model, number, paired, found, entries, list(_tasks(found, records, number)), records)


def _speed(runs: list[Run]) -> tuple[float | None, bool]:
    """(prompt tokens per second, whether that is a lower bound): the engine's own count, else all of the runs' time, loading included."""
    paces = [run.config.get("seal_eval", {}).get("pace") for run in runs]
    if all(paces):
        seconds = sum(pace["seconds"] for pace in paces)
        return sum(pace["prompt_tokens"] for pace in paces) / seconds, any(pace["others"] > QUIET_MACHINE for pace in paces)
    spent = [run.seconds for run in runs if run.seconds]
    tokens = sum(record.n_tokens for run in runs for record in run.records)
    return (tokens / sum(spent) if len(spent) == len(runs) else None), True


def _in_tokens(task: str) -> bool:
    from seal_eval.tasks import get_task

    return get_task(task).unit == "tokens"


def _tasks(found: Comparison, records: dict[str, dict[str, Record]], number: int) -> Iterator[TaskBlock]:
    for task in dict.fromkeys(row.task or "" for row in found.of("cell")):
        mine = [row for row in found.of("cell") if row.task == task]
        lengths = sorted({row.length or 0 for row in mine})
        depths = {
            method: {n: by_depth([r for r in records[method].values() if (r.task, r.length) == (task, n)]) for n in lengths}
            for method in found.methods
        }
        over, positions = [o for o in found.lengths if o.task == task], [p for p in found.positions if p.task == task]
        yield TaskBlock(found.name, task, mine, over, positions, depths, f"{number}-{task}")


def pairs(board: ModelBoard) -> Iterator[Pair]:
    """Every two methods of a model, b against a, the baseline first."""
    order = {method: i for i, method in enumerate(board.found.methods)}
    for a, b in combinations(board.found.methods, 2):
        two = replace(board.paired, methods=(a, b), scores=board.paired.scores[:, [order[a], order[b]]])
        rows = [row for row in method_rows(two, board.found.level) if row.difference]
        right = two.scores == 1
        scored = ~np.isnan(two.scores).any(axis=1)
        only = [[two.samples[i] for i in np.flatnonzero(scored & right[:, k] & ~right[:, 1 - k])] for k in (0, 1)]
        yield Pair(board.name, a, b, rows, only[0], only[1], f"{board.number}-{order[a]}-{order[b]}")
