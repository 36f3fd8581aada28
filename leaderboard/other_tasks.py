"""Tasks from outside this project on the site: what is known of them is their name."""

from dataclasses import dataclass

from seal_eval.core.errors import SealError
from seal_eval.core.names import safe
from seal_eval.core.plugins import Task
from seal_eval.tasks import base_task, get_task


@dataclass(frozen=True)
class OtherTask:
    """A task that lm-evaluation-harness or its user brings, in place of a `Task`."""

    name: str
    summary: str = "a task from outside this project, scored by lm-evaluation-harness"
    citation: str = ""
    unit: str = "tokens"


def about(name: str) -> Task | OtherTask:
    """The task of a name. Raises SealError for a name that no file can have."""
    if base_task(name):
        return get_task(name)
    if safe(name) != name:
        raise SealError(f"task {name[:100]!r}: a page of the site cannot have this name; rename the task in its YAML file")
    return OtherTask(name)
