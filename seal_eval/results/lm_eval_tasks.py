"""Read sample files of lm-eval tasks from outside this project as Records: one metric, one filter, samples clustered by document."""

import math
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from seal_eval.core.checked import checked_row, whole_number
from seal_eval.core.errors import SealError
from seal_eval.core.files import numbered_lines
from seal_eval.core.names import first_of
from seal_eval.core.strict_json import short
from seal_eval.core.types import Record
from seal_eval.results.csv_scores import SCORED, UNSCORED
from seal_eval.results.lm_eval_documents import Guess, Rows, documents
from seal_eval.results.schema import ForeignRow
from seal_eval.tasks import base_task

# what lm-eval writes into a row in addition to the metrics; rows of its versions before 0.4.7 do not list the metrics, and name no filter
OWN_KEYS = (
    "doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics", "doc_hash", "prompt_hash", "target_hash",
)  # fmt: skip


class NoScore(SealError):
    """A task has no metric whose values lie in 0 to 1, or the one that was named does not."""


class NoMetric(SealError):
    """A task does not have the metric or the filter that was named."""


def read_foreign(
    file: Path, task: str, run_id: str, metric: str = "", cluster: str = "", lower: Collection[str] = ()
) -> tuple[list[Record], Guess | None, int]:
    """Return the Records of a samples_*.jsonl file of any task that has a metric with values in 0 to 1, the guess of its documents, and how
    many samples the file holds: more than Records where the metric is that of one length.

    metric: 'NAME' or 'NAME,FILTER' as lm-eval prints them. The default filter is the file's first. The default metric is the first whose
    values are all in 0 to 1 or null, and of which more is better. Where metrics are named by lengths, as in lm-eval's RULER, the default is
    the one of each sample's own length; those of other lengths are −1 or not there. cluster: the field of a sample's doc that identifies
    its document, see `documents`; without it a guess. lower: the metrics of which less is better.

    Raises NoMetric, and NoScore for a metric outside 0 to 1 or of which less is better; both name the file, and the line if there is one.
    """
    rows = _rows(file)
    wanted, _, chosen_filter = metric.partition(",")
    chosen_filter = chosen_filter or next((r["filter"] for _, r in rows), "none")
    rows = [(line, r) for line, r in rows if r["filter"] == chosen_filter]
    if not rows:
        raise NoMetric(f"{file}: no sample with the filter '{chosen_filter}'; name one that the file has with --metric NAME,FILTER")
    n_samples = len(rows)
    names = list(dict.fromkeys(name for _, row in rows for name in _metrics(row)))
    lengths = [m for m in names if whole_number(m)]
    if wanted and wanted not in names:
        raise NoMetric(f"{file}: no metric '{wanted}'; it has {', '.join(names) or 'none'}")
    if wanted in lower:
        raise NoScore(f"{file}: of {wanted} less is better, and scores here are compared as shares of success; choose another metric")
    if wanted in lengths:
        rows = [(line, row) for line, row in rows if _number(row.get(wanted)) not in (None, -1)]
    if not wanted and not lengths:
        wanted = next(_scores(rows, lower), "")
        if not wanted and any(_scores(rows)):
            raise NoScore(f"{file}: no metric in 0 to 1 of which more is better, only {', '.join(_scores(rows))}; leave the task out")
        if not wanted:
            name = names[0] if names else "metric"
            outside = [(line, row.get(name)) for line, row in rows if not _is_share(row.get(name))] or [(rows[0][0], None)]
            raise _outside(file, name, *min(outside, key=lambda found: found[1] is None))
        for line, row in rows:
            if isinstance(value := row[wanted], float) and math.isnan(value):  # passed over, it would hide the metric
                raise _outside(file, wanted, line, value)
    called = f"{wanted or 'RULER'}" + (f",{chosen_filter}" if chosen_filter != "none" else "")
    names_of_documents, guess = documents(file, task, rows, cluster)
    records, seen = [], dict[str, int]()
    for (line, row), document in zip(rows, names_of_documents, strict=True):
        value, length = row.get(wanted), int(wanted) if wanted in lengths else None
        if not wanted:
            scored = [m for m in lengths if _number(row.get(m)) not in (None, -1)]
            if len(scored) != 1:
                raise SealError(
                    f"{file}, line {line}: needs a score under exactly one of the lengths {', '.join(lengths)}, has {len(scored)}"
                )
            value, length = row[scored[0]], int(scored[0])
        number = _number(value)
        if (value is not None and number is None) or (number is not None and not 0 <= number <= 1):
            raise _outside(file, wanted or str(length), line, value)
        ident = sample_id(row, task)
        if ident in seen:
            several = "" if row["metrics"] else "; lm-eval's version does not say which filter a row is of: run again with a newer one"
            raise SealError(f"{file}, line {line}: sample {ident} is also on line {seen[ident]}{several}")
        seen[ident] = line
        reply = row["filtered_resps"][0] if row["filtered_resps"] else ""
        records.append(
            Record(
                run_id, ident, task, length, 0, None, document, (str(row["target"]),), str(reply), None, number,
                called, row["prompt_hash"] + row["target_hash"],
            )
        )  # fmt: skip
    return records, guess, n_samples


def lower_is_better(data: dict[str, Any], task: str) -> set[str]:
    """The metrics of a task of which less is better, from the data of its results file."""
    return {name for name, higher in ((data.get("higher_is_better") or {}).get(task) or {}).items() if higher is False}


def usable_metrics(file: Path, lower: Collection[str] = ()) -> list[str]:
    """'NAME,FILTER' of every metric of a samples_*.jsonl file whose values are scores, in the file's order, see `_scores`."""
    by_filter: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    for line, row in _rows(file):
        by_filter.setdefault(row["filter"], []).append((line, row))
    return [f"{name},{kept}" for kept, rows in by_filter.items() for name in _scores(rows, lower)]


def _rows(file: Path) -> list[tuple[int, dict[str, Any]]]:
    """(line, row) of every sample."""
    return [
        (number, {"filter": "none", "metrics": None} | checked_row(file, number, line, ForeignRow, "a sample of lm-eval", nan=True))
        for number, line in numbered_lines(file)
    ]


def _metrics(row: dict[str, Any]) -> list[str]:
    """The names of a row's metrics: those that it lists, else its numbers that are not lm-eval's own."""
    listed = row["metrics"]
    if listed is None:
        return [key for key, value in row.items() if key not in OWN_KEYS and (value is None or _number(value) is not None)]
    return list(map(str, listed))


def _scores(rows: Rows, lower: Collection[str] = ()) -> Iterator[str]:
    """Names of the metrics that every sample has, with a value in 0 to 1, null (unscored) or NaN (an error, if chosen), but those of
    `lower`."""
    for name in _metrics(rows[0][1]):
        values = [row.get(name, "") for _, row in rows]
        known = [value for value in values if value is not None and not (isinstance(value, float) and math.isnan(value))]
        if name not in lower and known and all(map(_is_share, known)):
            yield name


def _is_share(value: Any) -> bool:
    number = _number(value)
    return number is not None and 0 <= number <= 1


def sample_id(row: dict[str, Any], task: str) -> str:
    """The id of a sample by its row of a sample file: its own if it has one, else made of its task, number and hash."""
    own = row["doc"].get("sample_id") if base_task(task) and isinstance(row["doc"], dict) else None
    return str(own) if own else f"{task}:{row['doc_id']}:{row['doc_hash'][:12]}"


def _number(value: Any) -> float | None:
    """The value as a float if it is a finite number, else None."""
    return float(value) if isinstance(value, (bool, int, float)) and math.isfinite(value) else None


def _outside(file: Path, metric: str, line: int, value: Any) -> NoScore:
    return NoScore(
        f"{file}, line {line}: {metric} is {short(value)}, must be a score in 0 to 1; choose another metric with --metric NAME,FILTER"
    )


def scored_by(records: Iterable[Record]) -> str:
    """A sentence on the metrics of tasks from outside this project; '' when there are none, or none is known."""
    found = {record.task: record.reason for record in records if not base_task(record.task) and record.reason not in (SCORED, UNSCORED)}
    return f"Scores: {first_of([f'{task} by {metric}' for task, metric in found.items()], 5)}." if found else ""
