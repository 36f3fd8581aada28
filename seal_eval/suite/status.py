"""The state of a suite, read from its folder by any process, whether the suite is running or not."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from seal_eval.core.errors import SealError
from seal_eval.core.files import reading
from seal_eval.core.folders import LOCK
from seal_eval.results.absent import PLAN, plan_in
from seal_eval.suite.state import read_state, replies_in


@dataclass(frozen=True)
class CellStatus:
    """state: waiting, running, interrupted, done or failed. seconds: how long the cell ran, if it ended. error: '' unless it failed."""

    label: str
    state: str
    n_replies: int
    n_samples: int
    seconds: float | None
    error: str


def status(out: Path) -> tuple[str, list[CellStatus]]:
    """Return (the suite's name, the status of its cells). Raises SealError when `out` holds no suite or a damaged one."""
    if not (out / PLAN).is_file():
        raise SealError(f"{out} holds no {PLAN}; it is written by seal-eval suite FILE --out {out}")
    plan, alive = plan_in(out), is_alive(out)
    statuses = []
    with reading(out / PLAN):
        for cell in plan["cells"]:
            state = read_state(out, cell["folder"], cell["ident"], alive)
            n = replies_in(out / cell["folder"], cell["n_samples"])
            statuses.append(CellStatus(cell["label"], state["state"], n, cell["n_samples"], state.get("seconds"), state.get("error", "")))
        return str(plan["name"]), statuses


def is_alive(out: Path) -> bool:
    """Whether a process holds the suite's lock."""
    try:
        with FileLock(out / LOCK, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # a read-only folder, or one of another user
        return _held(out / LOCK)


def _held(lock: Path) -> bool:
    """Whether a process holds the lock, tested with read access only. False if the file cannot be read or the system has no flock."""
    with suppress(OSError, ImportError):  # ImportError: Windows
        import fcntl

        with lock.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
    return False
