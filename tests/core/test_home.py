"""Paths below the home folder are written in full where they are read, and nothing else is changed."""

import pytest

from seal_eval.core.home import from_home
from seal_eval.core.settings import key_values


@pytest.fixture(autouse=True)
def home(monkeypatch):
    monkeypatch.setenv("HOME", "/home/al")


def test_inside_of_mappings_and_lists():
    assert from_home({"a": ["~/x", "~", 1, None], "b": {"c": "~/y"}}) == {
        "a": ["/home/al/x", "/home/al", 1, None],
        "b": {"c": "/home/al/y"},
    }
    for same in ("~x", "a~/x", "x/~/y", "", 3, {"system_instruction": "~/ is home"}, {"until": ["~/"]}):
        assert from_home(same) == same
    assert from_home({"pretrained": "~/m", "peft": "~/a"}, ("pretrained",)) == {"pretrained": "~/m", "peft": "/home/al/a"}


def test_in_the_text_of_a_method():
    assert key_values("--on", "method=seal,adapter=~/a,n=2") == {"method": "seal", "adapter": "/home/al/a", "n": 2}
