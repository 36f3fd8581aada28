"""Cells of a suite that failed are part of its record: in result files, in comparisons, in the submission, on the site."""

import json
from dataclasses import replace

import pytest
import yaml

from seal_eval.core.types import Absent
from seal_eval.leaderboard.build import build
from seal_eval.leaderboard.submissions import MANIFEST, submit, write_manifest
from seal_eval.leaderboard.verify import check_all
from seal_eval.results.absent import suite_of
from seal_eval.results.compare import compare
from seal_eval.results.missing import notes
from seal_eval.results.paired import paired_scores_of
from seal_eval.results.records import load_runs
from seal_eval.suite import execute
from seal_eval.suite.plan import plan
from seal_eval.suite.state import note

from conftest import seal_eval

WHY = "SealError: model does not fit into memory"
LONG_LINEAR = ("linear,factor=2.0", "seal_lines", 600)


def run_with_failures(folder, suite, fails, patch):
    """Run a suite in the folder; cells for which `fails` is true fail with WHY. Returns (how many failed, the results folder)."""
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite))
    planned, cells = plan(folder / "suite.yaml", folder / "out")

    def ended(place, waiting, _):
        for cell in waiting:
            error = WHY if fails(cell) else execute.work(place, cell)
            if error == WHY:
                note(place, cell, "failed", error=error)
            yield cell, error

    patch.setattr(execute, "_local", ended)
    return execute.run_suite(planned, cells, folder / "out"), folder / "out"


@pytest.fixture(scope="module")
def out(tmp_path_factory, tiny_folder):
    """The folder of a suite of three methods at two lengths: linear failed at 600, logn at both."""
    folder = tmp_path_factory.mktemp("suite")
    suite = {
        "name": "mine", "models": [str(tiny_folder)], "device": "cpu", "methods": ["plain", {"method": "linear", "factor": 2.0}, "logn"],
        "tasks": [{"task": "seal_lines", "sizes": [450, 600], "num_samples": 4}],
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        n_failed, out = run_with_failures(folder, suite, lambda cell: cell.planned[0] == "logn" or cell.planned == LONG_LINEAR, patch)
    assert n_failed == 3
    return out


def test_runs_record_their_suite(out):
    """Whether or not the other cells have a result."""
    for run in load_runs(out):
        record = run.config["seal_eval"]["suite"]
        assert record["name"] == "mine" and record["method"] in ("plain", "linear,factor=2.0")
        assert sorted(map(tuple, record["cells"])) == sorted(
            (method, "seal_lines", n) for method in ("plain", "linear,factor=2.0", "logn") for n in (450, 600)
        )


def test_the_comparison_says_what_failed(out):
    said = " ".join(seal_eval("compare", out, env={"COLUMNS": "300"}).stdout.split())
    assert f"linear lacks 1 of 2 cells: seal_lines 600 (failed: {WHY})." in said
    assert f"logn of suite mine has no result: seal_lines 450 (failed: {WHY}), seal_lines 600 (failed: {WHY})." in said


def test_the_submission_says_what_failed(out, tiny_folder, tmp_path):
    packed = tmp_path / "packed"
    manifest = json.loads(submit(out, packed).read_text())
    assert [(c["method"], c["task"], c["size"], c["reason"]) for c in manifest["not_run"]] == [
        ("linear,factor=2.0", "seal_lines", 600, f"failed: {WHY}"), ("logn", "seal_lines", 450, f"failed: {WHY}"),
        ("logn", "seal_lines", 600, f"failed: {WHY}"),
    ]  # fmt: skip
    assert len(check_all(packed, str(tiny_folder))) == 3
    before = (packed / MANIFEST).read_bytes()
    write_manifest(packed)  # written again from the packed files, it loses nothing
    assert (packed / MANIFEST).read_bytes() == before
    page = build(packed, tmp_path / "site").read_text()
    assert "lacks 1 of 2 cells" in page and f"seal_lines 600 (failed: {WHY})" in page and "logn of suite mine has no result" in page
    methods = [file.read_text() for file in (tmp_path / "site" / "methods").glob("*.html")]
    lacks = "<strong>linear interpolation lacks 1 of 2 cells: seal_lines 600"
    assert any(lacks in text and f">failed: {WHY}</td>" in text for text in methods)
    (overview,) = [row for row in json.loads((tmp_path / "site" / "data" / "overview.json").read_text()) if row["method"] == "linear"]
    assert overview["accuracy"] is overview["places"] is overview["speed"] is None and overview["lacks"].startswith("lacks 1 of 2 cells")


def test_methods_that_lack_the_same_are_named_together(out):
    first, *others = load_runs(out)
    suite = first.config["seal_eval"]["suite"]["name"]
    more = tuple(Absent(suite, first.model, method, "seal_lines", n, "") for method in ("duo", "string") for n in (450, 600))
    said = notes([], {}, {}, [replace(first, absent=(*first.absent, *more)), *others])
    assert "duo and string of suite mine have no result: seal_lines 450, seal_lines 600." in said


def test_a_manifest_that_hides_what_failed(out, tmp_path):
    """Without the list the cells are still missing: the runs tell that they were planned."""
    packed = tmp_path / "packed"
    manifest = json.loads(submit(out, packed).read_text())
    del manifest["not_run"]
    (packed / MANIFEST).write_text(json.dumps(manifest))
    assert {(a.method, a.size, a.reason) for run in load_runs(packed) for a in run.absent} == {
        ("linear,factor=2.0", 600, "no result"), ("logn", 450, "no result"), ("logn", 600, "no result"),
    }  # fmt: skip


def test_with_an_engine_of_lm_evals_own(tmp_path, tiny_folder, monkeypatch):
    """Its result files record the suite too, so the failed cell is told in comparisons and in the submission."""
    suite = {
        "name": "stock", "models": [str(tiny_folder)], "device": "cpu", "engine": "hf", "methods": ["plain"],
        "tasks": [{"task": "seal_lines", "sizes": [450, 600], "num_samples": 2}],
    }  # fmt: skip
    n_failed, out = run_with_failures(tmp_path, suite, lambda cell: cell.size == 600, monkeypatch)
    assert n_failed == 1
    (run,) = load_runs(out)
    assert suite_of(run)["name"] == "stock" and "seal_eval" not in run.config
    assert any(f"seal_lines 600 (failed: {WHY})" in told for told in compare(paired_scores_of([run], run.model)).missing)
    manifest = json.loads(submit(out, tmp_path / "packed").read_text())
    assert [(c["method"], c["size"], c["reason"]) for c in manifest["not_run"]] == [("plain", 600, f"failed: {WHY}")]
    assert len(check_all(tmp_path / "packed", str(tiny_folder))) == 1
