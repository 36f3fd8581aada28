"""Tasks in a suite that are not this project's: those of lm-evaluation-harness, and the user's own YAML files."""

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from seal_eval.core.errors import SealError, nearest
from seal_eval.suite.schema import TaskEntry
from seal_eval.tasks import RULER_GROUP, base_task, ruler_tasks


def is_other(task: str) -> bool:
    """True for a task that is not this project's. A misspelt name of ours ('seal…') counts as ours, so that its error names ours."""
    return task.endswith(".yaml") or not (task.startswith("seal") or base_task(task))


def located(task: TaskEntry, file: Path) -> list[TaskEntry]:
    """The entry with the absolute path of its YAML file, which the suite's file gives relative to itself. `sealruler`: its thirteen."""
    if task.task.endswith(".yaml"):
        return [task.model_copy(update={"task": str((file.parent / task.task).absolute())})]
    return [task.model_copy(update={"task": name}) for name in (ruler_tasks() if task.task == RULER_GROUP else [task.task])]


def check_other(task: TaskEntry) -> str:
    """Return the name of a task under which results have it.

    Raises SealError for an unknown task, a group, a YAML file without a task's name, and sizes, which only this project's tasks take.
    """
    if task.sizes is not None:
        raise SealError(
            f"sizes is for this project's tasks; {task.task} has its own samples: leave sizes out, and give its settings "
            "(such as max_seq_lengths of lm-eval's RULER) in the task's entry"
        )
    if task.task.endswith(".yaml"):
        return _named_in(Path(task.task))
    single, groups = _known()
    if task.task in groups:
        raise SealError(f"{task.task} is a group of lm-eval's tasks; list its tasks, each in an entry of its own")
    if task.task not in single:
        hint = nearest(task.task, single)
        raise SealError(f"task '{task.task}' not found{hint if len(hint) < 200 else '; list them with: lm_eval ls tasks'}")
    return task.task


def _named_in(file: Path) -> str:
    if not file.is_file():
        raise SealError(f"task file {file} does not exist")
    found = re.search(r"^task:[ \t]*['\"]?([A-Za-z0-9._-]+)['\"]?[ \t]*$", file.read_text(encoding="utf-8"), re.MULTILINE)
    if not found:
        raise SealError(f"task file {file} names no task (a line such as 'task: my_task')")
    return found[1]


@lru_cache(maxsize=1)  # the index takes seconds
def _known() -> tuple[frozenset[str], frozenset[str]]:
    """(the single tasks of lm-eval, its groups and tags)."""
    from lm_eval.tasks.manager import TaskManager

    manager: Any = TaskManager()
    return frozenset(manager.all_subtasks), frozenset({*manager.all_groups, *manager.all_tags})
