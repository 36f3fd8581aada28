"""Task families: one file each builds samples, words the prompt and scores replies; yaml/ tells lm-eval about them."""

from importlib import import_module
from pathlib import Path

from seal_eval.errors import SealError, nearest
from seal_eval.types import TaskModule

PREFIX = "seal_"


def task_names() -> list[str]:
    """Every task, by its lm-eval name: a file's presence registers it."""
    return sorted(f"{PREFIX}{file.stem}" for file in Path(__file__).parent.glob("*.py") if file.stem not in ("__init__", "dataset"))


def get_task(name: str) -> TaskModule:
    """The module of a task, by its lm-eval name ('seal_lines')."""
    if name not in task_names():
        raise SealError(f"task '{name}' not found in seal_eval.tasks{nearest(name, task_names())}")
    return import_module(f"seal_eval.tasks.{name.removeprefix(PREFIX)}")
