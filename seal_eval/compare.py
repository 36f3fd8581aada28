"""Records → estimates: each method's accuracy per task and length, and its paired difference from the baseline."""

from dataclasses import dataclass
from typing import Any

from seal_eval.errors import SealError
from seal_eval.records import by_method, check_baseline, pair
from seal_eval.stats import effective_length, tango, weighted_average, wilson
from seal_eval.tasks import get_task
from seal_eval.types import Estimate, Record, Run


@dataclass(frozen=True)
class Row:
    """One model × method × task × length. `difference` is method − baseline, None for the baseline itself."""

    model: str
    method: str
    task: str
    length: int
    accuracy: Estimate
    difference: Estimate | None
    repeated_documents: bool  # several samples share a text: the test treats them as independent


def compare(runs: list[Run], model: str, baseline: str = "plain", level: float = 0.95) -> list[Row]:
    """Rows for one model, by task, length, then method with the baseline first.

    Methods are paired with the baseline on sample ids over all they were run on. Raises SealError for an absent baseline
    and for samples that cannot be paired, naming the first.
    """
    if not 0 < level < 1:
        raise SealError(f"level is {level}, must lie between 0 and 1, for example 0.95")
    table = by_method(runs, model)
    check_baseline(list(table), baseline, model)
    base = table[baseline]
    rows = []
    for method in [baseline, *sorted(m for m in table if m != baseline)]:
        pairs = [(r, r) for r in base.values()] if method == baseline else pair(base, table[method], (baseline, method))
        for task, length in sorted({(r.task, r.length) for r in base.values()}):
            cell = [(b, m) for b, m in pairs if (b.task, b.length) == (task, length)]
            documents = {b.document for b, _ in cell}
            rows.append(
                Row(
                    model,
                    method,
                    task,
                    length,
                    accuracy([m for _, m in cell], level),
                    None if method == baseline else difference(cell, level),
                    len(documents) < len(cell),
                )
            )
    return sorted(rows, key=lambda row: (row.task, row.length))


DEPTH_EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)  # fifths of the prompt


def by_depth(records: list[Record], level: float = 0.95) -> list[Estimate | None]:
    """Accuracy in each fifth of the prompt, by where the needed fact starts; None where nothing was asked."""
    cells: list[list[Record]] = [[] for _ in DEPTH_EDGES[1:]]
    for record in records:
        if record.depth is None:
            continue
        cells[min(int(record.depth * len(cells)), len(cells) - 1)].append(record)
    return [accuracy(cell, level) if any(r.score is not None for r in cell) else None for cell in cells]


def accuracy(records: list[Record], level: float = 0.95) -> Estimate:
    """Share of right replies among the scored ones; unscored records are counted in n_missing."""
    scores = [r.score for r in records if r.score is not None]
    if not scores:
        raise SealError(f"no scored reply among {len(records)} records; the run failed")
    estimate = wilson(sum(s == 1 for s in scores), len(scores), level)
    return Estimate(**{**vars(estimate), "n_missing": len(records) - len(scores)})


def difference(cell: list[tuple[Record, Record]], level: float = 0.95) -> Estimate:
    """Paired difference method − baseline over (baseline, method) records; a pair with an unscored side is missing."""
    scored = [(b.score == 1, m.score == 1) for b, m in cell if b.score is not None and m.score is not None]
    both, only_m = sum(b and m for b, m in scored), sum(m and not b for b, m in scored)
    only_b = sum(b and not m for b, m in scored)
    estimate = tango(both, only_m, only_b, len(scored) - both - only_m - only_b, level)
    return Estimate(**{**vars(estimate), "n_missing": len(cell) - len(scored)})


def percent(estimate: Estimate, sign: bool = False) -> str:
    """'87.5 % (73.9–94.5)'; a difference carries its sign: '+72.5 (+53.4 to +83.7)'."""
    value, low, high = (100 * x for x in (estimate.value, estimate.low, estimate.high))
    return f"{value:+.1f} ({low:+.1f} to {high:+.1f})".replace("-", "−") if sign else f"{value:.1f} % ({low:.1f}–{high:.1f})"


def p_text(p: float | None) -> str:
    """'.031', '< .001'."""
    return "" if p is None else "< .001" if p < 0.001 else f"{p:.3f}".removeprefix("0")


def print_table(rows: list[Row], baseline: str) -> None:
    """The rows as a table for people, and what the numbers are."""
    from rich.console import Console
    from rich.table import Table

    level = round(100 * rows[0].accuracy.level)
    table: Any = Table(title=f"{rows[0].model}: every method against {baseline}", title_justify="left")
    for name, justify in (
        ("task", "left"), ("tokens", "right"), ("method", "left"), ("n", "right"), (f"accuracy ({level} %)", "right"),
        (f"− {baseline}, points ({level} %)", "right"), ("p", "right"),
    ):  # fmt: skip
        table.add_column(name, justify=justify)
    for i, row in enumerate(rows):
        new_cell = i + 1 == len(rows) or (rows[i + 1].task, rows[i + 1].length) != (row.task, row.length)
        n = f"{row.accuracy.n}" + (f" ({row.accuracy.n_missing} unscored)" if row.accuracy.n_missing else "")
        d = row.difference
        table.add_row(
            row.task,
            _size(row.length, row.task),
            row.method,
            n,
            percent(row.accuracy),
            percent(d, sign=True) if d else "",
            p_text(d.p_value if d else None),
            end_section=new_cell,
        )
    console = Console()
    console.print(table)
    console.print(NOTE.format(baseline=baseline), style="dim", highlight=False)
    if any(row.repeated_documents for row in rows):
        console.print("Samples that share a document are treated as independent here: their p-values are too small.", style="yellow")
    if lengths := over_lengths(rows):
        _print_over_lengths(lengths, console)


@dataclass(frozen=True)
class OverLengths:
    """One method on one task at several lengths."""

    task: str
    method: str
    effective_length: Estimate  # in the task's unit
    rising: float  # average accuracy, weights rising with length
    falling: float


def over_lengths(rows: list[Row]) -> list[OverLengths]:
    """Effective length and weighted averages of every method and task that was run at two lengths or more."""
    found = []
    for task, method in dict.fromkeys((row.task, row.method) for row in rows):
        mine = [row for row in rows if (row.task, row.method) == (task, method)]
        if len(mine) > 1:
            cells = {row.length: (round(row.accuracy.value * row.accuracy.n), row.accuracy.n) for row in mine}
            level = mine[0].accuracy.level
            averages = weighted_average(cells, "rising"), weighted_average(cells, "falling")
            found.append(OverLengths(task, method, effective_length(cells, level=level), *averages))
    return found


def _print_over_lengths(lengths: list[OverLengths], console: Any) -> None:
    from rich.table import Table

    table: Any = Table(title="over lengths", title_justify="left")
    table.add_column("task")
    table.add_column("method")
    for name in ("effective length", "weights rising", "weights falling"):
        table.add_column(name, justify="right")
    for row in lengths:
        e = row.effective_length
        span = f"{_size(e.value, row.task)} ({e.low:,.0f} to {e.high:,.0f})"
        table.add_row(row.task, row.method, span, f"{100 * row.rising:.1f} %", f"{100 * row.falling:.1f} %")
    console.print(table)
    console.print(LENGTHS_NOTE, style="dim", highlight=False)


def _size(length: float, task: str) -> str:
    """'1,024', or with its unit when that is not tokens: '200 lines'."""
    unit = get_task(task).unit
    return f"{length:,.0f}" if unit == "tokens" else f"{length:,.0f} {unit}"


LENGTHS_NOTE = (
    "effective length: the longest length tested whose accuracy reaches 85.6 % (RULER), 0 when none does; from and to the lengths that "
    "the lower and upper Wilson bounds reach. Averages: accuracy over lengths weighted 1, 2, … upwards or downwards."
)
NOTE = (
    "accuracy: Wilson interval. Difference: pairs of replies to the same prompt, Tango's score interval; p: two-sided mid-p McNemar, "
    "not adjusted for the number of rows."
)
