"""Replies of a server are on disk as soon as they are there, whatever else goes wrong; and the waiting that a server asks for."""

import threading
import time
from email.utils import formatdate

import pytest

from seal_eval.core.errors import SealError
from seal_eval.harness import served
from seal_eval.harness.server import _seconds


class Journal:
    def __init__(self):
        self.rows = []

    def add(self, rows):
        time.sleep(0.02)
        self.rows += rows


class Request:
    def __init__(self, i):
        self.args = (f"{i:02}", {})


def test_what_was_answered_beside_a_failing_prompt_is_kept(monkeypatch):
    engine, answered, lock = served.Served.__new__(served.Served), [], threading.Lock()
    engine._journal, engine.concurrent = Journal(), 8
    monkeypatch.setattr(served, "lookup", lambda journal, requests: ([r.args[0] for r in requests], [None] * 40, list(range(40))))
    engine._payload = lambda request: (request.args[0], range(1))

    def reply(payload, expected):
        if payload == "10":
            time.sleep(0.1)
            raise SealError("boom")
        time.sleep(0.05 if payload < "08" else 0.3)
        with lock:
            answered.append(payload)
        return "x"

    engine._reply = reply
    with pytest.raises(SealError, match="boom"):
        engine.generate_until([Request(i) for i in range(40)], disable_tqdm=True)
    assert sorted(key for key, _ in engine._journal.rows) == sorted(answered) and 8 < len(answered) < 40


@pytest.mark.parametrize(("text", "seconds"), [("3", 3), ("0.5", 0.5), ("-1", 0), (None, 0), ("soon", 0)])
def test_retry_after(text, seconds):
    assert _seconds(text) == seconds


def test_retry_after_a_date():
    assert 50 < _seconds(formatdate(time.time() + 60, usegmt=True)) <= 60 and _seconds(formatdate(time.time() - 60, usegmt=True)) == 0
