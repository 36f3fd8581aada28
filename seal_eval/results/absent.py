"""Cells that a suite planned and that have no result: as runs, a suite's own files and a submission's manifest tell them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, Strict

from seal_eval.core.checked import Label, Name, Part, PlannedSize, check
from seal_eval.core.files import read_json
from seal_eval.core.names import SUITE_KEY, visible
from seal_eval.core.types import Absent, Run
from seal_eval.tasks import base_task

PLAN = "suite.json"  # in a suite's output folder: its name and its cells
NOTES_FOLDER = "cells"  # in a suite's output folder; holds a note and a log per cell
MANIFEST = "submission.json"  # in the folder of a submission
NO_RESULT = "no result"
LONGEST_FOLDER = 200  # bytes of a cell's folder, relative to its suite's; its note is one file named after it
LONGEST_NAME = 300  # characters of a method with its settings, see `Name`
_Cell = Annotated[tuple[Name, Name, PlannedSize], Strict(False)]  # method, task, size; a list in JSON
_Key = tuple[str, str, str, str, int]  # suite, model, method as the suite names it, task, size


class SuiteRecord(Part):
    """What a run's `config` records about its suite, for all engines: its name, the method as it names it, the model's cells.

    A cell is (method, task, size). Our own engine has it in `seal_eval.suite`, others in SUITE_KEY.
    """

    name: Name
    method: Name
    cells: Annotated[list[_Cell], Field(max_length=10_000)]


def _inside(folder: str) -> str:
    if Path(folder).is_absolute() or ".." in Path(folder).parts or len(folder.encode()) > LONGEST_FOLDER:
        raise ValueError(f"must be a path of at most {LONGEST_FOLDER} bytes that stays within the suite's folder")
    return folder


class _PlannedCell(Part):
    folder: Annotated[Name, AfterValidator(_inside)]
    label: Label = ""
    ident: Name = "-"
    n_samples: int = 0
    model: Name | None = None
    planned: _Cell | None = None


class _PlanFile(Part):
    name: Name
    cells: list[_PlannedCell]


def plan_in(folder: Path) -> dict[str, Any]:
    """The plan of the suite in `folder`: {"name": …, "cells": [{"folder": …, …}]}. Raises SealError naming file and field if damaged."""
    plan: dict[str, Any] = read_json(folder / PLAN)
    check(_PlanFile, plan, folder / PLAN)
    return plan


class NotRun(Part):
    """An item of `not_run` in a submission's manifest."""

    suite: Name
    model: Name
    method: Name
    task: Name
    size: PlannedSize
    reason: Label


class _Manifest(Part):
    not_run: list[NotRun] | None = None


def note_of(out: Path, folder: str) -> Path:
    """The file that records the state of the cell in `folder` of the suite in `out`."""
    return out / NOTES_FOLDER / f"{folder.replace('/', '--')}.json"


def suite_of(run: Run) -> dict[str, Any]:
    """What the run records about its suite, see `SuiteRecord`; {} if it is of none."""
    return (run.config.get("seal_eval") or {}).get("suite") or run.config.get(SUITE_KEY) or {}


def with_absent(folder: Path, runs: list[Run]) -> list[Run]:
    """The runs, each with the cells that suites planned for its model and that have no result in `folder`. Raises SealError as `find`."""
    found = find(folder, runs)
    return [replace(run, absent=tuple(cell for cell in found if cell.model == run.model)) for run in runs]


def find(folder: Path, runs: list[Run]) -> list[Absent]:
    """The cells that suites planned and that have no result in `folder`; runs: those in it.

    Raises SealError naming file and field for a suite's file, a note or a manifest that is damaged.
    """
    told = dict(_told(folder))
    answered: set[_Key] = set()
    planned: set[_Key] = set(told)
    for run in runs:
        if suite := suite_of(run):
            cells = {(r.task, r.length or 0 if base_task(r.task) else 0) for r in run.records}  # as planned: other tasks have no size
            answered |= {(suite["name"], run.model, suite["method"], *cell) for cell in cells}
            planned |= {(suite["name"], run.model, *cell) for cell in suite["cells"]}
    return [Absent(*key[:4], key[4] or None, told.get(key, NO_RESULT)) for key in sorted(planned - answered)]


def _told(folder: Path) -> Iterator[tuple[_Key, str]]:
    """(cell, reason) of every cell without results, from the suites and the submissions in `folder`."""
    for file in sorted(folder.rglob(PLAN)):
        plan = plan_in(file.parent)
        for cell in plan["cells"]:
            if cell.get("planned") and cell.get("model") and not any((file.parent / cell["folder"]).glob("results_*.json")):
                yield (plan["name"], cell["model"], *cell["planned"]), _reason(note_of(file.parent, cell["folder"]))
    for file in sorted(folder.rglob(MANIFEST)):
        manifest = read_json(file)
        check(_Manifest, manifest, file)
        for cell in manifest.get("not_run") or []:
            yield (cell["suite"], cell["model"], cell["method"], cell["task"], cell["size"]), cell["reason"]


def _reason(note: Path) -> str:
    """Why a cell has no result, from its note."""
    recorded = read_json(note) if note.is_file() else {}
    if isinstance(recorded, dict) and recorded.get("state") == "failed":
        return "failed: " + " ".join(visible(str(recorded.get("error") or "no message")).split())[:200]
    return "not run"
