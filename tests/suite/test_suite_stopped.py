"""A suite that is stopped, and what is told of a cluster that says nothing."""

import sys
from types import SimpleNamespace

import pytest

from seal_eval.core.errors import SealError
from seal_eval.suite import execute, plan
from seal_eval.suite.commands import suite_command


def test_stopped_before_it_began(tmp_path, monkeypatch):
    """There is no state to show yet; it is an interruption all the same, which the command line says, and not a missing file."""

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(plan, "plan", lambda *_: (None, []))
    monkeypatch.setattr(execute, "run_suite", stopped)
    with pytest.raises(KeyboardInterrupt):
        suite_command(tmp_path / "suite.yaml", tmp_path / "out", False, "local", 1, "")


def test_a_cluster_that_gives_no_reason(tmp_path, monkeypatch):
    def init(**_):
        raise ConnectionError

    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(is_initialized=lambda: False, init=init))
    with pytest.raises(SealError, match="no Ray cluster at 'a:1': ConnectionError"):
        next(execute._ray(tmp_path, [], None, "a:1"))
