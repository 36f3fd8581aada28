"""Workers that die: no cell is lost, and none fails because of another cell's deaths."""

import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from seal_eval.suite import execute
from seal_eval.suite.cells import Cell
from seal_eval.suite.state import state_of


def cell(name):
    return Cell(name, 0, name, name, "run", "m", "auto", {}, 1, 1)


def work(out, cell):
    """Stands for a cell's work in the worker; the first word of the cell's name tells what happens."""
    with (out / cell.label).open("a") as file:
        file.write("begun\n")
    what = cell.label.split()[0]
    if what == "dies":
        if cell.label == "dies beside":
            wait_for_the_lasting(out)
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "leaves":  # the worker dies after its cell has ended, as from a late signal
        threading.Timer(0.3, os._exit, [1]).start()
    if what == "lasts" and begun(out, cell.label) == 1:
        wait_for_the_lasting(out)
        time.sleep(600)  # until the pool breaks, which ends its workers
    return ""


def wait_for_the_lasting(out):
    limit = time.monotonic() + 600
    while not all((out / f"lasts {n}").exists() for n in (1, 2, 3)) and time.monotonic() < limit:
        time.sleep(0.01)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return a function that runs cells and returns [(cell, its error), …] in the order in which they ended."""
    monkeypatch.setattr(execute, "work", work)

    def run(*names, workers, pause=0.0):
        ended = []
        for done, error in execute._local(tmp_path, [cell(name) for name in names], workers):
            if done:
                ended.append((done.label, error))
                time.sleep(pause)
        return ended

    return run


def begun(out, name):
    return Path(out / name).read_text().count("begun")


def test_a_cell_is_not_lost_between_two_looks(run):
    """The worker has died by the time the next cell is handed to it."""
    assert run("leaves first", "good", "leaves last", workers=1, pause=1.5) == [("leaves first", ""), ("good", ""), ("leaves last", "")]


def test_the_cells_beside_a_dying_one_are_whole(run, tmp_path):
    ended = dict(run("lasts 1", "dies beside", "lasts 2", "lasts 3", "good 4", "good 5", workers=4))
    assert ended.pop("dies beside") == "its process died 3 times; out of memory?"
    assert ended == dict.fromkeys(["lasts 1", "lasts 2", "lasts 3", "good 4", "good 5"], "")
    assert begun(tmp_path, "dies beside") == 1 + execute.RETRIES and begun(tmp_path, "lasts 1") == 2
    assert state_of(tmp_path, cell("dies beside"))["state"] == "failed"


def test_other_processes_of_the_program_go_on(run):
    """Such as those of a notebook that runs a suite."""
    other = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(3600,))
    other.start()
    try:
        assert run("goes", workers=1) == [("goes", "")]
        other.join(1)
        assert other.exitcode is None
    finally:
        other.terminate()
        other.join()


def test_a_cell_alone_is_tried_three_times(run, tmp_path):
    assert run("dies", "good", workers=1) == [("dies", "its process died 3 times; out of memory?"), ("good", "")]
    assert begun(tmp_path, "dies") == execute.RETRIES
