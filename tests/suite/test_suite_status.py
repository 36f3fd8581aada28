"""A suite's status: texts are shown unchanged, and it works in a folder that cannot be written."""

import pytest
from filelock import FileLock

from seal_eval.core.errors import SealError
from seal_eval.core.files import read_json, write_json
from seal_eval.core.folders import LOCK
from seal_eval.suite.cells import Cell
from seal_eval.suite.commands import show_status
from seal_eval.suite.state import PLAN, note, note_of
from seal_eval.suite.status import status

SAID = "chat template t.jinja drops the system's turn: '<s>[INST] What is 2 + 2? [/INST]' :smile:"


@pytest.fixture
def out(tmp_path):
    """A suite's folder with a running cell, and that cell."""
    cell = Cell("0", 0, "m · seal(run[a]) · seal_lines", "made/m__t", "template", "m", "auto", {}, 0, 0)
    note(tmp_path, cell, "running")
    listed = {"folder": cell.folder, "label": cell.label, "n_samples": 0, "ident": cell.ident}
    write_json(tmp_path / PLAN, {"name": "s", "cells": [listed]})
    return tmp_path, cell


def test_brackets_are_no_markup(out, capsys):
    folder, cell = out
    note(folder, cell, "failed", error=SAID)
    show_status(folder)
    shown = capsys.readouterr().out
    assert SAID in shown and "seal(run[a])" in shown and "s: 1 failed" in shown


@pytest.mark.parametrize("error", [PermissionError, OSError])
def test_a_folder_that_cannot_be_written(out, monkeypatch, error):
    """The status is shown; a lock that can only be read still tells whether the suite runs."""
    folder, _ = out

    class NotOurs:
        def __init__(self, *_, **__):
            raise error("not ours")

    with FileLock(folder / LOCK) as lock:
        monkeypatch.setattr("seal_eval.suite.status.FileLock", NotOurs)
        assert status(folder)[1][0].state == "running"
        lock.release()
        assert status(folder)[1][0].state == "interrupted"
    (folder / LOCK).unlink(missing_ok=True)
    assert status(folder)[1][0].state == "interrupted"


@pytest.mark.parametrize("folder", ["a" * 290, "../elsewhere", "/tmp/elsewhere"])
def test_a_plan_names_folders_within_the_suite(out, folder):
    place, cell = out
    write_json(place / PLAN, {"name": "s", "cells": [{"folder": folder, "label": "l", "n_samples": 0, "ident": cell.ident}]})
    with pytest.raises(SealError, match=r"suite\.json: cells\[0\]\.folder is .* must be a path of at most 200 bytes"):
        status(place)


def test_a_note_without_a_state_is_as_none(out):
    folder, cell = out
    note(folder, cell, "done")
    file = note_of(folder, cell.folder)
    write_json(file, {key: value for key, value in read_json(file).items() if key != "state"})
    assert status(folder)[1][0].state == "waiting"
