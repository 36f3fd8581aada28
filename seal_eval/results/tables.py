"""A comparison as tables (see `text_table`), or as data (JSON, CSV)."""

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any

from seal_eval.results.comparison import Comparison, Row
from seal_eval.results.escapes import csv_cell
from seal_eval.results.missing import in_short
from seal_eval.results.numbers import p_equals, p_text, percent, size
from seal_eval.results.reasons import Shares, warning
from seal_eval.results.text_table import Table as Table
from seal_eval.results.text_table import latex, markdown
from seal_eval.results.text_table import show_table as show_table

FORMATS = ("json", "csv", "markdown", "latex")


def tables(comparison: Comparison, bayes: bool = False) -> list[Table]:
    """The tables of a comparison: primary result; per task and per cell, if there are several; over lengths; over positions.

    bayes: add the posterior probabilities to the primary result.
    """
    out = [_primary(comparison, bayes)]
    if len(comparison.of("task")) > len(comparison.methods):
        out.append(_scope(comparison, "task", f"{comparison.name}: per task", "p adjusted: Holm over this table."))
    if len(comparison.of("cell")) > len(comparison.of("task")):
        title = f"{comparison.name}: cells, exploratory"
        out.append(_scope(comparison, "cell", title, "q: Benjamini-Hochberg over this table; exploratory."))
    why = reasons_table(f"{comparison.name}: why replies score what they do", comparison.shares)
    return out + [table for table in (_lengths(comparison), _positions(comparison), why) if table]


def _primary(comparison: Comparison, bayes: bool) -> Table:
    rows = comparison.of("primary")
    rank_of = dict(zip(comparison.methods, comparison.ranks, strict=True)) if comparison.ranks and len(comparison.methods) > 2 else {}
    columns = ["method", *_counted(rows), _with_level("accuracy", comparison), f"− {comparison.baseline}, points", "p", "p adjusted"]
    methods = list(dict.fromkeys(e.method for row in rows for e in (row.accuracy, row.difference) if e))
    intervals = f"Intervals at {100 * comparison.level:g} %: {' / '.join(methods)}."
    notes = [comparison.sentence, *comparison.remarks, *comparison.missing, "p adjusted: Holm over the methods.", intervals]
    extra: list[list[str]] = [[] for _ in rows]
    if not comparison.sequential and any(row.n_clusters == row.accuracy.n + row.accuracy.n_missing for row in rows[1:] if row.accuracy):
        columns.append("shows")
        notes.append(
            "Shows: the smallest difference that such a comparison detects with 80 % power, at the level that the number of methods "
            "leaves; none: it can detect no difference."
        )
        for cells, row in zip(extra, rows, strict=True):
            cells.append("" if not row.difference else "none" if row.detectable is None else f"{100 * row.detectable:.1f}")
    if rank_of:
        columns += ["rank", "tie group"]
        notes.append(
            "Rank: 1 is best; the ranks that the pairwise tests allow, Holm over all pairs. Tie group: the best method of the group and "
            "those that cannot be distinguished from it."
        )
        for cells, row in zip(extra, rows, strict=True):
            rank = rank_of[row.method]
            cells += [_span(rank.low, rank.high), str(rank.group)] if rank else ["–", "–"]
        if comparison.cochran and comparison.cochran.value is not None:
            c = comparison.cochran
            notes.append(f"Any difference at all: Cochran's Q = {c.value:.2f}, {c.degrees} df, p {p_equals(c.p_value)}.")
    if bayes:
        columns += ["P(better)", "P(same)"]
        known = any(row.posterior for row in rows)
        notes.append(
            "P(better), P(same): posterior under Jeffreys' prior; same is a difference of at most one point."
            if known
            else "P(better), P(same): there is no posterior for scores other than 0 and 1, nor from one document."
        )
        for cells, row in zip(extra, rows, strict=True):
            cells += [f"{row.posterior.p_better:.3f}", f"{row.posterior.p_same:.3f}"] if row.posterior else ["", ""]
    body = tuple((row.method, *_cells(row, rows, comparison), *cells) for row, cells in zip(rows, extra, strict=True))
    return Table(f"{comparison.name}: every method against {comparison.baseline}", tuple(columns), body, " ".join(notes))


def _scope(comparison: Comparison, scope: Any, title: str, note: str) -> Table:
    rows = comparison.of(scope)
    adjusted = "q" if scope == "cell" else "p adjusted"
    place = ("task", "length") if scope == "cell" else ("task",)
    columns = (*place, "method", *_counted(rows), _with_level("accuracy", comparison), f"− {comparison.baseline}, points", "p", adjusted)
    body = tuple(
        (row.task or "", *([size(row.length, row.task)] if scope == "cell" else []), row.method, *_cells(row, rows, comparison))
        for row in rows
    )
    ends = frozenset(i for i, row in enumerate(rows[:-1]) if (row.task, row.length) != (rows[i + 1].task, rows[i + 1].length))
    return Table(title, columns, body, note, ends)


def _counted(rows: list[Row]) -> list[str]:
    """Names of the columns with counts: samples, and documents where they are fewer."""
    fewer = any(row.n_clusters < row.accuracy.n + row.accuracy.n_missing for row in rows if row.accuracy)
    return ["n", "documents"] if fewer else ["n"]


def _cells(row: Row, rows: list[Row], comparison: Comparison) -> list[str]:
    """The row's counts, accuracy, difference and p-values; `rows` are all rows of the table."""
    counts = len(_counted(rows))
    if row.accuracy is None:
        return [*["–"] * counts, in_short(comparison.lacks, row.method, row.lacks, row.scope == "cell"), "–", "", ""]
    n = f"{row.accuracy.n}" + (f" ({row.accuracy.n_missing} unscored)" if row.accuracy.n_missing else "")
    d = row.difference
    compared = (
        [percent(d, True), p_text(d.p_value), p_text(row.p_adjusted)] if d else ["" if row.method == comparison.baseline else "–", "", ""]
    )
    return [*[n, f"{row.n_clusters}"][:counts], percent(row.accuracy), *compared]


def _lengths(comparison: Comparison) -> Table | None:
    body = []
    for row in comparison.lengths:
        e, i = row.effective_length, row.interaction
        trend = "" if i is None else "–" if i.value is None else f"{i.value:+.2f} ({i.low:+.2f} to {i.high:+.2f}), p {p_equals(i.p_value)}"
        span = f"{size(e.value, row.task)} ({e.low:,.0f} to {e.high:,.0f})"
        body.append((row.task, row.method, span, f"{100 * row.rising:.1f} %", f"{100 * row.falling:.1f} %", trend.replace("-", "−")))
    columns = ("task", "method", "effective length", "weights rising", "weights falling", f"against {comparison.baseline}, per doubling")
    return Table(f"{comparison.name}: over lengths", columns, tuple(body), LENGTHS_NOTE) if body else None


def _positions(comparison: Comparison) -> Table | None:
    body = tuple((row.task, row.method, percent(row.bias, True), p_text(row.bias.p_value)) for row in comparison.positions)
    columns = ("task", "method", "ends − middle, points", "p")
    return Table(f"{comparison.name}: lost in the middle?", columns, body, POSITION_NOTE) if body else None


def reasons_table(title: str, shares: Sequence[Shares]) -> Table | None:
    """A row per method and cell with the shares of reasons; the note holds the warnings. None without reasons."""
    rows = tuple((cell.task, size(cell.length, cell.task), cell.method, str(cell.n), cell.text) for cell in shares)
    ends = frozenset(i for i, (cell, after) in enumerate(pairwise(shares)) if (cell.task, cell.length) != (after.task, after.length))
    warnings = [f"{text} See some: seal-eval replies RESULTS" for cell in shares if (text := warning(cell))]
    return Table(title, ("task", "length", "method", "n", "reasons"), rows, "\n".join([REASONS_NOTE, *warnings]), ends) if rows else None


REASONS_NOTE = (
    "Wrong value: one of the text that was not asked for; not found: one that the text does not hold; incomplete: some of several values."
)
LENGTHS_NOTE = (
    "Effective length: the longest tested length whose accuracy reaches 85.6 % (RULER), 0 when none does; by chance it is often too long. "
    "In brackets, the longest length whose lower bound reaches it, and the longest whose upper bound does; the bounds hold together over "
    "all lengths and tasks of a method. Weights rising, falling: accuracy averaged over lengths with "
    "weights 1, 2, … from the shortest or from the longest. Per doubling: among samples that only one of the two has right, the change in "
    "the log odds that it is the method when the length doubles (conditional logit)."
)
POSITION_NOTE = "Accuracy for facts in the first or last third of the prompt minus accuracy for facts in the middle third; p not adjusted."


def _with_level(name: str, comparison: Comparison) -> str:
    return f"{name} ({100 * comparison.level:g} %)"


def _span(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}–{high}"


def show(comparison: Comparison, bayes: bool = False) -> None:
    """Print the tables of a comparison, with their notes, to the terminal."""
    for table in tables(comparison, bayes):
        show_table(table)


def as_text(comparisons: list[Comparison], kind: str, bayes: bool = False) -> str:
    """All comparisons as one text; kind: one of FORMATS. NaN and infinite numbers become null in JSON."""
    if kind == "json":
        # in ASCII, so that it is the same whatever the terminal's encoding
        return json.dumps([_plain(asdict(comparison)) for comparison in comparisons], indent=1, allow_nan=False) + "\n"
    if kind == "csv":
        return _csv(comparisons, bayes)
    write = markdown if kind == "markdown" else latex
    return "\n".join(write(table) for comparison in comparisons for table in tables(comparison, bayes))


def _plain(value: Any) -> Any:
    """The value as JSON can hold it: finite numbers, lists; n_clusters keeps its published name, n_documents."""
    if isinstance(value, dict):
        return {"n_documents" if k == "n_clusters" else k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


ESTIMATES = ("value", "low", "high", "n", "n_missing", "method")


def _csv(comparisons: list[Comparison], bayes: bool) -> str:
    """One line per row of every comparison. bayes: with the posterior probabilities."""
    out = io.StringIO()
    names = [f"accuracy_{k}" for k in ESTIMATES] + [f"difference_{k}" for k in (*ESTIMATES, "p_value", "n_discordant")]
    writer = csv.writer(out, lineterminator="\n")
    pairs = ["both", "only_method", "only_baseline", "neither"]
    place = ["model", "baseline", "level", "scope", "task", "length", "method", "documents"]
    ranks, posterior = ["place_low", "place_high", "tied_group"], ["p_better", "p_same"] if bayes else []
    writer.writerow([*place, *names, "p_adjusted", *pairs, "detectable", "lacks", *ranks, *posterior])
    for comparison in comparisons:
        rank_of = dict(zip(comparison.methods, comparison.ranks, strict=True)) if comparison.ranks else {}
        for row in comparison.rows:
            rank = rank_of.get(row.method) if row.scope == "primary" else None
            difference = [getattr(row.difference, k) if row.difference else None for k in (*ESTIMATES, "p_value", "n_discordant")]
            accuracy = [getattr(row.accuracy, k) if row.accuracy else None for k in ESTIMATES]
            lacks = "; ".join(f"{task} {length or ''}".strip() for task, length in row.lacks)
            where = [comparison.name, comparison.baseline, comparison.level, row.scope, row.task, row.length, row.method, row.n_clusters]
            values = [*where, *accuracy, *difference, row.p_adjusted, *(row.pairs or [None] * 4), row.detectable, lacks]
            values += [rank.low, rank.high, rank.group] if rank else [None] * 3
            values += [getattr(row.posterior, key) if row.posterior else None for key in posterior]
            writer.writerow(map(csv_cell, values))
    return out.getvalue()
