"""Run a suite's cells: in worker processes here, or as tasks of a Ray cluster; a cell's folder is its own, so records are the same."""

import multiprocessing
import os
import platform
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from seal_eval.core.errors import SealError
from seal_eval.core.files import only_writer, write_json
from seal_eval.core.progress import event, progress
from seal_eval.suite.cells import PLAN, Cell, log_of, note, perform, replies, state_of
from seal_eval.suite.spec import Suite

POLL_SECONDS = 1.0  # seconds between two looks at the replies on disk
RETRIES = 3  # deaths of a cell that was alone
Outcome = tuple[Cell | None, str]  # a cell that ended and its error, '' when it is whole; None: time has passed


def run_suite(suite: Suite, cells: list[Cell], out: Path, executor: str = "local", workers: int = 1, address: str = "") -> int:
    """Run the cells that are not done yet; returns how many failed.

    Each cell's outcome stands in `out`/cells, what it printed beside it. A second process on the same `out` is refused.
    """
    os.environ.setdefault("TQDM_DISABLE", "1")  # of the workers, whose output goes to files
    with only_writer(out):
        states = [(cell, state_of(out, cell)["state"]) for cell in cells]
        todo = [cell for cell, state in states if state != "done"]
        for begun in (cell for cell, state in states if state == "running"):  # in a process that is dead, since the lock is ours
            note(out, begun, "interrupted")
        listed = [{"folder": c.folder, "label": c.label, "n_samples": c.n_samples, "ident": c.ident} for c in cells]
        write_json(out / PLAN, {"name": suite.name, "cells": listed})
        event("suite", name=suite.name, cells=len(cells), done=len(cells) - len(todo))
        failed = 0
        with progress(suite.name, sum(c.n_samples for c in cells), done=sum(replies(out, c) for c in cells), unit="reply") as bar:
            for wave in sorted({cell.wave for cell in todo}):
                now = [cell for cell in todo if cell.wave == wave]
                for cell, error in _local(out, now, workers) if executor == "local" else _ray(out, now, suite, address):
                    if cell is not None:
                        failed += bool(error)
                        event("cell", label=cell.label, error=error)
                        if error:
                            print(f"{cell.label}: {error}", file=sys.stderr)
                    bar.update(sum(replies(out, c) for c in cells) - bar.done)
    return failed


def work(out: Path, cell: Cell) -> str:
    """Do one cell in this process; returns its error, '' when it is whole. What it prints goes to its log."""
    began = time.time()
    about = {"pid": os.getpid(), "host": platform.node(), "began": began}
    note(out, cell, "running", **about)
    error = ""
    with log_of(out, cell).open("a", encoding="utf-8") as log, redirect_stdout(log), redirect_stderr(log):
        try:
            perform(cell.work, cell.kind)
        except Exception as failure:
            import traceback

            traceback.print_exc()
            said = str(failure).strip().splitlines() or [type(failure).__name__]
            error = said[0] if isinstance(failure, SealError) else f"{type(failure).__name__}: {said[0]}"
    note(out, cell, "failed" if error else "done", error=error, seconds=time.time() - began, **about)
    return error


def _local(out: Path, cells: list[Cell], workers: int) -> Iterator[Outcome]:
    """Workers that outlive their cells. One that dies (memory, a signal) takes the pool along, and any cell in flight may be why: they
    are tried again one at a time, before the rest goes on, and a death counts for a cell that was alone.
    """
    waiting, suspects, deaths = list(cells), list[Cell](), Counter[str]()
    while suspects or waiting:
        queue, at_once = (suspects, 1) if suspects else (waiting, workers)
        pool = ProcessPoolExecutor(min(at_once, len(queue)), multiprocessing.get_context("spawn"), initializer=_die_with_parent)
        flying: dict[Future[str], Cell] = {}
        try:
            while queue or flying:
                while queue and len(flying) < at_once:
                    flying[pool.submit(work, out, queue[0])] = queue[0]  # raises when a worker has died meanwhile
                    queue.pop(0)
                ended, _ = wait(flying, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
                for future in ended:
                    error = future.result()
                    yield flying.pop(future), error
                yield None, ""
            pool.shutdown()
        except BrokenProcessPool:
            pool.shutdown()  # from here on no worker writes, and every future is settled
            alone = len(flying) == 1
            for future, cell in flying.items():
                if future.exception() is None:  # it had ended before
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
            for process in multiprocessing.active_children():  # of a pool that broke or is being stopped
                process.terminate()
            pool.shutdown(cancel_futures=True)


def _die_with_parent() -> None:
    """A worker must not go on, and hold its cell's lock, when the suite's process is gone."""
    parent = multiprocessing.parent_process()
    if parent is not None:

        def watch() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=watch, daemon=True).start()


def _ray(out: Path, cells: list[Cell], suite: Suite, address: str) -> Iterator[Outcome]:
    """One Ray task per cell. `out` must be a folder that all machines see; a task whose worker died is started again by Ray."""
    try:
        import ray
    except ImportError as missing:
        raise SealError("--executor ray needs Ray: pip install 'seal-eval[ray]'") from missing
    started = not ray.is_initialized()
    if started:
        try:
            ray.init(address=address or None, log_to_driver=False, include_dashboard=False)
        except (ConnectionError, ValueError, RuntimeError) as none:
            raise SealError(f"no Ray cluster at '{address}': {str(none).splitlines()[0]}") from none
    try:
        remote = ray.remote(num_cpus=suite.cpus, num_gpus=suite.gpus, max_retries=RETRIES)(work)
        flying = {remote.remote(out, cell): cell for cell in cells}
        while flying:
            ended, _ = ray.wait(list(flying), timeout=POLL_SECONDS)
            for one in ended:
                cell = flying.pop(one)
                try:
                    yield cell, ray.get(one)
                except ray.exceptions.RayError as failure:
                    error = f"{type(failure).__name__}: {str(failure).strip().splitlines()[0]}"
                    note(out, cell, "failed", error=error)
                    yield cell, error
            yield None, ""
    finally:
        if started:
            ray.shutdown()
