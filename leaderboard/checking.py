"""Submissions checked from the ground up: nothing is taken on trust, and nothing that was sent along is used to build."""

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
from seal_eval.results.records import load_runs
from seal_eval.tasks import base_task

KEPT = ("pretrained", "max_length", "add_bos_token", "chat_template_args", "enable_thinking")


def check(folder: Path, tokenizer: str = "") -> list[str]:
    """Check a submission from the ground up; returns a line for each run that passed.

    The manifest follows the schema; it and the folder hold the same runs, one in a folder of its own; every file has its hash and none is
    unlisted; no absolute path is left; every reply scores what is logged (the records are read as any results); the samples are all, or
    the first --limit, of those that the task builds from the settings in the run, each asked with its own prompt. `tokenizer` (a folder or
    hub id) stands in for the run's when that cannot be had here. Raises SealError naming file and field for the first that is not so.
    """
    manifest = _manifest(folder / MANIFEST)
    _check_files(folder, manifest)
    runs = {run.run_id: run for run in load_runs(folder)}
    listed = Counter(str(claimed["run_id"]) for claimed in manifest["runs"])
    n_results = sum(1 for _ in folder.rglob("results_*.json"))
    if set(listed) != set(runs) or max(listed.values()) > 1 or n_results != len(runs):
        odd = sorted(set(listed) ^ set(runs))
        raise SealError(f"{folder / MANIFEST}: must list every run once, with one results file each{f'; look at {odd[0]}' if odd else ''}")
    lines = []
    for claimed in manifest["runs"]:
        run = runs[claimed["run_id"]]
        true = claims(run)
        if wrong := [f"{key}={claimed[key]}, not {true[key]}" for key in true if claimed[key] != true[key]]:
            raise SealError(f"{folder / MANIFEST}: run {run.run_id} does not say what its files say ({wrong[0]})")
        if run.folder != folder / run.run_id:
            raise SealError(f"{run.folder}: must be called {run.run_id} after its results file")
        n = sum(_check_samples(run, file, tokenizer) for file in sorted(run.files) if file.startswith("samples_"))
        lines.append(f"{run.run_id}  {run.model}, {run.method}: {n} replies scored again, {n} samples built again")
    return lines


def check_all(folder: Path, tokenizer: str = "") -> list[str]:
    """`check` of every submission in a folder or below it, which must hold no other results."""
    if not folder.is_dir():
        raise SealError(f"{folder} does not exist")
    packed = [manifest.parent for manifest in sorted(folder.rglob(MANIFEST))]
    for file in sorted(folder.rglob("results_*.json")) if packed else []:
        if not any(file.is_relative_to(one) for one in packed):
            raise SealError(f"{file} belongs to no submission, and a site would show it; pack it with seal-eval submit")
    return [line for one in packed for line in check(one, tokenizer)]


def _manifest(file: Path) -> Any:
    from jsonschema import Draft202012Validator

    manifest = read_json(file)
    error = next(iter(sorted(Draft202012Validator(read_json(SCHEMA)).iter_errors(manifest), key=lambda e: list(map(str, e.path)))), None)
    if error:
        place = "/".join(map(str, error.path)) or "the whole file"
        raise SealError(f"{file}, {place}: {error.message[:300]}")
    return manifest


def _check_files(folder: Path, manifest: Any) -> None:
    """What the manifest lists is there, whole, in its run's folder, and without absolute paths; nothing else is."""
    listed: dict[str, str] = {}
    for run in manifest["runs"]:
        for name in run["files"]:
            if not name.startswith(f"{run['run_id']}/"):
                raise SealError(f"{folder / MANIFEST}: {name} is listed under run {run['run_id']} but lies in another's folder")
        listed |= run["files"]
    if link := next((p for p in folder.rglob("*") if p.is_symlink()), None):
        raise SealError(f"{link} is a link; a submission holds files only")
    there = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and p.name not in (MANIFEST, LOCK)}
    if there != set(listed):
        odd = sorted(there ^ set(listed))[0]
        raise SealError(f"{folder}: {odd} is {'not listed' if odd in there else 'missing'}; the manifest must list exactly the files")
    for name, digest in sorted(listed.items()):
        if sha256(folder / name) != digest:
            raise SealError(f"{folder / name}: its SHA-256 is not the manifest's; pack the results again with seal-eval submit")
        if path := _path_in(folder / name):
            raise SealError(f"{folder / name}: holds an absolute path, {path!r}; pack the results again with seal-eval submit")


def _path_in(file: Path) -> str:
    """The first absolute path in what a file says of its run; samples are built again instead."""
    if file.suffix == ".json":
        said = read_json(file)
        before, after = (json.dumps(value, ensure_ascii=False) for value in (said, scrubbed(said)))
        if before == after:
            return ""
        return next((match[0] for match in PATH.finditer(before) if match[0] != match[1]), "see pretrained, adapter or output_path")
    text = file.read_text(encoding="utf-8") if file.suffix == ".txt" else ""
    return "" if scrub(text) == text else next(match[0] for match in PATH.finditer(text) if match[0] != match[1])


def _check_samples(run: Run, file: str, tokenizer: str) -> int:
    """Build the task's samples from the run's settings and compare every document and prompt of the file."""
    (results,) = [name for name in run.files if name.startswith("results_")]
    stamp = results.removeprefix("results_").removesuffix(".json")
    task = file.removeprefix("samples_").removesuffix(".gz").removesuffix(".jsonl").removesuffix(f"_{stamp}")
    base = base_task(task)
    assert base  # load_runs reads no other
    metadata = _metadata(run.folder / results, task, tokenizer)
    prompt_format = load_prompt_format(read_spec(base, metadata))
    every = [dict(doc) for doc in documents(base, **metadata)["test"]]
    wanted = {str(doc["sample_id"]): doc for doc in every}
    left = {str(doc["sample_id"]) for doc in _asked(every, run.config.get("limit"))}
    n = 0
    with open_lines(run.folder / file) as lines:
        for n, line in enumerate(lines, 1):
            where = f"{run.folder / file}, line {n}"
            with reading(Path(where)):
                row = json.loads(line)
                doc, prompt = row["doc"], str(row["arguments"]["gen_args_0"]["arg_0"])
                name, hashed = str(doc["sample_id"]), str(row["prompt_hash"])
            built = wanted.get(name)
            if built is None:
                raise SealError(f"{where}: sample {name} is not one that {base} builds")
            if odd := next((key for key in built if built[key] != doc.get(key)), None):
                raise SealError(f"{where}: {odd} of sample {name} is not what {base} builds")
            if prompt != prompt_format.render(built["input"], built["prefix"]):
                raise SealError(f"{where}: the prompt of sample {name} is not its input")
            if hashed != hashlib.sha256(prompt.encode()).hexdigest():
                raise SealError(f"{where}: prompt_hash of sample {name} is not its prompt's")
            left.discard(name)
    if left:
        lacks = f"lacks {len(left)} of the samples that {base} builds, first {min(left)}"
        raise SealError(f"{run.folder / file}: {lacks}; publish all that were asked")
    return n


def _metadata(results: Path, task: str, tokenizer: str) -> dict[str, Any]:
    """What the task is built from: the run's settings, as far as they need no files that came with the submission."""
    data = read_json(results)
    with reading(results):
        config = data["configs"][task]
        refuse_own_files(str(results), task, config)
        said = config.get("metadata") or {}
        found = {key: said[key] for key in said if key in (*known_keys(), *KEPT)}
        found |= {"max_length": data.get("max_length") or found.get("max_length")}
    if tokenizer:
        return found | {"tokenizer": tokenizer, "pretrained": tokenizer}
    for key in ("pretrained", "tokenizer"):
        if found.get(key) and Path(str(found[key])).is_dir():
            raise SealError(f"{results}: {key}={found[key]} is also a folder here; pass --tokenizer with what you trust")
    return found


def _asked(every: list[dict[str, Any]], limit: float | None) -> list[dict[str, Any]]:
    """The documents that lm-eval asks under --limit: a number of them, or a share below 1."""
    if not limit:
        return every
    return every[: math.ceil(limit * len(every)) if limit < 1 else int(limit)]
