"""Instance files of Every Eval Ever (schema 0.2 and 0.3), which Inspect, HELM, lm-eval and others are converted to: scores of each sample.

Each line is one sample of one model. A run of `seal-eval export` reads back with its methods, lengths, depths and documents.
"""

import hashlib
import math
from collections import Counter, defaultdict
from pathlib import Path

from pydantic import Field

from seal_eval.core.checked import Fraction, Name, Part, checked_row, whole_number
from seal_eval.core.content import fingerprint
from seal_eval.core.errors import SealError
from seal_eval.core.files import numbered_lines, read_object, reading
from seal_eval.core.run_names import shown_files
from seal_eval.core.streams import warn
from seal_eval.core.types import Record, Run
from seal_eval.results.csv_scores import SCORED, sample_name, scored_run, scored_run_id

SUFFIX = "_samples.jsonl"
PATTERN = f"*{SUFFIX}"
SCHEMAS = ("0.2.", "0.3.")
PLAIN = "plain"  # the method of rows that name none


class _Input(Part):
    raw: str
    reference: list[str]


class _Output(Part):
    raw: list[str]


class _Answer(Part):
    extracted_value: str


class _Evaluation(Part):
    score: Fraction
    is_correct: bool | None = None


class _Row(Part):
    schema_version: str
    model_id: Name
    evaluation_name: Name
    evaluation_result_id: str | None = None
    sample_id: Name
    sample_hash: str | None = None
    input: _Input
    output: _Output | None = None
    answer_attribution: list[_Answer] = Field(default=[])
    evaluation: _Evaluation
    metadata: dict[str, str] | None = None


def read_instances(folder: Path) -> list[Run]:
    """Return a run for each model and method of the instance files below a folder, in the order in which they appear.

    Method, length, depth and document are read from the metadata where `seal-eval export` has written them. Raises SealError naming file
    and line for what is no row of the schema, a score outside 0 to 1, and a sample that a method has twice. Evaluations whose aggregate
    file, X.json next to X_samples.jsonl, says that lower scores are better are left out, with a remark on stderr; so are those of the same
    name in files without an aggregate.
    """
    records: dict[tuple[str, str], dict[str, Record]] = defaultdict(dict)
    files = sorted(shown_files(folder, PATTERN))
    lower: set[str] = set()
    odd: Counter[str] = Counter()  # evaluation → samples whose score says the contrary of is_correct
    told = {file: _lower_is_better(file) for file in files}
    everywhere: set[str] = set().union(*(names for names in told.values() if names))
    for file in files:
        errors = everywhere if (own := told[file]) is None else own
        for number, line in numbered_lines(file):
            row = _Row.model_validate(checked_row(file, number, line, _Row, "an instance of Every Eval Ever with a score in 0 to 1"))
            where = f"{file}, line {number}"
            if not row.schema_version.startswith(SCHEMAS):
                raise SealError(f"{where}: schema_version is {row.schema_version[:20]!r}, must be {' or '.join(f'{s}x' for s in SCHEMAS)}")
            if {row.evaluation_name, row.evaluation_result_id} & errors:
                lower.add(row.evaluation_name)
                continue
            record, subject = _record(where, row)
            if record.sample_id in records[subject]:
                raise SealError(
                    f"{where}: sample {row.sample_id[:100]} of {row.evaluation_name} is there twice for {subject[0]}, {subject[1]}; "
                    "keep one metric and one run of each"
                )
            records[subject][record.sample_id] = record
            if row.evaluation.is_correct is not None:
                odd[row.evaluation_name] += row.evaluation.score == float(not row.evaluation.is_correct)
    if lower and not records:
        raise SealError(f"{folder}: lower scores are better in {', '.join(sorted(lower))}; compare needs scores of which higher are better")
    if lower:
        warn(f"left out: {', '.join(sorted(lower))}; lower scores are better there")
    for name, n in odd.items():
        if n:
            warn(f"{folder}: {name}: {n} samples have score 0 and are correct, or 1 and are not; are lower scores better there?")
    content = {file.name: fingerprint(file) for file in files}
    return [scored_run(folder, content, *subject, tuple(found.values())) for subject, found in records.items()]


def _lower_is_better(samples: Path) -> set[str] | None:
    """Names and ids of a sample file's evaluations in which lower scores are better, from the aggregate file next to it; None without one.

    An evaluation's name counts only if that holds for all results of the name.
    """
    file = samples.with_name(f"{samples.name.removesuffix(SUFFIX)}.json")
    if not file.is_file():
        return None
    with reading(file):
        results = read_object(file).get("evaluation_results") or []
        lower = [one for one in results if one["metric_config"]["lower_is_better"]]
        others = {one["evaluation_name"] for one in results if one not in lower}
        ids = {str(one["evaluation_result_id"]) for one in lower if one.get("evaluation_result_id")}
        return ids | {str(one["evaluation_name"]) for one in lower} - others


def _record(where: str, row: _Row) -> tuple[Record, tuple[str, str]]:
    """Return (the record of a row, (model, method))."""
    told = row.metadata or {}
    size, n_tokens = (_whole(where, key, told.get(key, "")) for key in ("length", "prompt_tokens"))
    place = _share(where, "depth", told.get("depth", ""))
    subject = row.model_id, told.get("method") or PLAIN
    name = sample_name(row.evaluation_name, size, row.sample_id)
    replies = row.output.raw if row.output else []
    return Record(
        run_id=scored_run_id(*subject), sample_id=name, task=row.evaluation_name, length=size, n_tokens=n_tokens or 0,
        depth=place, cluster=told.get("document") or name, targets=tuple(row.input.reference), reply=replies[0] if replies else "",
        answer=row.answer_attribution[-1].extracted_value if row.answer_attribution else None,
        score=None if told.get("unscored") == "true" else row.evaluation.score, reason=told.get("reason") or SCORED,
        prompt_hash=row.sample_hash or hashlib.sha256((row.input.raw + "".join(row.input.reference)).encode()).hexdigest(),  # as exported
    ), subject  # fmt: skip


def _whole(where: str, key: str, text: str) -> int | None:
    if text and not whole_number(text):
        raise SealError(f"{where}: {key} {text[:40]!r} is no number from 1 to 1,000,000,000")
    return int(text) if text else None


def _share(where: str, key: str, text: str) -> float | None:
    try:
        value = float(text) if text else None
    except ValueError:
        value = math.nan
    if value is not None and not 0 <= value <= 1:
        raise SealError(f"{where}: {key} {text[:40]!r} is no number from 0 to 1")
    return value
