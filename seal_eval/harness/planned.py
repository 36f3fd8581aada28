"""The suite that a run belongs to."""

from contextvars import ContextVar
from typing import Any

# its name, the method as it names it, and the cells (method, task, size) that it planned for the model; written into the results file
SUITE: ContextVar[dict[str, Any] | None] = ContextVar("suite", default=None)
