"""Turn runs into the data behind the pages: overview rows, tasks and pairs of methods. No HTML, no files."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import numpy as np

from seal_eval.core.errors import SealError
from seal_eval.core.types import Estimate, Record, Run
from seal_eval.harness.throughput import QUIET_MACHINE
from seal_eval.leaderboard.display import board_names
from seal_eval.leaderboard.other_tasks import about
from seal_eval.results.chosen_test import chosen_test
from seal_eval.results.compare import compare, method_rows
from seal_eval.results.comparison import Comparison, OverLengths, Position, Row
from seal_eval.results.conditions import default_baseline
from seal_eval.results.depths import by_depth
from seal_eval.results.paired import PairedScores, paired_scores_of
from seal_eval.results.records import by_method, models
from seal_eval.stats import Rank, detectable_with, simultaneous


@dataclass(frozen=True)
class Entry:
    """One row of the overview: a method on a model."""

    model: str
    method: str
    row: Row
    rank: Rank | None  # None: it lacks cells
    run: Run  # the method's newest
    effective: Estimate | None  # shortest over the tasks in tokens that were run at several lengths; None: there is none, or it lacks cells
    tokens_per_second: float | None  # prompt tokens, over all of the method's runs; None: unknown, or it lacks cells
    at_least: bool  # the speed is a lower bound: the time includes loading, or the machine did other work
    lacks: str = ""  # 'lacks 4 of 11 cells: …'

    @property
    def about(self) -> dict[str, Any]:
        """What the method recorded about itself in its newest run."""
        return self.run.about


@dataclass(frozen=True)
class TaskBlock:
    """The results of one task on one board."""

    model: str
    name: str
    rows: list[Row]  # one per cell and method
    over: list[OverLengths]
    positions: list[Position]
    depths: dict[str, dict[int, list[Estimate | None]]]  # method → length → one estimate per fifth of depth
    slug: str  # of its figures

    @property
    def has_depths(self) -> bool:
        """Whether the needed fact has one position in the prompt, so that accuracy by depth is known."""
        return any(cell for lengths in self.depths.values() for row in lengths.values() for cell in row)


@dataclass(frozen=True)
class Pair:
    """Two methods on one board: comparison rows of `b` against `a`, and the ids of samples that only one of them has right."""

    model: str
    a: str
    b: str
    rows: list[Row]
    lacks: list[str]  # 'METHOD lacks …' for each of the two that lacks cells of the other
    only_a: list[str]
    only_b: list[str]
    slug: str = ""  # of its page


@dataclass(frozen=True)
class ModelBoard:
    """The results of one model, or of a comparable group of its runs. records: method → sample id → record."""

    name: str  # the model's, with the group's label
    number: int  # position on the site, from 0
    paired: PairedScores
    found: Comparison
    entries: list[Entry]
    tasks: list[TaskBlock]
    records: dict[str, dict[str, Record]] = field(repr=False)
    shown: dict[str, tuple[str, str]] = field(repr=False)  # method → (name, detail)

    def said(self, method: str) -> str:
        """A method's name in a sentence, a table or a figure: with its detail only where the board has several of that name."""
        name, detail = self.shown[method]
        alone = [one for one, _ in self.shown.values()].count(name) == 1
        return name if alone or not detail else f"{name} ({detail})"

    @property
    def speeds(self) -> list[tuple[str, float, Estimate]]:
        """(method, prompt tokens per second, accuracy) of each method whose speed is known."""
        return [(self.said(e.method), e.tokens_per_second, e.row.accuracy) for e in self.entries if e.tokens_per_second and e.row.accuracy]

    @property
    def n_placed(self) -> int:
        """The number of methods that lack no cell."""
        return sum(e.rank is not None for e in self.entries)

    @property
    def leaders(self) -> list[str]:
        """The methods with the best accuracy: several if theirs is the same."""
        return [e.method for e in self.entries if e.rank and e.rank.value == 1]

    @property
    def tied(self) -> list[str]:
        """The methods that are worse than the leader and cannot be distinguished from it."""
        return [e.method for e in self.entries if e.rank and e.rank.value > 1 and e.rank.group == 1]

    @property
    def design(self) -> str:
        """What was compared, and how: '360 questions on 144 documents, compared by a sign-flip test of whole documents'."""
        deciding = self.paired.deciding
        n, k = len(deciding.samples), len(deciding.clusters)
        asked = f"{n:,} samples, each of its own document" if n == k else f"{n:,} questions on {k:,} documents"
        return f"{asked}, compared by {chosen_test(deciding, self.found.sequential)}"

    @property
    def detectable(self) -> float | None:
        """The smallest difference from the baseline that is detected with 80 % power, whichever method has it; None without a test."""
        gains = [row.difference for row in self.found.of("primary") if row.difference and row.difference.p_value is not None]
        if not gains or self.found.sequential:
            return None
        strict = simultaneous(self.found.level, len(self.found.methods) - 1)
        return max(detectable_with(gain, level=strict) for gain in gains)

    @property
    def by_task(self) -> dict[str, dict[str, Row]]:
        """Method → task → its row over the task's lengths; {} for a board of one task."""
        found = {
            entry.method: {row.task or "": row for row in self.found.of("task") if row.method == entry.method} for entry in self.entries
        }
        return found if len(self.tasks) > 1 else {}

    @property
    def gains(self) -> dict[str, list[Row]]:
        """Task → its cells' rows, with a difference from the baseline, of methods as they are named; tasks of several lengths only."""
        by_task = {block.name: [row for row in block.rows if row.difference] for block in self.tasks}
        named = {task: [replace(row, method=self.said(row.method)) for row in rows] for task, rows in by_task.items()}
        return {task: rows for task, rows in named.items() if len({row.length for row in rows}) > 1}

    @property
    def costs(self) -> list[tuple[str, float, Estimate]]:
        """(method, rise in perplexity on prose as a fraction, accuracy); plain costs nothing, and methods that record no rise are left out.

        Empty if all are 0.
        """
        known = [(e, e.about.get("prose_perplexity_ratio", 1.0 if e.method == "plain" else None)) for e in self.entries]
        costs = [(self.said(e.method), float(ratio) - 1, e.row.accuracy) for e, ratio in known if ratio is not None and e.row.accuracy]
        return costs if any(rise for _, rise, _ in costs) else []


def boards(runs: list[Run], baseline: str) -> list[ModelBoard]:
    """One board per model, in order of first appearance.

    Raises SealError when a model has no sample that was scored for every method, and as `paired_scores_of`.
    """
    return [_board(runs, model, number, _baseline(runs, model, baseline)) for number, model in enumerate(models(runs))]


def _baseline(runs: list[Run], model: str, wanted: str) -> str:
    """The wanted baseline of a model; the default one where plain, the site's default, is wanted."""
    return default_baseline([run for run in runs if run.model == model]) if wanted == "plain" else wanted


def _board(runs: list[Run], model: str, number: int, baseline: str) -> ModelBoard:
    paired = paired_scores_of(runs, model, baseline)
    comparison = compare(paired)
    if not comparison.ranks:
        raise SealError(f"{model}: no sample has a score for every method, first sample {paired.samples[0]}; run the methods again")
    records = by_method(runs, model)
    model_runs = [run for run in runs if run.model == model]
    rows = {row.method: row for row in comparison.of("primary")}
    entries = []
    for method, rank in zip(comparison.methods, comparison.ranks, strict=True):
        method_runs = [run for run in model_runs if run.method == method]  # oldest first
        effective = _shortest([o.effective_length for o in comparison.lengths if o.method == method and _in_tokens(o.task)])
        lacks = next((one.text for one in comparison.lacks if one.method == method), "")
        if lacks:  # the task, or the long prompts, that it lacks could be its worst and its slowest
            entries.append(Entry(model, method, rows[method], rank, method_runs[-1], None, None, False, lacks))
        else:
            entries.append(Entry(model, method, rows[method], rank, method_runs[-1], effective, *_speed(method_runs)))
    entries.sort(key=lambda e: (e.rank is None, e.rank.value if e.rank else 0, e.method != baseline, e.method))
    tasks = list(_tasks(comparison, records, number))
    return ModelBoard(model, number, paired, comparison, entries, tasks, records, board_names(model_runs))


def _shortest(lengths: list[Estimate]) -> Estimate | None:
    """The shortest of the tasks' effective lengths. Their bounds hold together, so their minima are bounds of it."""
    if not lengths:
        return None
    shortest = min(lengths, key=lambda e: e.value)
    return replace(shortest, low=min(e.low for e in lengths), high=min(e.high for e in lengths))


def _speed(runs: list[Run]) -> tuple[float | None, bool]:
    """(prompt tokens per second, whether that is a lower bound), from the engine's own timing, else from evaluation time with loading.

    None when a run has no time recorded, or went on from an earlier attempt whose time it does not know, and for tasks from outside this
    project, whose prompts are not counted.
    """
    paces = [run.config.get("seal_eval", {}).get("pace") for run in runs]
    if all(paces):
        seconds = sum(pace["seconds"] for pace in paces)
        return sum(pace["prompt_tokens"] for pace in paces) / seconds, any(pace["others"] > QUIET_MACHINE for pace in paces)
    times = [run.seconds for run in runs if run.seconds]
    tokens = sum(record.n_tokens for run in runs for record in run.records)
    known = len(times) == len(runs) and all(record.n_tokens for run in runs for record in run.records)
    return (tokens / sum(times) if known else None), True


def _in_tokens(task: str) -> bool:
    from seal_eval.tasks import RULER_GROUP

    return task != RULER_GROUP and about(task).unit == "tokens"


def _tasks(comparison: Comparison, records: dict[str, dict[str, Record]], number: int) -> Iterator[TaskBlock]:
    for task in dict.fromkeys(row.task or "" for row in comparison.of("cell")):
        rows = [row for row in comparison.of("cell") if row.task == task]
        lengths = sorted({row.length or 0 for row in rows})
        depths = {
            method: {n: by_depth([r for r in records[method].values() if (r.task, r.length) == (task, n)]) for n in lengths}
            for method in comparison.methods
        }
        over = [o for o in comparison.lengths if o.task == task]
        positions = [p for p in comparison.positions if p.task == task]
        yield TaskBlock(comparison.name, task, rows, over, positions, depths, f"{number}-{task}")


def pairs(board: ModelBoard) -> Iterator[Pair]:
    """Every pair of a board's methods, `a` before `b` in the order of the methods, which begins with the baseline.

    Over the cells that the board's overall results are over.
    """
    for a, b in combinations(board.found.methods, 2):
        two = board.paired.deciding.of((a, b))
        rows = [row for row in method_rows(two, board.found.level) if row.method == b]
        if two.lacked(0):  # as where b lacks cells: no overall difference
            rows = [replace(row, difference=None, p_adjusted=None, pairs=None) if row.scope == "primary" else row for row in rows]
        right = two.scores == 1
        both_scored = ~np.isnan(two.scores).any(axis=1)
        only = [[two.samples[i] for i in np.flatnonzero(both_scored & right[:, k] & ~right[:, 1 - k])] for k in (0, 1)]
        lacks = [f"{board.said(one.method)} {one.text}" for one in two.lacks if one.text]
        yield Pair(board.name, a, b, rows, lacks, only[0], only[1])
