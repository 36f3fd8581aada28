"""The idents of cells: hashes of all that their results depend on, by content. Two cells of one ident have the same results."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from seal_eval.baselines import installed_code
from seal_eval.core.content import fingerprint, named_files, texts_in
from seal_eval.core.settings import key_values
from seal_eval.harness.dataset import material_versions
from seal_eval.harness.task_files import named_tasks, task_files
from seal_eval.models import hub
from seal_eval.suite.cells import Cell
from seal_eval.suite.other_tasks import is_other
from seal_eval.tasks import VERSION, files_read

APART = ("pretrained", "model", "template", "out")  # the model's content counts, and where the files go does not


def forget() -> None:
    """Read every file again; within a plan each is read once."""
    for known in (content_of, _files, _task_files):
        known.cache_clear()


@lru_cache(maxsize=64)
def content_of(model: str, revision: str = "") -> str:
    """`hub.content`, read once per plan."""
    return hub.content(model, revision)


def ident_of(kind: str, work: Mapping[str, Any], held: str, template: str, out: Path) -> str:
    """A cell's ident, without the cells that it needs (see `linked`).

    work: arguments of the cell. held: the model's content. template: path of its chat template or ''. out: the suite's folder, whose path
    is left out, so that it can be moved. Of all files that the work names the content counts, and so do the versions of the tasks and of
    the packages whose texts samples are made of, and the code of a method from an installed package.
    """
    text, place = json.dumps({"kind": kind, **work}, sort_keys=True), str(out)
    for _ in range(2):  # the path is escaped once in the JSON, twice in JSON inside of it
        place = json.dumps(place)[1:-1]
        text = text.replace(place, "")
    versions = {} if kind == "template" else {"tasks": str(VERSION)} | material_versions()
    versions |= installed_code(_method(work))
    files = dict(_files(json.dumps(_arguments(work)), out))
    if other := _other_task(work):  # its prompts and scores are lm-eval's
        versions |= {"lm-eval": version("lm-eval")}
        files |= dict(_task_files(other))
    return _hash([text, held, fingerprint(Path(template)) if template else "", files, versions])


def linked(cells: list[Cell], out: Path) -> list[Cell]:
    """The cells in order of their waves; a cell's ident now also depends on those of the templates, adapters and maps that it needs."""
    made: dict[str, str] = {}  # folder → ident
    found = []
    for cell in sorted(cells, key=lambda cell: cell.wave):
        named = {value for _, value in texts_in(_arguments(cell.work) | {"out": ""})}
        needs = {folder: ident for folder, ident in sorted(made.items()) if str(out / folder) in named}
        found.append(replace(cell, ident=_hash([cell.ident, needs]), needs=tuple(needs)) if needs else cell)
        if cell.kind != "run":
            made[cell.folder] = found[-1].ident
    return found


def _arguments(work: Mapping[str, Any]) -> dict[str, Any]:
    """A cell's work with the JSON among its arguments parsed."""
    argv = [json.loads(word) if word.startswith("{") else word for word in work.get("argv", ())]
    return {**work, "argv": argv}


@lru_cache(maxsize=256)
def _files(arguments: str, out: Path) -> tuple[tuple[str, str], ...]:
    """(key, fingerprint) of the files that a cell's arguments name, besides those of APART and below `out`. arguments: as JSON."""

    def without(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: without(item) for key, item in value.items() if key not in APART}
        return [without(item) for item in value] if isinstance(value, list) else value

    settings = without(json.loads(arguments))
    on = settings.get("spec", {}).get("on") or ""
    if "," in on:  # a method with settings of its own, such as 'seal,adapter=FOLDER'
        settings["on"] = key_values("on", f"method={on}")
    return tuple(sorted(named_files(settings, but=out, read=files_read()).items()))


def _method(work: Mapping[str, Any]) -> str:
    """The method that a cell applies: of a run, or that which an adapter is tuned on; '' for none."""
    on = str((work.get("spec") or {}).get("on") or "").partition(",")[0]
    return on or next((str(word["method"]) for word in _arguments(work)["argv"] if isinstance(word, dict) and "method" in word), "")


def _other_task(work: Mapping[str, Any]) -> str:
    """The task of a run when it is none of ours, by name or YAML file; '' otherwise."""
    argv = work.get("argv", ())
    task = str(argv[argv.index("--tasks") + 1]) if "--tasks" in argv else ""
    return task if is_other(task) else ""


@lru_cache(maxsize=256)
def _task_files(task: str) -> tuple[tuple[str, str], ...]:
    """`task_files` of a task's YAML file, with its keys apart from those of settings."""
    return tuple((f"task/{name}", held) for file in named_tasks(task) for name, held in task_files(Path(file)).items())


def _hash(basis: Any) -> str:
    return hashlib.sha256(json.dumps(basis, sort_keys=True).encode()).hexdigest()[:12]
