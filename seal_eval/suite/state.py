"""The state of a suite's cells on disk: notes, logs, replies. Only this module decides whether a cell is done."""

from pathlib import Path
from typing import Any

from seal_eval.core.errors import SealError
from seal_eval.core.files import CARD, MAP, read_json, write_json
from seal_eval.harness.resume import has_results, logged_replies
from seal_eval.suite.cells import Cell

NOTES_FOLDER = "cells"  # in a suite's output folder; holds a note and a log per cell
PLAN = "suite.json"  # in a suite's output folder: its name and its cells


def note_of(out: Path, folder: str) -> Path:
    """The file that records the state of the cell in `folder`."""
    return out / NOTES_FOLDER / f"{folder.replace('/', '--')}.json"


def log_of(out: Path, cell: Cell) -> Path:
    """The file that a cell's output is written to."""
    return note_of(out, cell.folder).with_suffix(".log")


def note(out: Path, cell: Cell, state: str, **about: Any) -> None:
    """Record a cell's state, with `about`, in its note."""
    file = note_of(out, cell.folder)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_json(file, {"ident": cell.ident, "label": cell.label, "state": state, **about})


def read_state(out: Path, folder: str, ident: str, alive: bool = True) -> dict[str, Any]:
    """Return the note of the cell `ident` in `folder`, {"state": …, …}; state: waiting, running, interrupted, done or failed.

    A note of another cell (other settings) is ignored. alive: whether the suite's process is running; if not, no cell is.
    """
    file = note_of(out, folder)
    recorded = dict(read_json(file)) if file.is_file() else {}
    if recorded.get("ident") != ident:
        return {"state": "waiting"}
    if recorded["state"] == "running" and not alive:
        return {**recorded, "state": "interrupted"}
    return recorded


def state_of(out: Path, cell: Cell) -> dict[str, Any]:
    """`read_state` for a planned cell. Raises SealError when the cell's folder holds results of other settings."""
    state = read_state(out, cell.folder, cell.ident)
    file = note_of(out, cell.folder)
    if state["state"] == "waiting" and file.is_file() and read_json(file).get("state") == "done":
        raise SealError(f"{out / cell.folder} was run with other settings; give --out a new folder, or remove this one and {file}")
    return state


def is_made(folder: Path) -> bool:
    """Whether the folder holds a complete template, adapter or map of heads, even if the note was never written."""
    return (folder / CARD).is_file() or (folder / MAP).is_file()


def replies(out: Path, cell: Cell) -> int:
    """The number of a cell's replies on disk."""
    return replies_in(out / cell.folder, cell.n_samples)


def replies_in(folder: Path, n_samples: int) -> int:
    """The number of replies on disk in a cell's folder; `n_samples` if the folder holds results."""
    return n_samples if has_results(folder) else min(n_samples, logged_replies(folder))
