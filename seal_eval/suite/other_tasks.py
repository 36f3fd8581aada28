"""Tasks in a suite that are not this project's: those of lm-evaluation-harness, and the user's own YAML files."""

import difflib
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from seal_eval.core.errors import SealError, nearest
from seal_eval.core.files import read_text
from seal_eval.harness.command_line import lm_eval_command
from seal_eval.harness.task_config import check_metadata
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


# flags of lm-eval's run that an entry might name → where a suite has them; it has no others
PLACES = {
    "limit": "num_samples", "seed": "seed of the suite", "batch_size": "batch_size of the suite", "device": "device of the suite",
    "chat_template": "apply_chat_template of the model", "apply_chat_template": "apply_chat_template of the model",
    "system_instruction": "system_instruction of the model", "model": "engine of the suite", "model_args": "args of the model",
    "trust_remote_code": "args of the model", "metadata": "the entry itself, one key for each",
}  # fmt: skip
OWN_KEYS = ("num_samples", "num_fewshot", "gen_kwargs")


def refuse_flags(keys: Iterable[str]) -> None:
    """Raise SealError for a key that is a flag of lm-eval's, or a misspelt key of an entry: as a task's setting it would be dropped."""
    for key in sorted(keys):
        if key.isdecimal():
            raise SealError(f"'{key}' is no setting: in {{…}} a comma ends a value, so write 1000 and not 1,000")
        if key in PLACES or key in _flags():
            raise SealError(f"{key} is not a setting of tasks; {_instead(key)}")
        if close := difflib.get_close_matches(key, OWN_KEYS, n=1, cutoff=0.8):
            raise SealError(f"unknown setting '{key}'; did you mean '{close[0]}'?")


def _instead(flag: str) -> str:
    return f"it is set by {PLACES[flag]}" if flag in PLACES else f"a suite has no such key: use seal-eval run --{flag}"


@lru_cache(maxsize=1)
def _flags() -> frozenset[str]:
    """The names of the flags of lm-eval's run."""
    return frozenset(action.dest for action in lm_eval_command()._subparsers.choices["run"]._actions)


def check_other(task: TaskEntry) -> str:
    """Return the name of a task under which results have it.

    Raises SealError for an unknown task, a group, a YAML file without a task's name, sizes, which only this project's tasks take, and
    settings that lm-eval would drop.
    """
    if task.sizes is not None:
        raise SealError(
            f"sizes is for this project's tasks; {task.task} has its own samples: leave sizes out, and give its settings "
            "(such as max_seq_lengths of lm-eval's RULER) in the task's entry"
        )
    refuse_flags(task.settings)
    check_metadata(task.settings, strict=False, place="write it in args of the model", where="")
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
    found = re.search(r"^task:[ \t]*['\"]?([\w.-]+)['\"]?[ \t]*(?:[ \t]#.*)?$", read_text(file), re.MULTILINE)
    if not found:
        raise SealError(f"task file {file} names no task (a line such as 'task: my_task')")
    return found[1]


@lru_cache(maxsize=1)  # the index takes seconds
def _known() -> tuple[frozenset[str], frozenset[str]]:
    """(the single tasks of lm-eval, its groups and tags)."""
    from lm_eval.tasks.manager import TaskManager

    manager: Any = TaskManager()
    return frozenset(manager.all_subtasks), frozenset({*manager.all_groups, *manager.all_tags})
