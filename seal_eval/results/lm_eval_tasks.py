"""Read sample files of lm-eval tasks from outside this project as Records: one metric, one filter, samples clustered by document."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seal_eval.core.checked import checked_row
from seal_eval.core.errors import SealError
from seal_eval.core.files import numbered_lines
from seal_eval.core.strict_json import short
from seal_eval.core.types import Record
from seal_eval.results.lm_eval_documents import Guess, documents
from seal_eval.results.schema import ForeignRow
from seal_eval.tasks import base_task


class NoScore(SealError):
    """A task has no metric whose values lie in 0 to 1, or the one that was named does not."""


def read_foreign(file: Path, task: str, run_id: str, metric: str = "", cluster: str = "") -> tuple[list[Record], Guess | None]:
    """Return the Records of a samples_*.jsonl file of any task that has a metric with values in 0 to 1, and the guess of its documents.

    metric: 'NAME' or 'NAME,FILTER' as lm-eval prints them. The default filter is the file's first. The default metric is the first whose
    values are all in 0 to 1. Where metrics are named by lengths, as in lm-eval's RULER, the default is the one of each sample's own length;
    those of other lengths are −1. cluster: the field of a sample's doc that identifies its document, see `documents`; without it a guess.
    Raises SealError naming the file, and the line where there is one.
    """
    rows = _rows(file)
    wanted, _, chosen_filter = metric.partition(",")
    chosen_filter = chosen_filter or next((r["filter"] for _, r in rows), "none")
    rows = [(line, r) for line, r in rows if r["filter"] == chosen_filter]
    if not rows:
        raise SealError(f"{file}: no sample with the filter '{chosen_filter}'; name one that the file has with --metric NAME,FILTER")
    names = [str(m) for m in rows[0][1].get("metrics") or []]
    lengths = [m for m in names if m.isdigit()]
    if wanted and wanted not in names:
        raise SealError(f"{file}: no metric '{wanted}'; it has {', '.join(names) or 'none'}")
    if not wanted and not lengths:
        wanted = next(_scores(rows), "")
        if not wanted:
            raise _outside(file, rows[0][0], names[0] if names else "metric", rows[0][1].get(names[0]) if names else None)
    called = f"{wanted or 'RULER'}" + (f",{chosen_filter}" if chosen_filter != "none" else "")
    names_of_documents, guess = documents(file, task, rows, cluster)
    records, seen = [], dict[str, int]()
    for (line, row), document in zip(rows, names_of_documents, strict=True):
        value, length = row.get(wanted), None
        if not wanted:
            scored = [m for m in lengths if _number(row.get(m)) not in (None, -1)]
            if len(scored) != 1:
                raise SealError(
                    f"{file}, line {line}: needs a score under exactly one of the lengths {', '.join(lengths)}, has {len(scored)}"
                )
            value, length = row[scored[0]], int(scored[0])
        number = _number(value)
        if (value is not None and number is None) or (number is not None and not 0 <= number <= 1):
            raise _outside(file, line, wanted or str(length), value)
        ident = sample_id(row, task)
        if ident in seen:
            raise SealError(f"{file}, line {line}: sample {ident} is also on line {seen[ident]}")
        seen[ident] = line
        reply = row["filtered_resps"][0] if row["filtered_resps"] else ""
        records.append(
            Record(
                run_id, ident, task, length, 0, None, document, (str(row["target"]),), str(reply), None, number,
                called, row["prompt_hash"] + row["target_hash"],
            )
        )  # fmt: skip
    return records, guess


def usable_metrics(file: Path) -> list[str]:
    """'NAME,FILTER' of every metric of a samples_*.jsonl file whose values are all in 0 to 1, in the order of the file."""
    by_filter: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    for line, row in _rows(file):
        by_filter.setdefault(row["filter"], []).append((line, row))
    return [f"{name},{kept}" for kept, rows in by_filter.items() for name in _scores(rows)]


def _rows(file: Path) -> list[tuple[int, dict[str, Any]]]:
    """(line, row) of every sample."""
    return [
        (number, {"filter": "none"} | checked_row(file, number, line, ForeignRow, "a sample of lm-eval", nan=True))
        for number, line in numbered_lines(file)
    ]


def _scores(rows: list[tuple[int, dict[str, Any]]]) -> Iterator[str]:
    """Names of the metrics whose values are all in 0 to 1."""
    for name in map(str, rows[0][1].get("metrics") or []):
        if all((value := _number(row.get(name))) is not None and 0 <= value <= 1 for _, row in rows):
            yield name


def sample_id(row: dict[str, Any], task: str) -> str:
    """The id of a sample by its row of a sample file: its own if it has one, else made of its task, number and hash."""
    own = row["doc"].get("sample_id") if base_task(task) and isinstance(row["doc"], dict) else None
    return str(own) if own else f"{task}:{row['doc_id']}:{row['doc_hash'][:12]}"


def _number(value: Any) -> float | None:
    """The value as a float if it is a finite number, else None."""
    return float(value) if isinstance(value, (bool, int, float)) and math.isfinite(value) else None


def _outside(file: Path, line: int, metric: str, value: Any) -> NoScore:
    return NoScore(
        f"{file}, line {line}: {metric} is {short(value)}, must be a score in 0 to 1; choose another metric with --metric NAME,FILTER"
    )
