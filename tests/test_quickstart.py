"""The quick start: its mechanics on a random model. Its effect on the real one is in test_wheel.py."""

import re
from dataclasses import replace

import pytest

from seal_eval.core.errors import SealError
from seal_eval.core.files import read_json, write_json
from seal_eval.harness.task_config import read_spec
from seal_eval.quickstart import Plan, _keep_plan, _plan_for, quickstart
from seal_eval.tuning.config import TuneSpec
from seal_eval.tuning.records import check_spec

from conftest import seal_eval


def small(model, **other):
    return Plan(
        model=str(model), headline_length=450, evaluations=(("seal_lines", (450, 500), 4, {}), ("seal_needle", (450,), 2, {})),
        tuning=TuneSpec(recipe="fixed", length=450, samples=3), **other,
    )  # fmt: skip


def test_runs_once_then_resumes(tiny_folder, tmp_path, capsys):
    out = tmp_path / "q, with a comma=1"
    first = quickstart(out, small(tiny_folder))
    assert 0 <= first["plain"]["value"] <= 1 and first["difference"]["n"] == 4
    assert (out / "site" / "index.html").is_file()
    said = capsys.readouterr().out
    assert "p " in said
    assert [line[:5] for line in said.splitlines() if re.fullmatch(r"\[\d/6\] \d+ s", line)] == [f"[{i}/6]" for i in range(1, 7)]
    made = {p: p.stat().st_mtime_ns for folder in ("results", "adapter") for p in (out / folder).rglob("*") if p.is_file()}
    second = quickstart(out, small(tiny_folder))
    assert capsys.readouterr().out.count("already done") == 5
    assert second == first
    assert {p: p.stat().st_mtime_ns for folder in ("results", "adapter") for p in (out / folder).rglob("*") if p.is_file()} == made
    with pytest.raises(SealError, match="another plan"):
        quickstart(out, replace(small(tiny_folder), seed=1))
    # a lost run is repeated, the others are kept
    lost = next((out / "results").glob("*__seal/results_*.json"))
    lost.unlink()
    quickstart(out, small(tiny_folder))
    assert capsys.readouterr().out.count("already done") == 4
    assert len(list((out / "results").rglob("results_*.json"))) == 4
    # an adapter of a run that diverged is not the result of tuning
    card = out / "adapter" / "seal_eval.json"
    write_json(card, {**read_json(card), "diverged": "training diverged at step 3"})
    with pytest.raises(SealError, match=r"training diverged at step 3; remove .*adapter before you tune again"):
        quickstart(out, small(tiny_folder))


def test_the_faster_type_may_be_another_when_the_command_is_repeated(tmp_path, monkeypatch):
    """It is measured; the saved plan says what was chosen."""
    monkeypatch.setattr("seal_eval.quickstart.content", lambda model: "weights")
    for measured in ("bfloat16", "float32"):
        monkeypatch.setattr("seal_eval.quickstart.faster_dtype", lambda measured=measured: measured)
        plan = _plan_for(tmp_path)
        _keep_plan(tmp_path, plan)
        assert plan.dtype == plan.tuning.dtype == "bfloat16" and Plan().dtype == measured
    with pytest.raises(SealError, match="another plan"):
        _keep_plan(tmp_path, replace(plan, seed=1))


def test_foreign_folder_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    done = seal_eval("quickstart", "--out", tmp_path, code=1)
    assert "is not empty and holds no quick start" in done.stderr
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_the_plan_of_the_command_is_allowed(tiny_folder):
    """Tuning and samples of the default plan are checked as the commands check them."""
    plan = Plan()
    check_spec(plan.tuning)
    for task, lengths, n, own in plan.evaluations:
        spec = read_spec(task, {"tokenizer": str(tiny_folder), "lengths": list(lengths), "num_samples": n, "seed": plan.seed, **own})
        assert spec.sizes == lengths
    task, lengths, *_ = plan.evaluations[0]
    assert plan.headline_length in lengths and {asked for asked, _ in plan.tuning.mixture()} == {task}
