"""Runs packed for others to check: scrubbed, compressed, listed with their hashes."""

import gzip
import hashlib
import json
import re
from pathlib import Path
from typing import Any

from seal_eval import __version__
from seal_eval.core.errors import SealError
from seal_eval.core.files import new_folder, open_lines, read_json, sha256, write_json, write_text
from seal_eval.core.types import Run
from seal_eval.results.records import load_runs
from seal_eval.tasks import base_task

SCHEMA = Path(__file__).parent / "schema" / "submission-1.json"
MANIFEST = "submission.json"
# an absolute path of two parts or more, ours or Windows', but not a URL's: kept is its last part
PATH = re.compile(r"""(?<![\w:/.~\\-])(?:~/|(?:/|[A-Za-z]:[\\/])[^\s"',=:;\\/<>\[\]]+[\\/])(?:[^\s"',=:;\\/]+[\\/])*([^\s"',=:;\\/]+)""")
WHOLE_PATH = re.compile(r"~?[\\/]|[A-Za-z]:[\\/]")
# what names a model or a place: such a value is a path from its first character to its last
PATH_KEYS = ("pretrained", "tokenizer", "model", "model_name", "adapter", "peft", "delta", "heads", "output_path", "gguf_file")
PROMPTS = ("system_instruction", "chat_template", "tokenizer_chat_template")  # stand in every published prompt; kept to the letter
OWN_FILES = ("haystack", "longeval_data")
BUILT_IN = ("noise", "prose", "needles")  # haystacks that everybody has


def submit(results: Path, out: Path) -> Path:
    """Pack every run below `results` into the new folder `out`; returns its manifest.

    Samples are compressed, absolute paths are cut to their last part, files are listed with their SHA-256. Raises SealError for damaged
    results, for `out` that is not empty, and for runs made of the user's own texts; `out` is then as it was.
    """
    runs = load_runs(results)
    with new_folder(out) as scratch:
        for run in runs:
            _pack(run, scratch)
        write_manifest(scratch)
    return out / MANIFEST


def write_manifest(folder: Path) -> None:
    """List what is packed in a folder, as whoever checks it will read it."""
    packed = [{**claims(run), "files": _hashes(run.folder)} for run in load_runs(folder)]
    write_json(folder / MANIFEST, {"schema": 1, "seal_eval": __version__, "runs": packed})


def claims(run: Run) -> dict[str, Any]:
    """What a manifest says of a run besides its files."""
    return {
        "run_id": run.run_id, "model": run.model, "method": run.method, "date": run.date,
        "tasks": sorted({record.task for record in run.records}), "n_samples": len(run.records),
    }  # fmt: skip


def refuse_own_files(where: str, task: str, config: dict[str, Any]) -> None:
    """Raise for a task whose samples are made of files that others do not have."""
    for key in OWN_FILES:
        value = (config.get("metadata") or {}).get(key)
        if base_task(task) and value and value not in BUILT_IN:
            raise SealError(f"{where}, {task}: {key}={value} are files of your own; publish samples that others can build")


def _pack(run: Run, out: Path) -> None:
    (name,) = [name for name in run.files if name.startswith("results_")]
    data = read_json(run.folder / name)
    for task, config in data["configs"].items():
        refuse_own_files(f"run {run.run_id}", task, config)
    data = scrubbed(data)
    if "model_name_sanitized" in data:  # lm-eval's, with the whole path in it
        data["model_name_sanitized"] = re.sub(r"[\"<>:/|\\?*\[\]]+", "__", str(data.get("model_name")))
    text = json.dumps(data, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    folder = out / hashlib.sha256(text.encode()).hexdigest()[:12]  # the run's id, as the packed file will be read
    folder.mkdir()
    write_text(folder / name, text)
    stamp = name.removeprefix("results_").removesuffix(".json")
    write_text(folder / f"command_{stamp}.txt", scrub(run.command) + "\n")
    for sample_file in sorted(n for n in run.files if n.startswith("samples_")):
        with open_lines(run.folder / sample_file) as lines:
            raw = lines.read()
        (folder / f"{sample_file.removesuffix('.gz')}.gz").write_bytes(gzip.compress(raw, 9, mtime=0))


def _hashes(folder: Path) -> dict[str, str]:
    return {f"{folder.name}/{file.name}": sha256(file) for file in sorted(folder.iterdir())}


def scrub(text: str) -> str:
    """Absolute paths cut to their last part, which takes user names with them."""
    return PATH.sub(lambda match: match[1], text)


def scrubbed(value: Any, key: str = "") -> Any:
    """`scrub` of every string of a JSON value, `key` being its own name. Prompts stay as they are."""
    if isinstance(value, str):
        if key in PROMPTS:
            return value
        if key in PATH_KEYS and WHOLE_PATH.match(value):
            return re.split(r"[\\/]", value.rstrip("\\/"))[-1]
        return scrub(value)
    if isinstance(value, dict):
        return {scrub(name): scrubbed(one, name) for name, one in value.items()}
    return [scrubbed(one, key) for one in value] if isinstance(value, list) else value
