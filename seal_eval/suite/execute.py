"""Run a suite's cells in worker processes on this machine, or as tasks on a Ray cluster. Both write the same records."""

import multiprocessing
import os
import platform
import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import redirect_stderr, redirect_stdout
from itertools import chain
from pathlib import Path
from typing import Any

from seal_eval.core.errors import SealError, first_line
from seal_eval.core.files import write_json
from seal_eval.core.folders import only_writer
from seal_eval.core.progress import event, progress
from seal_eval.core.streams import no_bars, warn
from seal_eval.suite.cell_work import perform
from seal_eval.suite.cells import Cell
from seal_eval.suite.schema import Suite
from seal_eval.suite.state import PLAN, diverged_before, log_of, note, replies, state_of

POLL_SECONDS = 1.0  # the replies on disk are counted this often
RETRIES = 3  # a cell whose worker died this often while it ran alone has failed; on Ray: restarts of a cell
Outcome = tuple[Cell | None, str]  # a cell that ended and its error, '' if it succeeded; None: only time has passed


def run_suite(suite: Suite, cells: list[Cell], out: Path, executor: str = "local", workers: int = 1, address: str = "") -> int:
    """Run the cells that are not done yet, wave by wave, and return how many failed.

    The state and the log of each cell are in `out`/cells. Raises SealError when another process works on `out`, when a folder holds results
    of other settings, and when Ray is not installed or not reachable.
    """
    if not any("vllm" in cell.work.get("argv", ()) for cell in cells):
        no_bars()  # of the workers, whose output goes to files
    with only_writer(out):
        states = [(cell, state_of(out, cell)["state"]) for cell in cells]
        todo = [cell for cell, state in states if state != "done"]
        for stale in (cell for cell, state in states if state == "running"):  # its process is dead, because this one has the lock
            note(out, stale, "interrupted")
        for useless in (cell for cell in todo if diverged_before(out, cell)):
            shutil.rmtree(out / useless.folder)
        listed = [
            {
                "folder": c.folder,
                "label": c.label,
                "n_samples": c.n_samples,
                "ident": c.ident,
                "model": c.loads or None,
                "planned": c.planned,
            }
            for c in cells
        ]
        write_json(out / PLAN, {"name": suite.name, "cells": listed})
        event("suite", name=suite.name, cells=len(cells), done=len(cells) - len(todo))
        failed, lost = 0, dict[str, str]()  # lost: folder of a failed cell → its label
        with progress(suite.name, sum(c.n_samples for c in cells), done=sum(replies(out, c) for c in cells), unit="reply") as bar:
            for wave in sorted({cell.wave for cell in todo}):
                now = [cell for cell in todo if cell.wave == wave]
                whole = [cell for cell in now if not lost.keys() & cell.needs]
                outcomes = _local(out, whole, workers) if executor == "local" else _ray(out, whole, suite, address)
                for cell, error in chain(_not_run(out, [cell for cell in now if cell not in whole], lost), outcomes):
                    if cell is not None:
                        failed += bool(error)
                        event("cell", label=cell.label, error=error)
                        if error:
                            lost[cell.folder] = cell.label
                            print(f"{cell.label}: {error}", file=sys.stderr)
                    bar.update(sum(replies(out, c) for c in cells) - bar.done)
    return failed


def _not_run(out: Path, cells: list[Cell], lost: Mapping[str, str]) -> Iterator[Outcome]:
    """The outcomes of cells that cannot run, because they read files of failed cells. lost: folder of a failed cell → its label."""
    for cell in cells:
        error = f"not run, because '{next(lost[folder] for folder in cell.needs if folder in lost)}' failed"
        note(out, cell, "failed", error=error)
        yield cell, error


def work(out: Path, cell: Cell) -> str:
    """Run one cell in this process and return its error, '' if it succeeded. Its output goes to its log."""
    began = time.time()
    about: dict[str, Any] = {"pid": os.getpid(), "host": platform.node(), "began": began, "content": cell.content}
    try:
        note(out, cell, "running", **about)
        opened = log_of(out, cell).open("a", encoding="utf-8")
    except (OSError, SealError) as failure:  # the other cells may have room
        return f"its state cannot be written: {failure}"
    error = ""
    with opened as log, redirect_stdout(log), redirect_stderr(log):
        try:
            about |= perform(cell)
        except SystemExit as end:  # of argparse, whose message is in the log
            error = f"it ended with status {end.code}; see {log_of(out, cell)}"
        except Exception as failure:
            import traceback

            traceback.print_exc()
            lines = str(failure).strip().splitlines() or [type(failure).__name__]
            error = lines[0] if isinstance(failure, SealError) else f"{type(failure).__name__}: {lines[0]}"
    try:
        note(out, cell, "failed" if error else "done", error=error, seconds=time.time() - began, **about)
    except (OSError, SealError) as failure:
        return error or f"its state cannot be written: {failure}"
    return error


def _local(out: Path, cells: list[Cell], workers: int) -> Iterator[Outcome]:
    """Run the cells in a pool of worker processes and yield their outcomes.

    A worker that dies (out of memory, a signal) breaks the pool, and any of the running cells may be the cause. So these cells are run
    again one at a time before the others, and a death counts only against a cell that ran alone.
    """
    waiting, suspects, deaths = list(cells), list[Cell](), Counter[str]()
    others = {*multiprocessing.active_children()}  # of the program that runs the suite, such as a notebook
    while suspects or waiting:
        queue, n_workers = (suspects, 1) if suspects else (waiting, workers)
        pool = ProcessPoolExecutor(min(n_workers, len(queue)), _context(), initializer=_die_with_parent)
        running: dict[Future[str], Cell] = {}
        try:
            while queue or running:
                while queue and len(running) < n_workers:
                    running[pool.submit(work, out, queue[0])] = queue[0]  # raises BrokenProcessPool if a worker has died
                    queue.pop(0)
                ended, _ = wait(running, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
                for future in ended:
                    error = future.result()
                    yield running.pop(future), error
                yield None, ""
            pool.shutdown()
        except BrokenProcessPool:
            pool.shutdown()  # after this no worker writes any more, and every future has a result or an exception
            alone = len(running) == 1
            for future, cell in running.items():
                if future.exception() is None:  # it ended before the pool broke
                    yield cell, future.result()
                    continue
                deaths[cell.ident] += alone
                if deaths[cell.ident] < RETRIES:
                    note(out, cell, "interrupted")
                    suspects.append(cell)
                    continue
                error = f"its process died {RETRIES} times; out of memory?"
                note(out, cell, "failed", error=error)
                yield cell, error
        finally:
            for process in {*multiprocessing.active_children()} - others:  # if the pool broke or is being stopped
                process.terminate()
            pool.shutdown(cancel_futures=True)


def _context() -> Any:
    """Start workers as forks of a server process, which has imported what they need and never uses a GPU."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["seal_eval.harness.seal_lm", "seal_eval.harness.run", "seal_eval.tuning.tune"])
    return context


def _die_with_parent() -> None:
    """End this worker when the suite's process ends; otherwise it would go on and hold the lock of its cell."""
    parent = multiprocessing.parent_process()
    if parent is not None:

        def watch() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=watch, daemon=True).start()


def _check_nodes(nodes: list[dict[str, Any]], suite: Suite) -> None:
    """Raise SealError when no machine of a Ray cluster can ever hold a cell: Ray would wait for one without a word.

    nodes: from ray.nodes(). Says so on stderr when cells reserve none of the cluster's GPUs.
    """
    alive = [{"CPU": 0.0, "GPU": 0.0} | node.get("Resources", {}) for node in nodes if node.get("Alive", True)]
    most = " and ".join(sorted({f"{held['CPU']:g} CPUs with {held['GPU']:g} GPUs" for held in alive})) or "none"
    if not any(held["CPU"] >= suite.cpus and held["GPU"] >= suite.gpus for held in alive):
        raise SealError(
            f"no machine of the Ray cluster can hold a cell of cpus: {suite.cpus:g} and gpus: {suite.gpus:g} (machines: {most}); lower "
            "them in the suite's file, or add a machine"
        )
    if not suite.gpus and any(held["GPU"] for held in alive):
        warn(f"the Ray cluster has GPUs (machines: {most}), and the suite's cells reserve none; write gpus: 1 in its file to use them")


def _ray(out: Path, cells: list[Cell], suite: Suite, address: str) -> Iterator[Outcome]:
    """Run each cell as a Ray task and yield the outcomes. All machines must see `out`. Ray restarts a task whose worker died."""
    try:
        import ray
    except ImportError as missing:
        raise SealError("--executor ray needs Ray: pip install ray") from missing
    started = not ray.is_initialized()
    if started:
        try:
            ray.init(address=address or None, log_to_driver=False, include_dashboard=False)
        except (ConnectionError, ValueError, RuntimeError) as refused:
            raise SealError(f"no Ray cluster at '{address}': {first_line(refused)}") from refused
    try:
        _check_nodes(ray.nodes(), suite)
        remote = ray.remote(num_cpus=suite.cpus, num_gpus=suite.gpus, max_retries=RETRIES)(work)
        running = {remote.remote(out, cell): cell for cell in cells}
        while running:
            ended, _ = ray.wait(list(running), timeout=POLL_SECONDS)
            for task in ended:
                cell = running.pop(task)
                try:
                    yield cell, ray.get(task)
                except ray.exceptions.RayError as failure:
                    error = f"{type(failure).__name__}: {first_line(failure)}"
                    note(out, cell, "failed", error=error)
                    yield cell, error
            yield None, ""
    finally:
        if started:
            ray.shutdown()
