"""Runs in the format of Every Eval Ever, which other evaluation programs read and write too (evaleval/every_eval_ever, schema 0.3.0).

A run is one aggregate file with the accuracy of each task and length, its interval and n, and one file with a line for each sample.
"""

import hashlib
import json
import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from seal_eval.core.errors import SealError
from seal_eval.core.files import write_text
from seal_eval.core.folders import new_folder
from seal_eval.core.names import recorded, safe
from seal_eval.core.types import Record, Run, TaskLength
from seal_eval.leaderboard.samples import prompts_of
from seal_eval.models.hub import embedded
from seal_eval.results.records import load_runs
from seal_eval.results.run_files import named_model
from seal_eval.stats.choose_test import accuracy
from seal_eval.tasks import base_task

SCHEMA = "0.3.0"
COLLECTION = "seal-eval"
UNKNOWN = "unknown"  # developer of a model whose name has no owner
PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def export(results: Path, out: Path, organization: str, relationship: str = "third_party", developer: str = "") -> list[Path]:
    """Write every run below `results` into the new folder `out`; return the aggregate files, in the layout of the public data store.

    organization: who ran the evaluation; relationship: of that organization to the model (first_party, third_party, collaborative, other).
    developer: of models whose names have no owner, which short names of this project have. The same results give the same bytes. Raises
    SealError as `load_runs`, and for a developer that is no part of a path.
    """
    if developer and not PART.fullmatch(developer):
        raise SealError(f"--developer {developer!r} becomes a folder; write it with letters, digits, '.', '_' and '-'")
    runs = load_runs(results, foreign=True, scored_only=True)
    source = {
        "source_name": "seal-eval", "source_type": "evaluation_run", "source_organization_name": organization,
        "evaluator_relationship": relationship,
    }  # fmt: skip
    written = []
    with new_folder(out) as scratch:
        for run in runs:
            owner, _, name = _model_of(run, developer).partition("/")
            place, ident = Path("data") / COLLECTION / owner / name, _uuid(run)
            (scratch / place).mkdir(parents=True, exist_ok=True)
            rows = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in _instances(run, developer))
            samples = place / f"{ident}_samples.jsonl"
            write_text(scratch / samples, rows)
            detailed = {
                "format": "jsonl", "file_path": samples.as_posix(), "hash_algorithm": "sha256",
                "checksum": hashlib.sha256(rows.encode()).hexdigest(), "total_rows": len(run.records),
            }  # fmt: skip
            found = _aggregate(run, developer) | {"source_metadata": source, "detailed_evaluation_results": detailed}
            write_text(scratch / place / f"{ident}.json", json.dumps(found, indent=1, ensure_ascii=False) + "\n")
            written.append(out / place / f"{ident}.json")
    return written


def model_id(model: str, developer: str) -> str:
    """A model's id on the hub, OWNER/NAME; where no owner is known, `developer` or 'unknown' takes its place."""
    known = embedded().get(model.lower())
    if known:
        return str(known["hub_id"])
    owner, _, name = model.rpartition("/")
    owner = owner if PART.fullmatch(owner) else developer or UNKNOWN
    return f"{owner}/{safe(name)}"


def _model_of(run: Run, developer: str) -> str:
    """The run's `model_id`; the owner is in the model's arguments where a hub id was evaluated."""
    named = named_model(run.config)
    return model_id(named if named.count("/") == 1 and recorded(named) == run.model else run.model, developer)


def _metric(task: str, records: list[Record]) -> dict[str, Any]:
    """What the scores are: the share of right replies of our tasks, a metric of lm-eval of others."""
    if base_task(task):
        said = {
            "evaluation_description": "share of right replies",
            "metric_id": "accuracy",
            "metric_name": "Accuracy",
            "metric_kind": "accuracy",
        }
    else:
        name = records[0].reason
        said = {"evaluation_description": f"mean of lm-eval's metric {name}", "metric_id": f"lm_eval.{task}.{name}", "metric_name": name}
    return {**said, "metric_unit": "proportion", "lower_is_better": False, "score_type": "continuous", "min_score": 0.0, "max_score": 1.0}


def _generation(run: Run, task: str) -> dict[str, Any]:
    """How replies were generated, as far as the run says it: the user's --gen_kwargs; without any, our tasks decode greedily."""
    given = run.config.get("gen_kwargs") or {}
    given = given if isinstance(given, dict) else {}
    known = {key: given[key] for key in ("temperature", "top_p", "top_k") if isinstance(given.get(key), int | float)}
    if given.get("do_sample") is False or (base_task(task) and not {"temperature", "do_sample"} & set(given)):
        known["temperature"] = 0.0
    if isinstance(given.get("max_gen_toks"), int):
        known["max_tokens"] = given["max_gen_toks"]
    return {**known, "execution_command": run.command}


def _evaluation_id(run: Run, developer: str) -> str:
    return f"{COLLECTION}/{_model_of(run, developer)}/{_epoch(run)}/{run.run_id}"


def _uuid(run: Run) -> str:
    """The name of a run's files: in the form of a random UUID, which the schema wants, but always the same for the same run."""
    return str(uuid.UUID(bytes=hashlib.sha256(f"seal-eval:{run.run_id}".encode()).digest()[:16], version=4))


def _epoch(run: Run) -> str:
    return str(int(datetime.strptime(run.utc, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()))


def _aggregate(run: Run, developer: str) -> dict[str, Any]:
    cells: dict[TaskLength, list[Record]] = {}
    for record in run.records:
        cells.setdefault((record.task, record.length), []).append(record)
    details = {
        "method": run.method,
        "settings": json.dumps(run.settings, sort_keys=True),
        "hardware": run.hardware,
        "run": run.run_id,
    }
    engine_version = run.versions.get("transformers", UNKNOWN) if run.config.get("model") in ("seal", "hf") else UNKNOWN
    library = "seal-eval" if "seal-eval" in run.versions else "lm-eval"
    engine, model = str(run.config.get("model") or UNKNOWN), _model_of(run, developer)
    return {
        "schema_version": SCHEMA,
        "evaluation_id": _evaluation_id(run, developer),
        "evaluation_timestamp": run.utc,
        "retrieved_timestamp": _epoch(run),
        "eval_library": {
            "name": library, "version": run.versions.get(library, UNKNOWN),
            "additional_details": {f"{name}_version": version for name, version in run.versions.items()},
        },
        "model_info": {
            "name": run.model, "id": model, "developer": model.partition("/")[0],
            "inference_engine": {"name": engine, "version": engine_version},
            "additional_details": {"deployment_type": UNKNOWN, "model_availability": UNKNOWN, **details},
        },
        "evaluation_results": [_result(run, cell, records) for cell, records in sorted(cells.items(), key=lambda item: _key(item[0]))],
    }  # fmt: skip


def _key(cell: TaskLength) -> tuple[str, int]:
    return cell[0], cell[1] or 0


def _result_id(run: Run, cell: TaskLength) -> str:
    return f"{run.run_id}:{cell[0]}:{'any' if cell[1] is None else cell[1]}"


def _result(run: Run, cell: TaskLength, records: list[Record]) -> dict[str, Any]:
    """The accuracy of one cell with the interval that its design allows."""
    scored = [record for record in records if record.score is not None]
    names = {name: i for i, name in enumerate(dict.fromkeys(record.cluster for record in scored))}
    details = {"method": run.method, "length": "" if cell[1] is None else str(cell[1]), "documents": str(len(names))}
    details |= {"unscored": str(len(records) - len(scored))}
    if not scored:
        raise SealError(f"{run.folder}: no reply to {cell[0]} has a score, so there is nothing to export; move the run out of the folder")
    e = accuracy(
        np.array([record.score for record in scored]), np.array([names[record.cluster] for record in scored]), np.zeros(len(scored), int)
    )
    return {
        "evaluation_result_id": _result_id(run, cell),
        "evaluation_name": cell[0],
        "source_data": {"dataset_name": cell[0], "source_type": "other"},
        "metric_config": _metric(cell[0], records),
        "score_details": {
            "score": e.value, "details": details,
            "uncertainty": {
                "confidence_interval": {"lower": e.low, "upper": e.high, "confidence_level": e.level, "method": e.method},
                "num_samples": e.n,
            },
        },
        "generation_config": {"generation_args": _generation(run, cell[0])},
    }  # fmt: skip


def _instances(run: Run, developer: str) -> Iterator[dict[str, Any]]:
    """Yield a line for each sample, in the order of the records."""
    prompts, evaluation, model = dict(prompts_of(run)), _evaluation_id(run, developer), _model_of(run, developer)
    for record in run.records:
        prompt, cell = prompts[record.sample_id], (record.task, record.length)
        metadata = {
            "method": run.method, "document": record.cluster, "reason": record.reason, "length": record.length, "depth": record.depth,
            "prompt_tokens": record.n_tokens or None, "unscored": "true" if record.score is None else None,
        }  # fmt: skip
        said = {"turn_idx": 0, "source": "output.raw", "extraction_method": "seal-eval", "is_terminal": True}
        yield {
            "schema_version": SCHEMA, "evaluation_id": evaluation, "model_id": model,
            "evaluation_name": record.task, "evaluation_result_id": _result_id(run, cell), "sample_id": record.sample_id,
            "sample_hash": hashlib.sha256((prompt + "".join(record.targets)).encode()).hexdigest(), "interaction_type": "single_turn",
            "input": {"raw": prompt, "reference": list(record.targets)}, "output": {"raw": [record.reply]},
            "answer_attribution": [] if record.answer is None else [said | {"extracted_value": record.answer}],
            "evaluation": {"score": record.score or 0.0, "is_correct": record.score == 1},
            "metadata": {key: str(value) for key, value in metadata.items() if value is not None},
        }  # fmt: skip
