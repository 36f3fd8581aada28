"""Why replies score what they do: the shares of reasons per cell, and a warning where a score measures format rather than retrieval."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from seal_eval.core.errors import SealError, nearest
from seal_eval.core.types import Record, Run
from seal_eval.prompts.thinking import CUT_OFF
from seal_eval.prompts.verdict import HEDGED, TOO_MANY
from seal_eval.results.numbers import size, whole_percent
from seal_eval.tasks import base_task

REASONS = ("exact", "incomplete", "wrong value", "not found", TOO_MANY, HEDGED, "refused", "cut off", CUT_OFF, "unparsable")
FORMAT = ("cut off", CUT_OFF, "unparsable")  # these say nothing about retrieval
LIMIT = 0.05  # share of a cell's replies with a reason of FORMAT above which there is a warning


@dataclass(frozen=True)
class Shares:
    """The reasons of one method's replies in one cell. counts: reason → replies, in the order of REASONS."""

    method: str
    task: str
    length: int | None
    counts: dict[str, int]

    @property
    def n(self) -> int:
        """Number of replies."""
        return sum(self.counts.values())

    @property
    def of_format(self) -> float:
        """Share of the replies that were cut off or have no answer."""
        return sum(self.counts.get(reason, 0) for reason in FORMAT) / self.n

    @property
    def text(self) -> str:
        """'exact 80 %, wrong value 15 %, cut off 5 %'."""
        return ", ".join(f"{reason} {whole_percent(count / self.n)} %" for reason, count in self.counts.items())


def kind(reason: str) -> str:
    """The reason without the name of what was wrong: 'wrong line' is 'wrong value'."""
    return "wrong value" if reason.startswith("wrong ") else reason


def shares(records: Iterable[tuple[str, Record]]) -> list[Shares]:
    """Shares per method, task and length of (method, record) pairs.

    Tasks from outside this project have no reasons, nor have replies of which other programs' files tell the scores alone.
    """
    cells: dict[tuple[str, str, int | None], Counter[str]] = {}
    for method, record in records:
        if base_task(record.task) and kind(record.reason) in REASONS:
            cells.setdefault((record.task, method, record.length), Counter())[kind(record.reason)] += 1
    ordered = sorted(cells, key=lambda cell: (cell[0], cell[2] or 0))
    return [Shares(m, task, n, {r: cells[task, m, n][r] for r in REASONS if cells[task, m, n][r]}) for task, m, n in ordered]


def of_runs(runs: Iterable[Run]) -> list[Shares]:
    """Shares of all records of the runs."""
    return shares((run.method, record) for run in runs for record in run.records)


def warning(cell: Shares) -> str:
    """A sentence for a cell of which more than LIMIT were cut off or unparsable; '' for any other."""
    if cell.of_format <= LIMIT:
        return ""
    where = f"{cell.task}{'' if cell.length is None else f' at {size(cell.length, cell.task)}'}, {cell.method}"
    share = f"{100 * cell.of_format:.0f} %"
    return f"{where}: {share} of the replies were cut off or hold no answer; the score measures their form, not retrieval."


def examples(runs: list[Run], reason: str = "", task: str = "", method: str = "", n: int = 10) -> list[tuple[Run, Record]]:
    """The first `n` replies with a reason, a task and a method; by default those that were cut off or hold no answer.

    Raises SealError for a name that the runs do not have.
    """
    for name, wanted, known in (
        ("reason", reason, {*REASONS, *(r.reason for run in runs for r in run.records)}),
        ("task", task, {r.task for run in runs for r in run.records}),
        ("method", method, {run.method for run in runs}),
    ):
        if wanted and wanted not in known:
            raise SealError(f"--{name} {wanted}: the results have none{nearest(wanted, known)}")
    found = [
        (run, record)
        for run in runs
        if method in ("", run.method)
        for record in run.records
        if task in ("", record.task) and (reason in (record.reason, kind(record.reason)) if reason else record.reason in FORMAT)
    ]
    return found[:n]
