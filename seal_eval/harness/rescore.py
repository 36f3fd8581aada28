"""Score the replies of finished runs again, by today's rules: copies of the result files with new scores."""

import json
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seal_eval.core.checked import Part, checked_row
from seal_eval.core.errors import SealError
from seal_eval.core.files import numbered_lines, read_json, read_text, reading, write_text
from seal_eval.core.folders import new_folder, refuse_inside
from seal_eval.core.run_names import not_read, results_files, samples_file, time_of
from seal_eval.core.streams import warn
from seal_eval.harness.metrics import SUMMARIES, process_results
from seal_eval.prompts.settings import PromptSettings
from seal_eval.tasks import VERSION, base_task, get_task, task_settings
from seal_eval.tasks.needle import Needle


@dataclass(frozen=True)
class Moved:
    """What new rules did to a task of a run: replies, and how many of them were right before and are right now."""

    file: Path
    task: str
    n: int
    before: float
    after: float
    up: int  # replies that score more
    down: int


def rescore(results: Path, out: Path) -> list[Moved]:
    """Copy every run below `results` into the new folder `out`, with the scores of today's rules; return what moved.

    The results file says that its scores are of today's version, and records the settings that its samples were built with, where they are
    no longer the default. Prompts and replies stay as they are. Raises SealError, and leaves `out` as it was, for damaged files.
    """
    refuse_inside(out, results)
    files = results_files(results)
    if not files:
        raise SealError(f"{results} holds no results_*.json")
    for problem in not_read(results, files):
        warn(f"left out: {problem}")
    moved: list[Moved] = []
    with new_folder(out) as scratch:
        for file in files:
            folder = scratch / file.parent.relative_to(results)
            folder.mkdir(parents=True, exist_ok=True)
            with reading(file):
                moved += _one(file, folder)
    return moved


def _one(file: Path, folder: Path) -> Iterator[Moved]:
    """Score one results file's tasks again and write the new files."""
    data, stamp = read_json(file, nan=True), time_of(file)
    kept: dict[str, dict[str, int]] = {}
    for task in data["results"]:
        if not base_task(task) and (data.get("group_subtasks") or {}).get(task):  # a group has no samples of its own
            continue
        samples = samples_file(file, task)
        if not base_task(task):
            shutil.copy(samples, folder / samples.name)
            continue
        rows = [checked_row(samples, number, line, Part, "a sample") for number, line in numbered_lines(samples)]
        with reading(samples):
            before = [float(row.get("acc", 0)) for row in rows]
            for row in rows:
                scores = process_results(row["doc"], row["filtered_resps"])
                row.pop("bypass", None)
                row.update(scores, metrics=list(scores))
        after = [float(row["acc"]) for row in rows]
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        write_text(folder / f"samples_{task}_{stamp}.jsonl", text)
        data["results"][task] |= summaries(rows)
        metadata = data["configs"][task]["metadata"]
        kept[task] = _built_with(task, data["versions"][task], metadata, rows)
        metadata.update(kept[task], version=VERSION)
        data["versions"][task] = VERSION
        yield Moved(
            file, task, len(rows), sum(before) / len(rows), sum(after) / len(rows),
            sum(a > b for a, b in zip(after, before, strict=True)), sum(a < b for a, b in zip(after, before, strict=True)),
        )  # fmt: skip
    write_text(folder / file.name, json.dumps(data, indent=2, ensure_ascii=False) + "\n")
    command = file.with_name(f"command_{stamp}.txt")
    if command.is_file():
        said = read_text(command)
        alike = len({json.dumps(settings, sort_keys=True) for settings in kept.values()}) == 1
        write_text(folder / command.name, _with_settings(said, next(iter(kept.values()))) if alike else said)


def summaries(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """lm-eval's summary of a task's rows: `metric,none` and its standard error, for each metric in the rows."""
    from lm_eval.api.metrics import mean, mean_stderr

    from seal_eval.harness import metrics

    found: dict[str, Any] = {}
    for name in rows[0]["metrics"]:
        values = [row[name] for row in rows]
        if name.removesuffix("_stderr") in SUMMARIES:
            found[f"{name},none"] = getattr(metrics, name)([tuple(value) for value in values])
            if name.endswith("_stderr"):
                found[f"{name}_stderr,none"] = "N/A"
        else:
            found[f"{name},none"] = mean(values)
            found[f"{name}_stderr,none"] = mean_stderr(values) if len(values) > 1 else "N/A"
    return found


def _built_with(task: str, version: float, metadata: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, int]:
    """The settings that build the task's samples today and that its metadata does not name."""
    budget, kept = _own_budget(task, metadata, rows), dict[str, int]()
    if budget:
        kept["answer_tokens"] = budget
    if version < 3.1 and isinstance(get_task(base_task(task) or ""), Needle) and metadata.get("phrasing", -1) == -1:
        kept["phrasing"] = -2
    return kept


def _own_budget(task: str, metadata: dict[str, Any], rows: list[dict[str, Any]]) -> int:
    """The answer budget of the samples, if the task has another one today and the metadata does not name it; else 0."""
    base = base_task(task)
    assert base
    used = {int(row["doc"]["answer_tokens"]) for row in rows}
    own = {key: metadata[key] for key in task_settings(get_task(base)) if key in metadata}
    today = PromptSettings.read(base, metadata).budget(replace(get_task(base), **own).answer_tokens)  # type: ignore[type-var]
    return used.pop() if len(used) == 1 and used != {today} else 0


def _with_settings(command: str, settings: dict[str, int]) -> str:
    """The command with settings in its --metadata."""
    words = shlex.split(command)
    if "--metadata" not in words or not settings:
        return command
    at = words.index("--metadata") + 1
    try:
        words[at] = json.dumps({**json.loads(words[at]), **settings})
    except ValueError:  # NAME=VALUE …
        words[at:at] = [f"{key}={value}" for key, value in settings.items()]
    return shlex.join(words) + "\n"
