"""Cells that a method lacks: which they are, which cells nobody can be compared on, and sentences that say so."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from seal_eval.core.names import first_of, listed
from seal_eval.core.types import Absent, Run, TaskLength
from seal_eval.results.absent import NO_RESULT, suite_of
from seal_eval.results.numbers import size

SHOWN = 12  # most cells named in a sentence


@dataclass(frozen=True)
class Lacks:
    """The cells of a group that a method has no result for, with the reason that its suite recorded for each, '' where there is none.

    n_cells: of the group, without `extra`, the cells that its baseline lacks: they do not count.
    """

    method: str
    cells: tuple[TaskLength, ...]
    reasons: tuple[str, ...]
    n_cells: int
    extra: tuple[TaskLength, ...] = ()

    @property
    def counted(self) -> tuple[TaskLength, ...]:
        """The cells that count: because of them the method has no rank."""
        return tuple(cell for cell in self.cells if cell not in self.extra)

    @property
    def text(self) -> str:
        """'lacks 4 of 11 cells: seal_lines 4,096 (failed: out of memory), …'; '' if it lacks none."""
        if not self.counted:
            return ""
        return f"lacks {len(self.counted)} of {self.n_cells} cells: {_listed(self.counted, [self.reason(*cell) for cell in self.counted])}"

    def within(self, cells: Sequence[TaskLength]) -> "Lacks":
        """The same for some of the group's cells."""
        kept = [(cell, why) for cell, why in zip(self.cells, self.reasons, strict=True) if cell in cells]
        return replace(self, cells=tuple(cell for cell, _ in kept), reasons=tuple(why for _, why in kept), n_cells=len(cells), extra=())

    def reason(self, task: str, length: int | None) -> str:
        """Why the cell has no result: 'no result' if nothing is known."""
        return dict(zip(self.cells, self.reasons, strict=True)).get((task, length)) or NO_RESULT


def in_short(lacks: Sequence[Lacks], method: str, cells: Sequence[TaskLength], one_cell: bool) -> str:
    """What stands in place of the accuracy of a row that lacks `cells`: for one cell the reason, otherwise 'lacks 4 of 11 cells'.

    lacks: of all methods.
    """
    own = next(one for one in lacks if one.method == method)
    if one_cell:
        return own.reason(*cells[0])
    return (
        f"lacks {len(cells)} of {own.n_cells} cells" if {*cells} == {*own.counted} else f"lacks {len(cells)} cell{'s' * (len(cells) > 1)}"
    )


def only_one_has(cells: Mapping[str, Iterable[TaskLength]], baseline: str) -> dict[TaskLength, str]:
    """Cell → method, for cells that only this one of three methods or more answered, and it is not the baseline. cells: of each method.

    They are left out: nothing can be compared on them, and else a method could take the others' ranks by answering one cell more.
    """
    if len(cells) < 3:
        return {}
    owners: dict[TaskLength, list[str]] = {}
    for method, has in cells.items():
        for cell in has:
            owners.setdefault(cell, []).append(method)
    return {cell: names[0] for cell, names in owners.items() if len(names) == 1 and names[0] != baseline}


def lacking(
    methods: Sequence[str], cells: Mapping[str, Container[TaskLength]], of_group: Sequence[TaskLength], extra: tuple[TaskLength, ...],
    runs: Iterable[Run],
) -> list[Lacks]:  # fmt: skip
    """What each method lacks of the cells of its group. cells: of each method. extra: those that the baseline lacks. runs: those of the
    group, for what their suites recorded."""
    reasons: dict[tuple[str, TaskLength], str] = {}
    for run in runs:
        if suite := suite_of(run):
            own = (a for a in run.absent if (a.suite, a.method) == (suite["name"], suite["method"]))
            reasons |= {(run.method, (a.task, a.size)): a.reason for a in own}
    found = []
    for method in methods:
        missing = tuple(cell for cell in of_group if cell not in cells[method])
        found.append(Lacks(method, missing, tuple(reasons.get((method, cell), "") for cell in missing), len(of_group) - len(extra), extra))
    return found


def notes(lacks: Sequence[Lacks], alone: Mapping[TaskLength, str], unscored: Mapping[str, int], runs: Sequence[Run]) -> list[str]:
    """Sentences about what is missing. lacks: the baseline's first. alone: from `only_one_has`. unscored: replies without a score."""
    out = []
    for i, one in enumerate(lacks):
        if one.cells and i == 0:
            cells_named = _listed(one.cells, one.reasons)
            out.append(f"{one.method}, the baseline, has no result for {cells_named}; shown, but not part of overall results and ranks.")
        elif one.text:
            out.append(f"{one.method} {one.text}. It has no rank and no overall result: a mean over other cells cannot be compared.")
    for method in dict.fromkeys(alone.values()):
        cells = [cell for cell, name in alone.items() if name == method]
        out.append(f"Only {method} has {_listed(cells, [''] * len(cells))}; left out, because there is nothing to compare it with.")
    for method, n in unscored.items():
        if n:
            counted = "1 reply has no score and is" if n == 1 else f"{n} replies have no score and are"
            out.append(f"{method}: {counted} left out of its accuracy; ranks are over the samples that all methods have a score for.")
    lost: dict[tuple[str, str], list[str]] = {}  # (suite, the same cells for the same reasons) → methods
    for (suite, method), absent in _without_runs(runs).items():
        lost.setdefault((suite, _listed([(a.task, a.size) for a in absent], [a.reason for a in absent])), []).append(method)
    for (suite, cells_lost), names in lost.items():
        out.append(f"{listed(names)} of suite {suite} {'has' if len(names) == 1 else 'have'} no result: {cells_lost}.")
    everywhere = [a for a in _planned(runs) if all((a.task, a.size) not in {(r.task, r.length) for r in run.records} for run in runs)]
    if everywhere:
        cells = list(dict.fromkeys((a.task, a.size) for a in everywhere))
        reasons = [next(a.reason for a in everywhere if (a.task, a.size) == cell) for cell in cells]
        out.append(f"Planned, and without a result of any method: {_listed(cells, reasons)}.")
    return out


def why_no_ranks(cells: Sequence[TaskLength]) -> tuple[str, ...]:
    """A sentence about cells in which no sample has a score of every method: ranks would be over the other cells alone."""
    return (f"There are no ranks: no sample of {_listed(cells, [''] * len(cells))} has a score of every method.",) if cells else ()


def _planned(runs: Sequence[Run]) -> list[Absent]:
    """What the suites of these runs planned for their methods and did not get."""
    suites = {(suite["name"], suite["method"]) for run in runs if (suite := suite_of(run))}
    return list(dict.fromkeys(a for run in runs for a in run.absent if (a.suite, a.method) in suites))


def _without_runs(runs: Sequence[Run]) -> dict[tuple[str, str], list[Absent]]:
    """(suite, method) → what it planned, for methods of the runs' suites that have no run at all."""
    suites = {suite["name"] for run in runs if (suite := suite_of(run))}
    methods = {(suite["name"], suite["method"]) for run in runs if (suite := suite_of(run))}
    answered = {(run.method, record.task, record.length) for run in runs for record in run.records}  # also in runs of no suite
    found: dict[tuple[str, str], list[Absent]] = {}
    for a in dict.fromkeys(a for run in runs for a in run.absent):
        if a.suite in suites and (a.suite, a.method) not in methods and (a.method, a.task, a.size) not in answered:
            found.setdefault((a.suite, a.method), []).append(a)
    return found


def _listed(cells: Sequence[TaskLength], reasons: Sequence[str]) -> str:
    """'seal_lines 4,096 (not run), seal_needle 512 and 3 more'; cells of one task one after the other."""
    texts = [
        f"{task} {size(length, task)}".rstrip() + (f" ({reason})" if reason not in ("", NO_RESULT) else "")
        for (task, length), reason in zip(cells, reasons, strict=True)
    ]
    return first_of(texts, SHOWN)
