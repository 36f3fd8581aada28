"""Scores of other programs, as a CSV file with a line for each sample of each method."""

import csv
import math
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from seal_eval.core.checked import whole_number
from seal_eval.core.content import fingerprint
from seal_eval.core.errors import SealError, nearest
from seal_eval.core.names import first_of
from seal_eval.core.streams import warn
from seal_eval.core.types import Record, Run

REQUIRED = ("sample", "method", "score")
OPTIONAL = ("model", "task", "length", "cluster", "depth")
LONGEST = 300  # characters of a name
SCORED, UNSCORED = "scored", "unscored"  # reasons of records whose file says neither a reason nor a metric


def read_scores(file: Path) -> list[Run]:
    """Return a run for each model and method of a CSV file, in the order in which they appear.

    Columns: REQUIRED, and any of OPTIONAL. score: 0 to 1, or empty for a sample without one. cluster: the document that samples share,
    the sample itself without it. length: a whole number; depth: 0 to 1. Spaces around values do not count, nor does how Unicode composes
    letters. Documents that several tasks name are told on stderr. Raises SealError with file, line, value and remedy for anything else, and
    for a sample that a method has twice.
    """
    records: dict[tuple[str, str], dict[tuple[str, int | None, str], Record]] = defaultdict(dict)
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            reader = csv.DictReader(opened, strict=True, skipinitialspace=True)  # else quotes behind a space would be part of the name
            reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
            _check_header(file, list(reader.fieldnames))
            for row in reader:
                where = f"{file}, line {reader.line_num}"
                record, subject = _record(where, row, file.stem)
                key = (record.task, record.length, record.sample_id)
                if key in records[subject]:
                    raise SealError(f"{where}: sample {row['sample']} of {subject[1]} is there twice; each method has one score for it")
                records[subject][key] = record
    except UnicodeDecodeError as error:
        raise SealError(f"{file} is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    except csv.Error as error:
        raise SealError(f"{file}, line {reader.line_num}: not CSV ({error}); quote text that holds commas or line breaks") from error
    if not records:
        raise SealError(f"{file} holds no scores; write one line for each sample of each method")
    _tell_shared(file, [record for found in records.values() for record in found.values()])
    content = {file.name: fingerprint(file)}
    return [scored_run(file.parent, content, *subject, tuple(found.values())) for subject, found in records.items()]


def _tell_shared(file: Path, records: Iterable[Record]) -> None:
    """Say which documents several tasks name: they count as one, and a user may have numbered them from the start in each task."""
    tasks: dict[str, set[str]] = defaultdict(set)
    for record in records:
        tasks[record.cluster].add(record.task)
    if shared := [name for name, of in tasks.items() if len(of) > 1]:
        warn(f"{file}: cluster {first_of(shared, 3)}: one document in several tasks; if each has another, put the task in front")


def _check_header(file: Path, header: list[str]) -> None:
    if other := next((sign for sign in ";\t" if len(header) == 1 and sign in header[0]), ""):
        raise SealError(f"{file}, line 1: {other!r} separates the columns; separate them by commas, and write decimals with a point")
    for name in header:
        if name not in (*REQUIRED, *OPTIONAL):
            raise SealError(f"{file}, line 1: unknown column '{name}'{nearest(name, (*REQUIRED, *OPTIONAL))}")
        if header.count(name) > 1:
            raise SealError(f"{file}, line 1: column '{name}' is there twice; keep one")
    if missing := [name for name in REQUIRED if name not in header]:
        raise SealError(f"{file}, line 1: no column '{missing[0]}'; a line has sample, method, score, and may have {', '.join(OPTIONAL)}")


def _record(where: str, row: dict[Any, Any], model: str) -> tuple[Record, tuple[str, str]]:
    """Return (the record of a line, (model, method))."""
    if None in row or None in row.values():
        raise SealError(f"{where}: {'more' if None in row else 'fewer'} values than columns; quote text that holds commas")
    for key in ("sample", "method", *(key for key in ("model", "task") if key in row)):
        name = row[key].strip()
        if not name or len(name) > LONGEST or not name.isprintable():
            raise SealError(f"{where}: {key} is {row[key][:40]!r}, must be a name of 1 to {LONGEST} printable characters")
    row = {key: unicodedata.normalize("NFC", text.strip()) for key, text in row.items()}
    score, depth = _number(where, row, "score"), _number(where, row, "depth")
    length = row.get("length", "")
    if length and not whole_number(length):
        raise SealError(f"{where}: length is {length[:40]!r}, must be a whole number from 1 to 1,000,000,000, or empty")
    task, size = row.get("task") or "scores", int(length) if length else None
    name = sample_name(task, size, row["sample"])
    subject = row.get("model") or model, row["method"]
    return Record(
        run_id=scored_run_id(*subject), sample_id=name, task=task, length=size, n_tokens=0, depth=depth, cluster=row.get("cluster") or name,
        targets=(), reply="", answer=None, score=score, reason=UNSCORED if score is None else SCORED, prompt_hash="",
    ), subject  # fmt: skip


def sample_name(task: str, size: int | None, sample: str) -> str:
    """The id of a sample of which only scores are known: one sample of several tasks or lengths is several.

    No two have one name: dashes of the task are doubled, so the first single one ends it.
    """
    return f"{task.replace('-', '--')}-{size}-{sample}"


def _number(where: str, row: dict[Any, Any], key: str) -> float | None:
    text = row.get(key, "")
    if not text:
        return None
    if text.lower() in ("true", "false"):  # as pandas writes what is right or wrong
        return float(text.lower() == "true")
    try:
        value = math.nan if "_" in text else float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        remedy = "leave it empty where there is none" if value != value else "divide others by the largest that they can be"
        remedy = "write decimals with a point" if "," in text else remedy
        raise SealError(f"{where}: {key} is {text[:40]!r}, must be a number from 0 to 1, or empty; {remedy}")
    return value


def scored_run_id(model: str, method: str) -> str:
    """The id of a run of which only scores are known. No two have one: commas of the model are doubled, so a single one ends it."""
    return f"{model.replace(',', ',,')}, {method}"


def scored_run(folder: Path, files: dict[str, str], model: str, method: str, records: tuple[Record, ...]) -> Run:
    """A run of which only scores are known. files: name → fingerprint."""
    return Run(
        run_id=scored_run_id(model, method), model=model, method=method, settings={}, about={}, config={}, versions={}, hardware="",
        date="", utc="", command="", seconds=None, files=files, task_versions={}, folder=folder, records=records,
    )  # fmt: skip
