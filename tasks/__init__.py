"""Task families: one file each builds samples, words the prompt and scores replies; yaml/ tells lm-eval about them."""

import re
from dataclasses import fields
from functools import cache
from importlib import import_module
from pathlib import Path

from seal_eval.core.errors import SealError, nearest
from seal_eval.core.types import Task

TASK_PREFIX = "seal_"  # what --tasks 'seal_*' finds: tasks that run on any model


@cache
def tasks() -> dict[str, Task]:
    """Every task by its lm-eval name: the files here with a TASKS."""
    modules = (import_module(f"seal_eval.tasks.{f.stem}") for f in sorted(Path(__file__).parent.glob("*.py")) if f.stem != "__init__")
    return {task.name: task for module in modules for task in getattr(module, "TASKS", ())}


def task_names() -> list[str]:
    """Every task's name, sorted."""
    return sorted(tasks())


def get_task(name: str) -> Task:
    """A task by its name ('seal_lines')."""
    if name not in tasks():
        raise SealError(f"task '{name}' not found in seal_eval.tasks{nearest(name, tasks())}")
    return tasks()[name]


def leaf_name(task: Task, size: int) -> str:
    """lm-eval's name of a task at one length, outside of 'seal_*': 'seal1024_lines', 'longeval_topics_5'."""
    if task.unit == "tokens":
        return f"seal{size}_{task.name.removeprefix(TASK_PREFIX)}"
    return f"{task.name.removeprefix(TASK_PREFIX)}_{size}"


def base_task(name: str) -> str | None:
    """The task behind an lm-eval name, its own or a leaf's; None for a foreign one."""
    leaf = re.fullmatch(r"seal\d+_(.+)|(.+)_\d+", name)
    base = TASK_PREFIX + (leaf[1] or leaf[2]) if leaf else name
    return base if base in tasks() else None


def task_settings(task: Task) -> list[str]:
    """The keys of --metadata that this task takes besides those every task takes."""
    return [f.name for f in fields(task) if f.name not in ("name", "summary", "pass_key")]  # type: ignore[arg-type]
