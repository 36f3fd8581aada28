"""A comparison as tables for people (terminal, Markdown, LaTeX) and as data (JSON, CSV)."""

import csv
import io
import json
import math
from dataclasses import asdict, dataclass
from typing import Any

from seal_eval.core.progress import console
from seal_eval.results.compare import Comparison, Row
from seal_eval.results.numbers import p_equals, p_text, percent, size


@dataclass(frozen=True)
class Table:
    """Text cells. `sections`: numbers of the rows that a line follows."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str
    sections: frozenset[int] = frozenset()


FORMATS = ("json", "csv", "markdown", "latex")
LEFT = {"task", "method"}


def tables(found: Comparison, bayes: bool = False) -> list[Table]:
    """The primary result, tasks and cells where there are several, what varies with length and depth."""
    out = [_primary(found, bayes)]
    if len(found.of("task")) > len(found.methods):
        out.append(_scope(found, "task", f"{found.name}: per task", "p adjusted: Holm over this table."))
    if len(found.of("cell")) > len(found.of("task")):
        out.append(_scope(found, "cell", f"{found.name}: cells, exploratory", "q: Benjamini-Hochberg over this table; exploratory."))
    return out + [table for table in (_lengths(found), _positions(found)) if table]


def _primary(found: Comparison, bayes: bool) -> Table:
    rows = found.of("primary")
    ranked = dict(zip(found.methods, found.ranks, strict=True)) if found.ranks and len(found.methods) > 2 else {}
    columns = ["method", *_counted(rows), _of("accuracy", found), f"− {found.baseline}, points", "p", "p adjusted"]
    methods = list(dict.fromkeys(e.method for row in rows for e in (row.accuracy, row.difference) if e))
    notes = [found.sentence, "p adjusted: Holm over the methods.", f"Intervals at {100 * found.level:g} %: {' / '.join(methods)}."]
    extra: list[list[str]] = [[] for _ in rows]
    if any(row.n_clusters == row.accuracy.n + row.accuracy.n_missing for row in rows[1:]):
        columns.append("shows")
        notes.append("Shows: the smallest difference that so many pairs would show with 80 % power at this discordance.")
        for cells, row in zip(extra, rows, strict=True):
            cells.append("" if not row.difference else "none" if row.detectable is None else f"{100 * row.detectable:.1f}")
    if ranked:
        columns += ["places", "tied group"]
        notes.append("Places: 1 is best; those that pairwise tests leave open, Holm over all pairs. Tied group: a leader and its equals.")
        for cells, row in zip(extra, rows, strict=True):
            rank = ranked[row.method]
            cells += [_span(rank.low, rank.high), str(rank.group)]
        if found.cochran and found.cochran.value is not None:
            c = found.cochran
            notes.append(f"Any difference at all: Cochran's Q = {c.value:.2f}, {c.degrees} df, p {p_equals(c.p_value)}.")
    if bayes:
        columns += ["P(better)", "P(same)"]
        notes.append("P(better), P(same): posterior under Jeffreys' prior; same is a difference of at most one point.")
        for cells, row in zip(extra, rows, strict=True):
            cells += [f"{row.posterior.p_better:.3f}", f"{row.posterior.p_same:.3f}"] if row.posterior else ["", ""]
    body = tuple((row.method, *_cells(row, rows), *cells) for row, cells in zip(rows, extra, strict=True))
    return Table(f"{found.name}: every method against {found.baseline}", tuple(columns), body, " ".join(notes))


def _scope(found: Comparison, scope: Any, title: str, note: str) -> Table:
    rows = found.of(scope)
    adjusted = "q" if scope == "cell" else "p adjusted"
    place = ("task", "length") if scope == "cell" else ("task",)
    columns = (*place, "method", *_counted(rows), _of("accuracy", found), f"− {found.baseline}, points", "p", adjusted)
    body = tuple(
        (row.task or "", *([size(row.length, row.task)] if scope == "cell" else []), row.method, *_cells(row, rows)) for row in rows
    )
    ends = frozenset(i for i, row in enumerate(rows[:-1]) if (row.task, row.length) != (rows[i + 1].task, rows[i + 1].length))
    return Table(title, columns, body, note, ends)


def _counted(rows: list[Row]) -> list[str]:
    """What is counted: samples, and documents where they are fewer."""
    fewer = any(row.n_clusters < row.accuracy.n + row.accuracy.n_missing for row in rows)
    return ["n", "documents"] if fewer else ["n"]


def _cells(row: Row, rows: list[Row]) -> list[str]:
    n = f"{row.accuracy.n}" + (f" ({row.accuracy.n_missing} unscored)" if row.accuracy.n_missing else "")
    counted = [n, f"{row.n_clusters}"][: len(_counted(rows))]
    d = row.difference
    return [*counted, percent(row.accuracy), *([percent(d, True), p_text(d.p_value), p_text(row.p_adjusted)] if d else [""] * 3)]


def _lengths(found: Comparison) -> Table | None:
    body = []
    for row in found.lengths:
        e, i = row.effective_length, row.interaction
        trend = "" if i is None else "–" if i.value is None else f"{i.value:+.2f} ({i.low:+.2f} to {i.high:+.2f}), p {p_equals(i.p_value)}"
        span = f"{size(e.value, row.task)} ({e.low:,.0f} to {e.high:,.0f})"
        body.append((row.task, row.method, span, f"{100 * row.rising:.1f} %", f"{100 * row.falling:.1f} %", trend.replace("-", "−")))
    columns = ("task", "method", "effective length", "weights rising", "weights falling", f"against {found.baseline}, per doubling")
    return Table(f"{found.name}: over lengths", columns, tuple(body), LENGTHS_NOTE) if body else None


def _positions(found: Comparison) -> Table | None:
    body = tuple((row.task, row.method, percent(row.bias, True), p_text(row.bias.p_value)) for row in found.positions)
    return (
        Table(f"{found.name}: lost in the middle?", ("task", "method", "ends − middle, points", "p"), body, POSITION_NOTE) if body else None
    )


LENGTHS_NOTE = (
    "Effective length: the longest tested length whose accuracy reaches 85.6 % (RULER), 0 when none does; from and to the lengths that the "
    "lower and upper bounds of the cells' intervals reach. Averages: accuracy over lengths weighted 1, 2, … upwards or downwards. Per "
    "doubling: by how much the log odds that the method is the one who is right rise when the length doubles (conditional logit)."
)
POSITION_NOTE = (
    "Accuracy where the fact stands in the first or last third of the prompt less where it stands in the middle third; p not adjusted."
)


def _of(what: str, found: Comparison) -> str:
    return f"{what} ({100 * found.level:g} %)"


def _span(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}–{high}"


def show(found: Comparison, bayes: bool = False) -> None:
    """The tables in the terminal."""
    from rich import box
    from rich.table import Table as RichTable

    page = console()
    for table in tables(found, bayes):
        drawn = RichTable(
            title=table.title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, padding=(0, 1)
        )
        for i, name in enumerate(table.columns):
            words = [word for text in (name, *(row[i] for row in table.rows)) for word in text.split()]
            longest = max(map(len, words), default=1)  # no word is broken in a narrow terminal
            drawn.add_column(name, justify="left" if name in LEFT else "right", min_width=longest)
        for i, cells in enumerate(table.rows):
            drawn.add_row(*cells, end_section=i in table.sections)
        page.print(drawn)
        page.print(table.note + "\n", style="dim", highlight=False)


def as_text(found: list[Comparison], kind: str, bayes: bool = False) -> str:
    """All comparisons as one JSON, CSV, Markdown or LaTeX text. NaN and infinite numbers never occur."""
    if kind == "json":
        return json.dumps([_plain(asdict(one)) for one in found], indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    if kind == "csv":
        return _csv(found)
    write = _markdown if kind == "markdown" else _latex
    return "\n".join(write(table) for one in found for table in tables(one, bayes))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {"n_documents" if k == "n_clusters" else k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


ESTIMATES = ("value", "low", "high", "n", "n_missing", "method")


def _csv(found: list[Comparison]) -> str:
    out = io.StringIO()
    names = [f"accuracy_{k}" for k in ESTIMATES] + [f"difference_{k}" for k in (*ESTIMATES, "p_value", "n_discordant")]
    writer = csv.writer(out, lineterminator="\n")
    pairs = ["both", "only_method", "only_baseline", "neither"]
    place = ["model", "baseline", "level", "scope", "task", "length", "method", "documents"]
    writer.writerow([*place, *names, "p_adjusted", *pairs, "detectable"])
    for one in found:
        for row in one.rows:
            d = [getattr(row.difference, k) if row.difference else None for k in (*ESTIMATES, "p_value", "n_discordant")]
            a = [getattr(row.accuracy, k) for k in ESTIMATES]
            where = [one.name, one.baseline, one.level, row.scope, row.task, row.length, row.method, row.n_clusters]
            writer.writerow([*where, *a, *d, row.p_adjusted, *(row.pairs or [None] * 4), row.detectable])
    return out.getvalue()


def _markdown(table: Table) -> str:
    def line(cells: tuple[str, ...]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    rule = "|" + "|".join("---" if name in LEFT else "---:" for name in table.columns) + "|"
    return "\n".join([f"**{table.title}**", "", line(table.columns), rule, *map(line, table.rows), "", table.note, ""])


LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}", "~": r"\~{}",
    "^": r"\textasciicircum{}", "−": "$-$", "–": "--", "<": "$<$", ">": "$>$", "…": r"\dots{}",
}  # fmt: skip


def _latex(table: Table) -> str:
    """A booktabs table."""

    def text(cell: str) -> str:
        return "".join(LATEX.get(c, c) for c in cell)

    def line(cells: tuple[str, ...]) -> str:
        return " & ".join(map(text, cells)) + r" \\"

    shape = "".join("l" if name in LEFT else "r" for name in table.columns)
    body = [part for i, cells in enumerate(table.rows) for part in ([line(cells)] + ([r"\midrule"] if i in table.sections else []))]
    head = [r"\begin{table}", rf"\caption{{{text(table.title)}. {text(table.note)}}}", rf"\begin{{tabular}}{{{shape}}}", r"\toprule"]
    return "\n".join([*head, line(table.columns), r"\midrule", *body, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])
