"""Check submissions: hashes, scores and samples are computed again, and no file of the submission is used to build samples."""

import hashlib
import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

from seal_eval.core.errors import SealError
from seal_eval.core.files import LOCK, open_lines, read_json, reading, sha256
from seal_eval.core.types import Run
from seal_eval.harness.dataset import documents, load_prompt_format
from seal_eval.harness.task_config import known_keys, read_spec
from seal_eval.leaderboard.submissions import MANIFEST, PATH, SCHEMA, claims, refuse_own_files, scrub, scrubbed
from seal_eval.prompts.settings import recorded_settings
from seal_eval.results.records import load_runs
from seal_eval.tasks import base_task

# keys of the recorded metadata that are used to build samples, besides the task settings
KEPT = ("pretrained", "max_length", "add_bos_token", "chat_template_args", "enable_thinking")


def check(folder: Path, tokenizer: str = "") -> list[str]:
    """Check a submission; return a line for each run that passed.

    Checked: the manifest follows the schema and lists exactly the runs in the folder, each in a separate folder; every file is listed with
    its SHA-256; no absolute path is left; every reply has the logged score (checked by `load_runs`); the samples are all, or the first
    --limit, of those that the task builds from the recorded settings, with the same prompts. tokenizer: folder or hub id to use instead of
    the run's, if that is not available. Raises SealError naming file and field of the first check that fails.
    """
    manifest = _manifest(folder / MANIFEST)
    _check_files(folder, manifest)
    runs = {run.run_id: run for run in load_runs(folder)}
    listed = Counter(str(manifest_entry["run_id"]) for manifest_entry in manifest["runs"])
    n_results = sum(1 for _ in folder.rglob("results_*.json"))
    if set(listed) != set(runs) or max(listed.values()) > 1 or n_results != len(runs):
        mismatched = sorted(set(listed) ^ set(runs))
        example = f"; look at {mismatched[0]}" if mismatched else ""
        raise SealError(f"{folder / MANIFEST}: must list every run once, with one results file each{example}")
    lines = []
    for manifest_entry in manifest["runs"]:
        run = runs[manifest_entry["run_id"]]
        actual = claims(run)
        if wrong := [f"{key}={manifest_entry[key]}, not {actual[key]}" for key in actual if manifest_entry[key] != actual[key]]:
            raise SealError(f"{folder / MANIFEST}: run {run.run_id} does not match its files ({wrong[0]})")
        if run.folder != folder / run.run_id:
            raise SealError(f"{run.folder}: must be named {run.run_id}, after the hash of its results file")
        n = sum(_check_samples(run, file, tokenizer) for file in sorted(run.files) if file.startswith("samples_"))
        lines.append(f"{run.run_id}  {run.model}, {run.method}: {n} replies scored again, {n} samples built again")
    return lines


def check_all(folder: Path, tokenizer: str = "") -> list[str]:
    """Run `check` on every submission in `folder` and its subfolders, which must hold no other results; return all lines."""
    if not folder.is_dir():
        raise SealError(f"{folder} does not exist")
    packed = [manifest.parent for manifest in sorted(folder.rglob(MANIFEST))]
    for file in sorted(folder.rglob("results_*.json")) if packed else []:
        if not any(file.is_relative_to(submission) for submission in packed):
            raise SealError(f"{file} belongs to no submission, and a site would show it; pack it with seal-eval submit")
    return [line for submission in packed for line in check(submission, tokenizer)]


def _manifest(file: Path) -> Any:
    """Read a manifest. Raises SealError naming the first place that does not follow the schema."""
    from jsonschema import Draft202012Validator

    manifest = read_json(file)
    error = next(iter(sorted(Draft202012Validator(read_json(SCHEMA)).iter_errors(manifest), key=lambda e: list(map(str, e.path)))), None)
    if error:
        place = "/".join(map(str, error.path)) or "the whole file"
        raise SealError(f"{file}, {place}: {error.message[:300]}")
    return manifest


def _check_files(folder: Path, manifest: Any) -> None:
    """Check that the folder holds exactly the listed files, each in its run's folder, with the listed hash and no absolute path."""
    listed: dict[str, str] = {}
    for run in manifest["runs"]:
        for name in run["files"]:
            if not name.startswith(f"{run['run_id']}/"):
                raise SealError(f"{folder / MANIFEST}: {name} is listed under run {run['run_id']} but is in another run's folder")
        listed |= run["files"]
    if link := next((p for p in folder.rglob("*") if p.is_symlink()), None):
        raise SealError(f"{link} is a link; a submission holds files only")
    there = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and p.name not in (MANIFEST, LOCK)}
    if there != set(listed):
        name = sorted(there ^ set(listed))[0]
        raise SealError(f"{folder}: {name} is {'not listed' if name in there else 'missing'}; the manifest must list exactly the files")
    for name, digest in sorted(listed.items()):
        if sha256(folder / name) != digest:
            raise SealError(f"{folder / name}: its SHA-256 differs from the manifest's; pack the results again with seal-eval submit")
        if path := _path_in(folder / name):
            raise SealError(f"{folder / name}: contains the absolute path {path!r}; pack the results again with seal-eval submit")


def _path_in(file: Path) -> str:
    """The first absolute path in a results or command file, '' when there is none. Sample files are not searched, they are rebuilt."""
    if file.suffix == ".json":
        recorded = read_json(file)
        before, after = (json.dumps(value, ensure_ascii=False) for value in (recorded, scrubbed(recorded)))
        if before == after:
            return ""
        return next((match[0] for match in PATH.finditer(before) if match[0] != match[1]), "see pretrained, adapter or output_path")
    text = file.read_text(encoding="utf-8") if file.suffix == ".txt" else ""
    return "" if scrub(text) == text else next(match[0] for match in PATH.finditer(text) if match[0] != match[1])


def _check_samples(run: Run, file: str, tokenizer: str) -> int:
    """Build the task's samples again and compare every document and prompt in the file with them; return how many there are."""
    (results,) = [name for name in run.files if name.startswith("results_")]
    stamp = results.removeprefix("results_").removesuffix(".json")
    task = file.removeprefix("samples_").removesuffix(".gz").removesuffix(".jsonl").removesuffix(f"_{stamp}")
    base = base_task(task)
    assert base  # load_runs reads no other tasks
    metadata = _metadata(run.folder / results, task, tokenizer)
    prompt_format = load_prompt_format(read_spec(base, metadata))
    built_docs = [dict(doc) for doc in documents(base, **metadata)["test"]]
    by_id = {str(doc["sample_id"]): doc for doc in built_docs}
    missing = {str(doc["sample_id"]) for doc in _first_docs(built_docs, run.config.get("limit"))}
    n = 0
    with open_lines(run.folder / file) as lines:
        for n, line in enumerate(lines, 1):
            where = f"{run.folder / file}, line {n}"
            with reading(Path(where)):
                row = json.loads(line)
                doc, prompt = row["doc"], str(row["arguments"]["gen_args_0"]["arg_0"])
                sample_id, prompt_hash = str(doc["sample_id"]), str(row["prompt_hash"])
            built = by_id.get(sample_id)
            if built is None:
                raise SealError(f"{where}: sample {sample_id} is not one that {base} builds")
            if field := next((key for key in built if built[key] != doc.get(key)), None):
                raise SealError(f"{where}: {field} of sample {sample_id} is not what {base} builds")
            if prompt != prompt_format.render(built["input"], built["prefix"]):
                raise SealError(f"{where}: the prompt of sample {sample_id} is not rendered from its input")
            if prompt_hash != hashlib.sha256(prompt.encode()).hexdigest():
                raise SealError(f"{where}: prompt_hash of sample {sample_id} is not the hash of its prompt")
            missing.discard(sample_id)
    if missing:
        lacks = f"lacks {len(missing)} of the samples that {base} builds, first {min(missing)}"
        raise SealError(f"{run.folder / file}: {lacks}; publish all samples of the run")
    return n


def _metadata(results: Path, task: str, tokenizer: str) -> dict[str, Any]:
    """The recorded settings that build the task's samples, without any that would use files of the submission."""
    data = read_json(results)
    with reading(results):
        config = data["configs"][task]
        refuse_own_files(str(results), task, config)
        recorded = config.get("metadata") or {}
        metadata = {key: recorded[key] for key in recorded if key in (*known_keys(), *KEPT)}
        metadata |= recorded_settings(data, task)
        metadata |= {"max_length": data.get("max_length") or metadata.get("max_length")}
    if tokenizer:
        return metadata | {"tokenizer": tokenizer, "pretrained": tokenizer}
    for key in ("pretrained", "tokenizer"):
        if metadata.get(key) and Path(str(metadata[key])).is_dir():
            raise SealError(f"{results}: {key}={metadata[key]} is also a folder here; pass --tokenizer with a tokenizer that you trust")
    return metadata


def _first_docs(docs: list[dict[str, Any]], limit: float | None) -> list[dict[str, Any]]:
    """The documents that lm-eval evaluates under --limit: that many, or that share if it is below 1."""
    if not limit:
        return docs
    return docs[: math.ceil(limit * len(docs)) if limit < 1 else int(limit)]
