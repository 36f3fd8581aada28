"""Runs packed for others to check: `submit` scrubs and compresses them, `check` takes nothing on trust."""

import gzip
import hashlib
import json
import re
from pathlib import Path
from typing import Any

from seal_eval import __version__
from seal_eval.documents import documents
from seal_eval.errors import SealError
from seal_eval.files import only_writer, open_lines, read_json, sha256, write_json, write_text
from seal_eval.records import load_runs
from seal_eval.spec import known_keys
from seal_eval.tasks import base_task
from seal_eval.types import Run

SCHEMA = Path(__file__).parent / "schema" / "submission-1.json"
MANIFEST = "submission.json"
# an absolute path, ours or Windows', but not a URL's: kept is its last part
PATH = re.compile(r"""(?<![\w:/.~\\-])(?:~?/|[A-Za-z]:[\\/])(?:[^\s"',=:;\\/]+[\\/])*([^\s"',=:;\\/]+)""")
OWN_FILES = ("haystack", "longeval_data")
KEPT = ("pretrained", "max_length", "add_bos_token", "chat_template_args", "enable_thinking")


def submit(results: Path, out: Path) -> Path:
    """Pack every run below `results` into the new folder `out`; returns its manifest.

    Samples are compressed, absolute paths are cut to their last part, files are listed with their SHA-256. Raises SealError for damaged
    results, for `out` that is not empty, and for runs made of the user's own texts.
    """
    runs = load_runs(results)
    if out.exists() and any(out.iterdir()):
        raise SealError(f"{out} is not empty; name a new folder, nothing is overwritten")
    packed = []
    with only_writer(out):
        for run in runs:
            packed.append(_pack(run, out))
        write_json(out / MANIFEST, {"schema": 1, "seal_eval": __version__, "runs": packed})
    return out / MANIFEST


def _pack(run: Run, out: Path) -> dict[str, Any]:
    (name,) = [name for name in run.files if name.startswith("results_")]
    data = read_json(run.folder / name)
    for task, config in data["configs"].items():
        for key in OWN_FILES:
            if base_task(task) and (config.get("metadata") or {}).get(key):
                raise SealError(f"run {run.run_id}, {task}: {key} are files of your own; publish samples that others can build")
    text = json.dumps(scrubbed(data), indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    run_id = hashlib.sha256(text.encode()).hexdigest()[:12]  # as the packed file will be read
    folder = out / run_id
    folder.mkdir()
    write_text(folder / name, text)
    stamp = name.removeprefix("results_").removesuffix(".json")
    write_text(folder / f"command_{stamp}.txt", scrub(run.command) + "\n")
    for sample_file in sorted(n for n in run.files if n.startswith("samples_")):
        with open_lines(run.folder / sample_file) as lines:
            raw = lines.read()
        (folder / f"{sample_file.removesuffix('.gz')}.gz").write_bytes(gzip.compress(raw, 9, mtime=0))
    return {
        "run_id": run_id, "model": run.model, "method": run.method, "date": run.date,
        "tasks": sorted({record.task for record in run.records}), "n_samples": len(run.records),
        "files": {f"{run_id}/{file.name}": sha256(file) for file in sorted(folder.iterdir())},
    }  # fmt: skip


def scrub(text: str) -> str:
    """Absolute paths cut to their last part, which takes user names with them."""
    return PATH.sub(lambda match: match[1], text)


def scrubbed(value: Any) -> Any:
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, dict):
        return {scrub(key): scrubbed(one) for key, one in value.items()}
    return [scrubbed(one) for one in value] if isinstance(value, list) else value


def check(folder: Path, tokenizer: str = "") -> list[str]:
    """Check a submission from the ground up; returns a line for each run that passed.

    The manifest follows the schema, every file has its hash and none is unlisted, no absolute path is left, every reply scores what is
    logged (the records are read as any results), and every sample is what its task builds from the settings in the run, with `tokenizer`
    (a folder or hub id) in place of the run's when that cannot be had here. Raises SealError naming file and field for the first that is
    not so.
    """
    from jsonschema import Draft202012Validator

    manifest = read_json(folder / MANIFEST)
    error = next(iter(sorted(Draft202012Validator(read_json(SCHEMA)).iter_errors(manifest), key=lambda e: list(map(str, e.path)))), None)
    if error:
        place = "/".join(map(str, error.path)) or "the whole file"
        raise SealError(f"{folder / MANIFEST}, {place}: {error.message[:300]}")
    listed = {name: digest for run in manifest["runs"] for name, digest in run["files"].items()}
    there = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and p.name not in (MANIFEST, ".lock")}
    if there != set(listed):
        odd = sorted(there ^ set(listed))[0]
        raise SealError(f"{folder}: {odd} is {'not listed' if odd in there else 'missing'}; the manifest must list exactly the files")
    for name, digest in sorted(listed.items()):
        if sha256(folder / name) != digest:
            raise SealError(f"{folder / name}: its SHA-256 is not the manifest's; pack the results again with seal-eval submit")
        if name.endswith((".json", ".txt")) and scrub(text := (folder / name).read_text(encoding="utf-8")) != text:
            raise SealError(f"{folder / name}: holds an absolute path, {_first_path(text)!r}; pack the results again with seal-eval submit")
    runs = {run.folder.name: run for run in load_runs(folder)}
    lines = []
    for claimed in manifest["runs"]:
        run = runs.get(claimed["run_id"])
        if run is None or len(run.records) != claimed["n_samples"] or run.model != claimed["model"]:
            raise SealError(f"{folder / MANIFEST}: run {claimed['run_id']} does not say what its files say (model, n_samples)")
        n = sum(_check_samples(run, file, tokenizer) for file in sorted(run.files) if file.startswith("samples_"))
        lines.append(f"{claimed['run_id']}  {run.model}, {claimed['method']}: {n} replies scored again, {n} samples built again")
    return lines


def check_all(folder: Path, tokenizer: str = "") -> list[str]:
    """`check` of every submission in a folder or below it."""
    if not folder.is_dir():
        raise SealError(f"{folder} does not exist")
    return [line for manifest in sorted(folder.rglob(MANIFEST)) for line in check(manifest.parent, tokenizer)]


def _first_path(text: str) -> str:
    return next((match[0] for match in PATH.finditer(text) if match[0] != match[1]), "")


def _check_samples(run: Run, file: str, tokenizer: str) -> int:
    """Build the task's samples from the run's settings and compare every document of the file."""
    (results,) = [name for name in run.files if name.startswith("results_")]
    stamp = results.removeprefix("results_").removesuffix(".json")
    task = file.removeprefix("samples_").removesuffix(".gz").removesuffix(".jsonl").removesuffix(f"_{stamp}")
    data = read_json(run.folder / results)
    said = data["configs"][task].get("metadata") or {}
    metadata = {key: said[key] for key in said if key in (*known_keys(), *KEPT)}
    metadata |= {"max_length": data.get("max_length") or metadata.get("max_length")}
    if tokenizer:
        metadata |= {"tokenizer": tokenizer, "pretrained": tokenizer}
    base = base_task(task)
    assert base  # load_runs reads no other
    wanted = {str(doc["sample_id"]): doc for doc in documents(base, **metadata)["test"]}
    n = 0
    with open_lines(run.folder / file) as lines:
        for n, line in enumerate(lines, 1):
            row = json.loads(line)
            doc = row["doc"]
            built = wanted.get(doc["sample_id"])
            if built is None:
                raise SealError(f"{run.folder / file}, line {n}: sample {doc['sample_id']} is not one that {base} builds")
            if odd := next((key for key in built if built[key] != doc.get(key)), None):
                raise SealError(f"{run.folder / file}, line {n}: {odd} of sample {doc['sample_id']} is not what {base} builds")
            if doc["input"] not in row["arguments"]["gen_args_0"]["arg_0"]:
                raise SealError(f"{run.folder / file}, line {n}: the prompt of sample {doc['sample_id']} is not its input")
    return n
