"""The whole way: on a random model for its mechanics, on the real model for its effect."""

import os
from dataclasses import replace

import pytest

from seal_eval.errors import SealError
from seal_eval.quickstart import Plan, quickstart
from seal_eval.tuning import TuneSpec

from conftest import seal_eval


def small(model, **other):
    return Plan(
        model=str(model), headline_length=400, evaluations=(("seal_lines", (400, 500), 4), ("seal_needle", (400,), 2)),
        tuning=TuneSpec(length=300, samples=3), **other,
    )  # fmt: skip


def test_runs_once_then_resumes(tiny_folder, tmp_path, capsys):
    out = tmp_path / "q"
    first = quickstart(out, small(tiny_folder))
    assert 0 <= first["plain"]["value"] <= 1 and first["difference"]["n"] == 4
    assert (out / "site" / "index.html").is_file()
    assert "p " in capsys.readouterr().out
    made = {p: p.stat().st_mtime_ns for folder in ("results", "adapter") for p in (out / folder).rglob("*") if p.is_file()}
    second = quickstart(out, small(tiny_folder))
    assert capsys.readouterr().out.count("already done") == 5
    assert second == first
    assert {p: p.stat().st_mtime_ns for folder in ("results", "adapter") for p in (out / folder).rglob("*") if p.is_file()} == made
    with pytest.raises(SealError, match="another plan"):
        quickstart(out, replace(small(tiny_folder), seed=1))
    # a run that was lost is made again, the others stay
    lost = next((out / "results").glob("*__seal/results_*.json"))
    lost.unlink()
    quickstart(out, small(tiny_folder))
    assert capsys.readouterr().out.count("already done") == 4
    assert len(list((out / "results").rglob("results_*.json"))) == 4


def test_foreign_folder_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    done = seal_eval("quickstart", "--out", tmp_path, code=1)
    assert "is not empty and holds no quick start" in done.stderr
    assert (tmp_path / "thesis.txt").read_text() == "mine"


@pytest.mark.model
def test_the_effect_on_the_real_model(tmp_path):
    """SEAL's accuracy above plain's with p < .01, at almost no cost in perplexity: 25 samples of 400 tokens learned from."""
    os.environ.pop("HF_HUB_OFFLINE", None)  # a fresh machine may pull the model here
    plan = Plan(headline_length=400, evaluations=(("seal_lines", (400,), 14),), tuning=TuneSpec(length=400, samples=24))
    found = quickstart(tmp_path / "q", plan)
    assert found["plain"]["value"] < 0.5
    assert found["difference"]["low"] > 0 and found["difference"]["p_value"] < 0.01
    assert found["seal"]["value"] > found["plain"]["value"] + 0.4
    assert found["perplexity_ratio"] < 1.05
