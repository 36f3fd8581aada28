"""Task families: each file builds samples, words the prompt and scores replies; the files in yaml/ describe the tasks to lm-eval."""

import re
from dataclasses import fields
from functools import cache
from importlib import import_module
from pathlib import Path

from seal_eval.core.errors import SealError, nearest
from seal_eval.core.plugins import Task, checked_task

VERSION = 3.3  # of prompts and scores: raise it when they change
TASK_PREFIX = "seal_"  # --tasks 'seal_*' selects the tasks whose lengths adapt to the model's window, not those of one length
RULER_GROUP = "sealruler"  # RULER's thirteen, which --tasks 'seal_*' does not match either: most are settings of other tasks


@cache
def tasks() -> dict[str, Task]:
    """Every task by its lm-eval name, from the TASKS of the files in this folder. Raises SealError for a bad task or name."""
    return _listed("TASKS", TASK_PREFIX)


@cache
def ruler_tasks() -> dict[str, Task]:
    """The thirteen tasks of the group `sealruler` by their lm-eval names, in RULER's order. They are not among `tasks`."""
    return _listed("RULER", f"{RULER_GROUP}_")


def _listed(variable: str, prefix: str) -> dict[str, Task]:
    """The tasks in a variable of this folder's files, by name."""
    by_name: dict[str, Task] = {}
    for file in sorted(f.stem for f in Path(__file__).parent.glob("*.py") if f.stem != "__init__"):
        for task in getattr(import_module(f"seal_eval.tasks.{file}"), variable, ()):
            checked_task(file, task)
            if not task.name.startswith(prefix) or task.name in by_name:
                raise SealError(f"tasks/{file}.py: the name '{task.name}' must begin with {prefix} and be unique")
            by_name[task.name] = task
    return by_name


def task_names() -> list[str]:
    """Every task's name, sorted, without those of the group `sealruler`."""
    return sorted(tasks())


def get_task(name: str) -> Task:
    """The task of a name such as 'seal_lines' or 'sealruler_vt'. Raises SealError for an unknown name."""
    if found := tasks().get(name) or ruler_tasks().get(name):
        return found
    if name == RULER_GROUP:
        raise SealError(f"{name} is a group of tasks; name one of them: {', '.join(ruler_tasks())}")
    raise SealError(f"task '{name}' not found in seal_eval.tasks{nearest(name, [*tasks(), *ruler_tasks(), RULER_GROUP])}")


@cache
def files_read() -> dict[str, tuple[str, ...]]:
    """Setting that names a folder → patterns of the files that tasks read in it, where all tasks with the setting read the same ones."""
    found: dict[str, set[tuple[str, ...]]] = {}
    for task in tasks().values():
        for key in task.file_settings:
            found.setdefault(key, set()).add(task.files_read.get(key, ()))
    return {key: next(iter(patterns)) for key, patterns in found.items() if len(patterns) == 1}


def leaf_name(task: Task, size: int) -> str:
    """lm-eval's name of a task at one length, which 'seal_*' does not match: 'seal1024_lines', 'longeval_topics_5'."""
    if task.unit == "tokens":
        return f"seal{size}_{task.name.removeprefix(TASK_PREFIX)}"
    return f"{task.name.removeprefix(TASK_PREFIX)}_{size}"


def base_task(name: str) -> str | None:
    """The name of the task behind an lm-eval name, which is the task's own or that of one length (`leaf_name`); None for any other task."""
    if name in ruler_tasks() or name in tasks():
        return name
    leaf = re.fullmatch(r"seal(\d+)_(.+)|(.+)_\d+", name)
    task = tasks().get(TASK_PREFIX + (leaf[2] or leaf[3])) if leaf else None
    # a task of others may be called lines_1: only sizes in other units than tokens stand at the end
    return task.name if task and leaf and (task.unit == "tokens") == bool(leaf[1]) else None


def task_settings(task: Task) -> list[str]:
    """The keys of --metadata that this task takes in addition to those that every task takes."""
    return [f.name for f in fields(task) if f.name not in ("name", "summary") and f.metadata.get("setting", True)]  # type: ignore[arg-type]
