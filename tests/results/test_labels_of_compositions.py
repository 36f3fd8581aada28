"""Compositions with adapters: each adapter is known by its own hash, in new result files and in those without `parts`."""

from dataclasses import replace

import pytest

from seal_eval.results.labels import label_runs
from seal_eval.results.records import load_runs

A, B, S = "a" * 64, "b" * 64, "5" * 64


@pytest.fixture(scope="module")
def run(results):
    return load_runs(results)[0]


def named(run, *variants):
    """The labels of runs with these (method, settings, about)."""
    return [r.method for r in label_runs([replace(run, method=m, settings=s, about=a) for m, s, a in variants])]


def both(lora, seal, places=("L", "S")):
    parts = {"lora": {"adapter_sha256": lora}, "seal": {"adapter_sha256": seal}}
    settings = dict(zip(("lora.adapter", "seal.adapter"), places, strict=True))
    return "lora+seal", settings, {"adapter_sha256": seal, "parts": parts}


def test_an_adapter_tuned_again_at_its_path_is_another_method(run):
    labels = named(run, both(A, S), both(B, S))
    assert labels[0] != labels[1] and all(label.startswith("lora+seal(") and len(label) < 30 for label in labels)


def test_copies_of_two_adapters_are_one_method(run):
    assert named(run, both(A, S), both(A, S, ("x/L", "x/S"))) == ["lora+seal", "lora+seal"]


def test_one_adapter_at_two_paths_is_one_method(run):
    """Also in result files of before, which have one hash, that of the last adapter."""
    one, two = (("yarn+seal", {"yarn.factor": 2.0, "seal.adapter": place}, {"adapter_sha256": S}) for place in ("x/S", "y/S"))
    assert named(run, one, two) == ["yarn+seal", "yarn+seal"]
    old = [
        ("lora+seal", {"lora.adapter": lora, "seal.adapter": seal}, {"adapter_sha256": S}) for lora, seal in (("L", "x/S"), ("L", "y/S"))
    ]
    assert named(run, *old) == ["lora+seal", "lora+seal"]
    assert len({*named(run, old[0], ("lora+seal", {"lora.adapter": "M", "seal.adapter": "x/S"}, {"adapter_sha256": S}))}) == 2


@pytest.mark.parametrize("parts", [None, [], 3, {"seal": None}, {"seal": {}}])
def test_damaged_parts_are_not_read(run, parts):
    assert named(run, ("yarn+seal", {"seal.adapter": "S"}, {"adapter_sha256": S, "parts": parts})) == ["yarn+seal"]
