"""Throughput: measured during generation, and reported as a lower bound when the machine was busy with other work."""

import subprocess
import sys
import time

from seal_eval.harness.throughput import QUIET_MACHINE, Throughput
from seal_eval.leaderboard.board import _speed
from seal_eval.results.records import load_runs


def test_other_processes_are_seen():
    pace = Throughput()
    assert pace.told() == {}
    other = subprocess.Popen([sys.executable, "-c", "print(flush=True)\nwhile True: pass"], stdout=subprocess.PIPE)
    try:
        other.stdout.readline()  # it has started
        began = time.monotonic()
        with pace.over(1000):
            time.sleep(2)
        took = time.monotonic() - began
    finally:
        other.kill()
        other.communicate()
    told = pace.told()
    assert told["prompt_tokens"] == 1000 and 1.9 < told["seconds"] <= took + 0.001 and told["others"] > QUIET_MACHINE


def test_processes_that_share_a_run():
    """Together they read all of the tokens in the time of the slowest."""
    fast, slow = Throughput(), Throughput()
    fast.tokens, fast.seconds, slow.tokens, slow.seconds = 600, 2.0, 400, 5.0
    whole = Throughput()
    for _ in range(2):  # lm-eval gathers twice
        whole.add_others([fast, slow])
    assert whole.told() == {"prompt_tokens": 1000, "seconds": 5.0, "others": 0.0}


def test_own_work_is_not_others():
    """CPU time of this process does not count as other processes' load (a shared machine may have such load too)."""
    pace, end = Throughput(), time.process_time() + 1.5
    with pace.over(10):
        while time.process_time() < end:
            pass
    import os

    assert pace.told()["others"] * pace.told()["seconds"] * (os.cpu_count() or 1) < pace.told()["seconds"] * (os.cpu_count() or 1) - 1.2


def test_the_speed_of_runs(results):
    from dataclasses import replace

    run = next(run for run in load_runs(results) if run.method == "plain")
    own = run.config["seal_eval"]["pace"]
    assert own["prompt_tokens"] == sum(record.n_tokens for record in run.records) and own["seconds"] < run.seconds

    def said(**pace):
        config = run.config | {"seal_eval": run.config["seal_eval"] | {"pace": pace}}
        return replace(run, config=config)

    quiet, busy = said(prompt_tokens=600, seconds=2.0, others=0.01), said(prompt_tokens=400, seconds=3.0, others=0.5)
    assert _speed([quiet]) == (300.0, False) and _speed([quiet, busy]) == (200.0, True)
    stock = replace(run, config={"model": "hf"}, seconds=10.0)
    assert _speed([stock]) == (sum(record.n_tokens for record in run.records) / 10, True)
    assert _speed([replace(stock, seconds=None)]) == (None, True)
