"""A suite under way, seen from outside: what is done, what runs, what failed."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from seal_eval.core.errors import SealError
from seal_eval.core.files import LOCK, read_json, reading
from seal_eval.suite.cells import PLAN, note_of, replies_in


@dataclass(frozen=True)
class CellStatus:
    """state: waiting, running, interrupted, done or failed. seconds: what a done one took."""

    label: str
    state: str
    n_replies: int
    n_samples: int
    seconds: float | None
    error: str


def status(out: Path) -> tuple[str, list[CellStatus]]:
    """(the suite's name, its cells). Raises SealError when `out` holds no suite."""
    if not (out / PLAN).is_file():
        raise SealError(f"{out} holds no {PLAN}; it is written by seal-eval suite FILE --out {out}")
    plan, alive = read_json(out / PLAN), _alive(out)
    found = []
    with reading(out / PLAN):
        for cell in plan["cells"]:
            file = note_of(out, cell["folder"])
            now = read_json(file) if file.is_file() else {}
            state = now.get("state", "waiting") if now.get("ident") == cell["ident"] else "waiting"
            if state == "running" and not alive:
                state = "interrupted"
            n = replies_in(out / cell["folder"], cell["n_samples"])
            found.append(CellStatus(cell["label"], state, n, cell["n_samples"], now.get("seconds"), now.get("error", "")))
        return str(plan["name"]), found


def _alive(out: Path) -> bool:
    """Whether a process holds the suite's lock."""
    try:
        with FileLock(out / LOCK, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # somebody else's folder, or a read-only one
        return _held(out / LOCK)


def _held(lock: Path) -> bool:
    """As who may only read the lock's file can tell; where that cannot be told, no."""
    with suppress(OSError, ImportError):  # ImportError: not on Windows
        import fcntl

        with lock.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
    return False
