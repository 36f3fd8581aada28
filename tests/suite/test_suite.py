"""Suites: plans, real runs locally and on a Ray cluster, killed workers, status."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from seal_eval.results.records import load_runs
from seal_eval.suite.execute import run_suite
from seal_eval.suite.plan import plan
from seal_eval.suite.state import note
from seal_eval.suite.status import status

from conftest import program, seal_eval, there
from suite_files import write

BIN = Path(sys.executable).parent


def samples(out):
    """Return {path of a sample file relative to the suite's folder, without its time: its bytes}."""
    found = {}
    for file in sorted(out.rglob("samples_*.jsonl")):
        found[str(file.relative_to(out).with_name(file.name.split("_2")[0]))] = file.read_bytes()
    return found


def test_dry_run_writes_nothing(tmp_path, tiny_folder):
    done = seal_eval("suite", write(tmp_path, tiny_folder), "--dry-run", "--out", tmp_path / "out")
    assert "tune channel" in done.stdout and "linear,factor=2.0 · seal_lines · 600" in done.stdout
    assert "6 cells, about" in done.stdout and done.stdout.count("waiting") == 6
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def here(tmp_path_factory, tiny_folder):
    """The folder of a suite that the local executor has run."""
    folder = tmp_path_factory.mktemp("suite")
    done = seal_eval("--log-json", folder / "log.jsonl", "suite", write(folder, tiny_folder), "--out", folder / "out")
    assert "tiny: 6 done" in done.stdout
    return folder


def test_runs_every_cell_once(here, tiny_folder):
    runs = load_runs(here / "out")
    assert sorted((run.method, len(run.records)) for run in runs) == [("linear", 8), ("plain", 8), ("plain", 8), ("seal", 8), ("seal", 8)]
    before = samples(here / "out")
    seal_eval("suite", here / "suite.yaml", "--out", here / "out")
    assert samples(here / "out") == before and len(load_runs(here / "out")) == 5
    events = [json.loads(line) for line in (here / "log.jsonl").read_text().splitlines()]
    assert [e["event"] for e in events].count("cell") == 6 and {"time", "event"} <= events[0].keys()
    name, cells = status(here / "out")
    assert name == "tiny" and {c.state for c in cells} == {"done"} and sum(c.n_replies for c in cells) == 40


def test_other_settings_in_the_same_folder_are_refused(here, tiny_folder, tmp_path):
    task = {"task": "seal_lines", "sizes": [450, 600], "num_samples": 9, "questions_per_record": 4}
    done = seal_eval("suite", write(tmp_path, tiny_folder, tasks=[task]), "--out", here / "out", code=1)
    assert "was run with other settings; give --out a new folder" in done.stderr


def test_ray_gives_the_same_records(here, tmp_path, tiny_folder):
    """Samples are byte-identical to the local executor's, although a worker is killed while its cell runs."""
    methods = [{"method": "plain", "sizes": [450]}, {"method": "seal", "adapter": "channel", "sizes": [600]}]
    file, out, killed, over = write(tmp_path, tiny_folder, methods=methods), tmp_path / "out", [], threading.Event()

    def kill_one():
        while not over.wait(0.01):
            for file in out.glob("cells/runs*.json"):
                state = json.loads(file.read_text())
                if state["state"] == "running" and there(out, "replies-0.jsonl"):
                    os.kill(state["pid"], signal.SIGKILL)
                    killed.append(state["label"])
                    return

    killer = threading.Thread(target=kill_one)
    killer.start()
    try:  # a cluster of its own, whatever else runs on this machine
        done = seal_eval("suite", file, "--out", out, "--executor", "ray", env={"RAY_ADDRESS": "local"})
    finally:
        over.set()
        killer.join()
    assert "tiny: 3 done" in done.stdout and len(killed) == 1
    local = samples(here / "out")
    assert len(samples(out)) == 2 and samples(out).items() <= local.items()


def pids(out):
    """The processes of the cells that run."""
    states = [json.loads(file.read_text()) for file in out.glob("cells/*.json")]
    return [state["pid"] for state in states if state["state"] == "running"]


def ended(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_dead_worker_and_a_failing_cell(here, tmp_path, tiny_folder):
    """The local executor replaces a killed worker; a failed cell is recorded, the other cells run, and the exit status is 1."""
    adapters = {"channel": {"task": "seal_lines", "recipe": "fixed", "length": 420, "samples": 2, "validation": 1}}
    methods = ["plain", {"method": "seal", "adapter": str(tmp_path / "wrong")}]
    (tmp_path / "wrong").mkdir()
    file, out = write(tmp_path, tiny_folder, methods=methods, adapters=adapters), tmp_path / "out"
    command = [program("seal-eval"), "suite", file, "--out", out]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not (first := pids(out)):
        assert running.poll() is None, running.stderr.read()
        time.sleep(0.02)
    os.kill(first[0], signal.SIGKILL)
    _, said = running.communicate(timeout=600)
    assert running.returncode == 1 and "2 of 5 cells failed" in said and said.count("has no adapter_model.safetensors") == 2
    found = {c.label.split(" · ", 1)[1]: c.state for c in status(out)[1]}
    assert list(found.values()).count("failed") == 2 and found["plain · seal_lines · 450"] == "done"
    plain = {k: v for k, v in samples(here / "out").items() if "plain" in k}
    assert samples(out) == plain
    table = seal_eval("status", out).stdout
    assert "tiny: 3 done, 2 failed" in table and "adapter_model.safetensors" in table


def test_killed_suite_goes_on(here, tmp_path, tiny_folder):
    """While a suite runs, a second process is refused; after SIGKILL of the suite's process, the same command completes it."""
    out, command = tmp_path / "out", [BIN / "seal-eval", "suite", here / "suite.yaml", "--out", tmp_path / "out"]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not there(out, "replies-0.jsonl"):
        assert running.poll() is None, "ended before it could be killed"
        time.sleep(0.02)
    running.send_signal(signal.SIGSTOP)  # and its worker: else a second process that is slow would find a suite that is complete
    stopped = pids(out)
    try:
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        second = subprocess.run([program("seal-eval"), *command[1:]], capture_output=True, text=True, check=False)
    finally:
        running.kill()
        running.wait()
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    while not all(map(ended, stopped)):  # a worker ends with its suite; until then it holds the lock of its cell
        time.sleep(0.02)
    assert second.returncode == 1 and "another process is writing to" in second.stderr
    assert {c.state for c in status(out)[1]} <= {"done", "interrupted", "waiting"}  # none seems to run; the kill may fall between two cells
    seal_eval("suite", here / "suite.yaml", "--out", out)
    assert samples(out) == samples(here / "out")


def test_cells_of_a_dead_process_do_not_look_alive(here, tmp_path, monkeypatch):
    """A cell that ran when its suite was killed is shown as interrupted, also while the continued suite runs other cells."""
    out, seen = tmp_path / "out", []
    shutil.copytree(here / "out", out)
    suite, cells = plan(here / "suite.yaml", out)
    note(out, cells[-1], "running")

    def look(*_):
        seen.append(status(out)[1][-1].state)
        return iter(())

    monkeypatch.setattr("seal_eval.suite.execute._local", look)
    run_suite(suite, cells, out)
    assert seen == ["interrupted"]


def test_estimates_follow_the_arithmetic(tmp_path, tiny_folder):
    """Parameters equal the weights' number; longer samples take longer; memory exceeds that of the fp32 weights."""
    from seal_eval.suite.estimate import cell_cost, shape

    from conftest import tiny_model

    suite, cells = plan(write(tmp_path, tiny_folder), tmp_path / "out")
    assert shape(str(tiny_folder))["parameters"] == sum(p.numel() for p in tiny_model().parameters())
    runs = {cell.size: cell_cost(suite, cell) for cell in cells if cell.kind == "run" and "plain" in cell.label}
    assert runs[450].n_read == 900 and runs[600].n_read == 1200  # two records, each prefilled once
    assert runs[600].seconds > runs[450].seconds > 0 and runs[450].memory > 4 * shape(str(tiny_folder))["parameters"]


def test_no_suite_there(tmp_path):
    assert "holds no suite.json" in seal_eval("status", tmp_path, code=1).stderr
    assert "choose local or ray" in seal_eval("suite", tmp_path / "x.yaml", "--executor", "slurm", code=1).stderr
