"""Pack runs for publication: absolute paths shortened, samples compressed, files listed with their hashes."""

import gzip
import hashlib
import json
import re
import shlex
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from seal_eval import __version__
from seal_eval.core.errors import SealError
from seal_eval.core.files import open_lines, read_json, sha256, write_json, write_text
from seal_eval.core.folders import new_folder, refuse_inside
from seal_eval.core.names import without_tokens
from seal_eval.core.types import Absent, Run
from seal_eval.models.hub import flat
from seal_eval.results.absent import MANIFEST as MANIFEST
from seal_eval.results.absent import find, suite_of
from seal_eval.results.labels import subject
from seal_eval.results.records import load_runs
from seal_eval.results.run_files import model_args_of
from seal_eval.tasks import base_task, tasks

SCHEMA = Path(__file__).parent / "schema" / "submission-1.json"
# an absolute path of two parts or more, POSIX or Windows but not in a URL; group 1, its last part, is kept
PATH = re.compile(r"""(?<![\w:/.~\\-])(?:~/|(?:/|[A-Za-z]:[\\/])[^\s"',=:;\\/<>\[\]]+[\\/])(?:[^\s"',=:;\\/]+[\\/])*([^\s"',=:;\\/]+)""")
HUB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,200}(/[A-Za-z0-9][A-Za-z0-9._+-]{0,200})?")  # names of models; of folders, too
WHOLE_PATH = re.compile(r"(?:~|\.{1,2})?[\\/]|[A-Za-z]:[\\/]")
# keys whose value names a model or a file: if it begins like a path, all of it is the path, spaces included
PATH_KEYS = (
    "pretrained", "tokenizer", "model", "base_model", "folded", "model_name", "adapter", "peft", "delta", "lora_local_path", "steer_path",
    "heads", "output_path", "gguf_file",
)  # fmt: skip
LEFT_OUT = "left out: not a task of this project"  # the reason for a planned cell whose results are not published
PUBLISHED = "published already"  # the reason for one whose samples an earlier submission has
PROMPTS = ("system_instruction", "chat_template", "tokenizer_chat_template")  # part of every published prompt, so kept exactly


def submit(results: Path, out: Path, published: Path | None = None) -> Path:
    """Pack every run below `results` into the new folder `out`; return the path of its manifest.

    Samples are compressed, absolute paths are cut to their last part, files are listed with their SHA-256. Cells of a suite that failed or
    were not run are listed too. Tasks from outside this project are left out, with a remark. published: a folder of earlier submissions;
    runs of methods that have all their samples there are left out, with a remark. Raises SealError, and leaves `out` as it was, for damaged
    results, an `out` that is not empty, runs whose samples use the user's own files, and runs of which a part is published.
    """
    refuse_inside(out, results)
    everything = load_runs(results, foreign=True, scored_only=True)
    runs = [own for run in everything if (own := _own_part(run)).records]
    others = sorted({record.task for run in everything for record in run.records if not base_task(record.task)})
    if not runs:
        raise SealError(f"{results} holds no result of this project's tasks ({', '.join(others)}), and no others can be checked")
    kept = _unpublished(runs, published) if published else runs
    if not kept:
        raise SealError(f"every run of {results} is in {published} already")
    with new_folder(out) as scratch:
        for run in kept:
            _pack(run, scratch)
        if others:
            print(f"left out, because no check can build their samples again: {', '.join(others)}", file=sys.stderr)
        suites = {suite_of(run).get("name") for run in kept}
        absent = [cell for cell in find(results, kept) if cell.suite in suites]  # not those of a suite of which nothing is published
        unanswered, not_ours = find(results, everything), find(results, runs)
        write_manifest(
            scratch,
            [cell if cell in unanswered else replace(cell, reason=LEFT_OUT if cell in not_ours else PUBLISHED) for cell in absent],
        )
    return out / MANIFEST


def _unpublished(runs: list[Run], published: Path) -> list[Run]:
    """The runs whose samples no run of the same model, method and settings in `published` has. Raises SealError if it has some of them."""
    earlier: dict[tuple[str, str, str], dict[str, Run]] = {}
    for run in load_runs(published):
        earlier.setdefault(subject(run), {}).update({record.sample_id: run for record in run.records})
    kept, left_out = [], []
    for run in runs:
        theirs = earlier.get(subject(run), {})
        both = [record.sample_id for record in run.records if record.sample_id in theirs]
        if not both:
            kept.append(run)
        elif len(both) == len(run.records):
            left_out.append(f"{run.model} {run.method}")
        else:
            raise SealError(
                f"{run.folder}: {len(both)} of its {len(run.records)} samples, such as {both[0]}, are in {theirs[both[0]].folder} "
                f"already; run {run.method} again with the sizes that are new, or with another seed"
            )
    for name, n in Counter(left_out).items():
        print(f"left out, because {published} has the samples: {name}, {n} run{'s' * (n > 1)}", file=sys.stderr)
    return kept


def _own_part(run: Run) -> Run:
    """The run with the records and sample files of this project's tasks only."""
    files = {name: digest for name, digest in run.files.items() if not name.startswith("samples_") or base_task(task_of(name, run.date))}
    return replace(run, records=tuple(record for record in run.records if base_task(record.task)), files=files)


def write_manifest(folder: Path, absent: Sequence[Absent] | None = None) -> None:
    """Write the manifest of the packed runs in `folder`, as read back from their files.

    absent: cells that were planned and have no result; by default what the runs, and a manifest that is there, tell of them.
    """
    runs = load_runs(folder)
    entries = [{**claims(run), "files": _hashes(run.folder)} for run in runs]
    absent = find(folder, runs) if absent is None else absent
    not_run = [asdict(cell) | {"size": cell.size or 0, "reason": scrub(cell.reason)} for cell in absent]
    write_json(folder / MANIFEST, {"schema": 1, "seal_eval": __version__, "runs": entries} | ({"not_run": not_run} if not_run else {}))


def claims(run: Run) -> dict[str, Any]:
    """The manifest entry of a run, without its list of files."""
    return {
        "run_id": run.run_id, "model": run.model, "method": run.method, "date": run.date,
        "tasks": sorted({record.task for record in run.records}), "n_samples": len(run.records),
    }  # fmt: skip


def refuse_own_files(where: str, task: str, config: dict[str, Any]) -> None:
    """Raise SealError, naming `where`, if the task's samples use files that other people do not have."""
    if not base_task(task):
        return
    # of all tasks: a run's --metadata reaches each of them
    for key, built_in in {key: values for other in tasks().values() for key, values in other.file_settings.items()}.items():
        value = (config.get("metadata") or {}).get(key)
        if value and value not in built_in:
            raise SealError(f"{where}, {task}: {key}={value} names files of your own; publish samples that others can build")


def _pack(run: Run, out: Path) -> None:
    """Write a run's results file, command and samples into a new folder of `out`, named by the hash of the packed results file."""
    data = read_json(run.results_file, nan=True)
    for task, config in data["configs"].items():
        refuse_own_files(f"run {run.run_id}", task, config)
    if len(run.files) - 1 < len(data["results"]) and isinstance(data["config"].get("seal_eval"), dict):
        data["config"]["seal_eval"].pop("pace", None)  # it counts the prompts of tasks that are left out, too
    data, packed = scrubbed(with_flat_sources(_ours(data))), {}
    _refuse_name(run, str(model_args_of(data["config"]).get("pretrained") or ""))
    for sample_file in sorted(n for n in run.files if n.startswith("samples_")):
        with open_lines(run.folder / sample_file) as lines:
            before = list(lines)
        after = in_order(before)
        if before != after and isinstance(data.get("task_hashes"), dict):
            data["task_hashes"][task_of(sample_file, run.date)] = task_hash(map(json.loads, after))
        packed[f"{sample_file.removesuffix('.gz')}.gz"] = gzip.compress(b"".join(after), 9, mtime=0)
    if "model_name_sanitized" in data:  # lm-eval's own field, with the whole path in it
        data["model_name_sanitized"] = sanitized(str(data.get("model_name")))
    text = json.dumps(data, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    folder = out / hashlib.sha256(text.encode()).hexdigest()[:12]  # the run id that load_runs derives from the packed file
    if folder.exists():
        raise SealError(f"{run.folder} ({run.date}) is in the results twice, as a copy; move one out of the folder")
    folder.mkdir()
    write_text(folder / f"results_{run.date}.json", text)
    write_text(folder / f"command_{run.date}.txt", scrubbed_command(run.command) + "\n")
    for sample_file, content in packed.items():
        (folder / sample_file).write_bytes(content)


def _refuse_name(run: Run, model: str) -> None:
    """Raise SealError for a model, '' without one, whose name no check accepts."""
    if model and not HUB_ID.fullmatch(model):
        raise SealError(
            f"{run.folder}: the model is called {model!r}; submissions name models by a short name, a hub id or a folder's name, in ASCII "
            "letters, digits and . _ + -: call its folder so, and run again with the folder's absolute path"
        )


def with_flat_sources(data: dict[str, Any]) -> dict[str, Any]:
    """The results file's JSON with the sources of models as texts; earlier versions recorded the whole card of a folded checkpoint."""
    own = data["config"].get("seal_eval")
    for part in (own, own.get("about")) if isinstance(own, dict) else ():
        if isinstance(part, dict) and isinstance(part.get("model_source"), dict):
            part["model_source"] = flat(part["model_source"])
    return data


def _ours(data: dict[str, Any]) -> dict[str, Any]:
    """The results file's JSON with the entries of this project's tasks only: without groups, and tasks that are not published."""
    parts = ("results", "configs", "versions", "n-shot", "n-samples", "higher_is_better", "task_hashes")
    kept = {
        part: {task: value for task, value in data[part].items() if base_task(task)} for part in parts if isinstance(data.get(part), dict)
    }
    return {key: value for key, value in data.items() if key != "groups"} | kept | {"group_subtasks": {}}


def in_order(lines: Iterable[bytes]) -> list[bytes]:
    """The lines of a sample file in the order of their `doc_id`; several processes write them in turns."""
    numbered = [(json.loads(line)["doc_id"], line if line.endswith(b"\n") else line + b"\n") for line in lines]
    return [line for _, line in sorted(numbered, key=lambda pair: pair[0])]


def _hashes(folder: Path) -> dict[str, str]:
    """'FOLDER/FILE' → SHA-256 for the files in a run's folder."""
    return {f"{folder.name}/{file.name}": sha256(file) for file in sorted(folder.iterdir())}


def task_of(sample_file: str, stamp: str) -> str:
    """The task in the name of a sample file. stamp: the time in the names of the run's files."""
    return sample_file.removeprefix("samples_").removesuffix(".gz").removesuffix(".jsonl").removesuffix(f"_{stamp}")


def task_hash(rows: Iterable[Mapping[str, str]]) -> str:
    """lm-eval's hash of a task: of the hashes of all its samples in order."""
    return hashlib.sha256("".join(row["doc_hash"] + row["prompt_hash"] + row["target_hash"] for row in rows).encode()).hexdigest()


def sanitized(name: str) -> str:
    """A model's name as lm-eval writes it into file names."""
    return re.sub(r"[\"<>:/|\\?*\[\]]+", "__", name)


def scrub(text: str) -> str:
    """`text` with absolute paths cut to their last part, which also removes user names, and without tokens of the hub."""
    return PATH.sub(lambda match: match[1], without_tokens(text))


def scrubbed_command(text: str) -> str:
    """A command with `scrub` applied to its words, except the system prompt, which is part of every prompt."""
    try:
        words = shlex.split(text)
    except ValueError:
        return scrub(text)
    if shlex.join(words) != text or "system_instruction" not in text:
        return scrub(text)
    prompt = [before == "--system_instruction" for before in ["", *words[:-1]]]
    return shlex.join(
        word if kept or word.startswith("--system_instruction=") else scrub(word) for word, kept in zip(words, prompt, strict=True)
    )


def scrubbed(value: Any, key: str = "") -> Any:
    """A JSON value with `scrub` applied to all its keys and strings, except prompts. key: the key under which `value` is stored."""
    if isinstance(value, str):
        if key in PROMPTS:
            return value
        if key in PATH_KEYS and WHOLE_PATH.match(value):
            return re.split(r"[\\/]", value.rstrip("\\/"))[-1]
        return scrub(value)
    if isinstance(value, dict):
        return {scrub(name): scrubbed(item, name) for name, item in value.items()}
    return [scrubbed(item, key) for item in value] if isinstance(value, list) else value
