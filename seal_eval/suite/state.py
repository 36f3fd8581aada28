"""The state of a suite's cells on disk: notes, logs, replies. Only this module decides whether a cell is done."""

from pathlib import Path
from typing import Any

from seal_eval.core.content import fingerprint
from seal_eval.core.errors import SealError
from seal_eval.core.files import CARD, MAP, read_json, read_object, write_json
from seal_eval.harness.resume import has_results, logged_replies
from seal_eval.results.absent import PLAN as PLAN
from seal_eval.results.absent import note_of as note_of
from seal_eval.suite.cells import Cell

BY_CONTENT = 2  # in notes, the kind of ident: 1, or none, does not tell what the model's files held


def log_of(out: Path, cell: Cell) -> Path:
    """The file that a cell's output is written to."""
    return note_of(out, cell.folder).with_suffix(".log")


def note(out: Path, cell: Cell, state: str, **about: Any) -> None:
    """Record a cell's state, with `about`, in its note."""
    file = note_of(out, cell.folder)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_json(file, {"ident": cell.ident, "identity": BY_CONTENT, "label": cell.label, "state": state, **about})


def read_state(out: Path, folder: str, ident: str, alive: bool = True) -> dict[str, Any]:
    """Return the note of the cell `ident` in `folder`, {"state": …, …}; state: waiting, running, interrupted, done or failed.

    A note of another cell (other settings, other files) is ignored, and so is one whose results are gone. alive: whether the suite's
    process is running; if not, no cell is.
    """
    file = note_of(out, folder)
    recorded = dict(read_json(file)) if file.is_file() else {}
    if recorded.get("ident") != ident or "state" not in recorded or (recorded["state"] == "done" and not _holds_results(out / folder)):
        return {"state": "waiting"}
    if recorded["state"] == "running" and not alive:
        return {**recorded, "state": "interrupted"}
    return recorded


def state_of(out: Path, cell: Cell, alive: bool = True) -> dict[str, Any]:
    """`read_state` for a planned cell. Raises SealError when its folder holds results of other settings or files, or changed files.

    An adapter whose tuning diverged is no result: with other settings the cell is waiting.
    """
    state = read_state(out, cell.folder, cell.ident, alive)
    if diverged_before(out, cell):
        return state
    file, place = note_of(out, cell.folder), out / cell.folder
    recorded = read_json(file) if file.is_file() else {}
    remedy = f"give --out a new folder, or remove this one and {file}"
    if recorded and recorded.get("ident") != cell.ident and (recorded.get("state") == "done" or _holds_results(place)):
        if recorded.get("identity") != BY_CONTENT:
            raise SealError(
                f"{place} was run by an earlier version, which did not record what the files of the model held, so nobody can tell whether "
                f"they are the same now; {remedy}"
            )
        if recorded.get("content", cell.content) != cell.content:
            raise SealError(f"{place} was run with another model: the files of {cell.model} held something else then; {remedy}")
        raise SealError(f"{place} was run with other settings; {remedy}")
    if not recorded and is_made(place):
        raise SealError(f"{place} was not made by this suite: {file} is missing; {remedy}")
    if state["state"] == "done" and cell.kind != "run" and recorded.get("made") != fingerprint(place):
        raise SealError(f"{place} was changed after the suite made it; {remedy}")
    return state


def diverged_before(out: Path, cell: Cell) -> bool:
    """Whether the cell's folder holds an adapter that diverged when it was tuned with other settings; tuning may replace it."""
    file, card = note_of(out, cell.folder), out / cell.folder / CARD
    if cell.kind != "tune" or not (file.is_file() and card.is_file()):
        return False
    recorded = read_json(file)
    return recorded.get("ident") != cell.ident and recorded.get("state") != "done" and bool(read_object(card).get("diverged"))


def _holds_results(folder: Path) -> bool:
    return has_results(folder) or is_made(folder)


def is_made(folder: Path) -> bool:
    """Whether the folder holds a complete template, adapter or map of heads, even if the note was never written."""
    return (folder / CARD).is_file() or (folder / MAP).is_file()


def replies(out: Path, cell: Cell) -> int:
    """The number of a cell's replies on disk."""
    return replies_in(out / cell.folder, cell.n_samples)


def replies_in(folder: Path, n_samples: int) -> int:
    """The number of replies on disk in a cell's folder; `n_samples` if the folder holds results."""
    return n_samples if has_results(folder) else min(n_samples, logged_replies(folder))
