"""Runs whose samples an earlier submission has: a method may answer a sample once on a leaderboard."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from seal_eval.core.errors import SealError
from seal_eval.leaderboard.build import build
from seal_eval.leaderboard.submissions import submit
from seal_eval.leaderboard.verify import check_all
from seal_eval.results.compare import compare
from seal_eval.results.paired import paired_scores_of
from seal_eval.results.records import load_runs
from seal_eval.tasks import get_task, task_settings

from conftest import seal_eval

ROOT = Path(__file__).resolve().parents[2]
SUITES = ROOT / "benchmarks" / "suites"


def runs_of(folder, *methods):
    return [run for run in load_runs(folder) if run.method in methods]


def copied(runs, out):
    for run in runs:
        shutil.copytree(run.folder, out / run.folder.name)
    return out


def test_a_published_baseline_is_left_out(results, tmp_path, capsys):
    """A contributor runs plain and a new method; plain is published already."""
    published = tmp_path / "published"
    submit(copied(runs_of(results, "plain"), tmp_path / "plain"), published / "first")
    assert len(runs_of(results, "plain")) == 1
    submit(results, published / "second", published / "first")
    said = capsys.readouterr().err
    assert said == f"left out, because {published / 'first'} has the samples: tiny-llama plain, 1 run\n"
    assert {run.method for run in load_runs(published / "second")} == {"seal"}
    whole = compare(paired_scores_of(load_runs(published), "tiny-llama"))
    assert whole.rows == compare(paired_scores_of(load_runs(results), "tiny-llama")).rows
    assert build(published, tmp_path / "site").is_file()
    with pytest.raises(SealError, match=r"every run of .* is in .* already"):
        submit(results, tmp_path / "third", published)
    assert not (tmp_path / "third").exists()


def test_without_the_flag_site_and_check_name_both(results, tmp_path, tiny_folder):
    published = tmp_path / "published"
    submit(copied(runs_of(results, "plain"), tmp_path / "plain"), published / "first")
    submit(results, published / "second")
    for read in (lambda: build(published, tmp_path / "site"), lambda: check_all(published, str(tiny_folder))):
        with pytest.raises(SealError, match=r"is in two runs, .*first.* and .*second.*move one of them out"):
            read()


def test_a_run_of_which_a_part_is_published_is_refused(results, tmp_path):
    """Its other part cannot be packed alone: the results file speaks of both."""
    (plain,) = runs_of(results, "plain")
    model = plain.config["model_args"]["pretrained"]
    seal_eval(
        "run", "--model_args", f"pretrained={model}", "--tasks", "seal_lines", "--metadata", '{"lengths": [450, 520], "num_samples": 5}',
        "--output_path", tmp_path / "more", "--device", "cpu",
    )  # fmt: skip
    submit(results, tmp_path / "published")
    with pytest.raises(
        SealError, match=r"5 of its 10 samples, such as seal_lines-.*-450-.*, are in .*; run plain again with the sizes that are new"
    ):
        submit(tmp_path / "more", tmp_path / "mine", tmp_path / "published")
    assert not (tmp_path / "mine").exists()


def test_cells_of_a_suite_that_are_published_have_that_reason(results, tmp_path):
    """The board does not say that plain of the new suite has no result, when an earlier submission answers its cells."""
    published = tmp_path / "published"
    submit(copied(runs_of(results, "plain"), tmp_path / "plain"), published / "first")
    cells = [[method, task, size] for method in ("plain", "seal") for task in ("seal_lines", "seal_needle") for size in (450, 700)]
    mine = copied(load_runs(results), tmp_path / "mine")
    for run in load_runs(mine):
        (file,) = run.folder.glob("results_*.json")
        data = json.loads(file.read_text())
        data["config"]["seal_eval"]["suite"] = {"name": "mine", "method": run.method, "cells": cells}
        file.write_text(json.dumps(data))
    submit(mine, published / "second", published / "first")
    assert {(cell.method, cell.reason) for run in load_runs(published / "second") for cell in run.absent} == {
        ("plain", "published already")
    }
    assert not [note for note in compare(paired_scores_of(load_runs(published), "tiny-llama")).missing if "plain" in note]


@pytest.mark.parametrize("name", ["smollm2-within", "smollm2-beyond", "gemma-within"])
def test_a_suite_asks_what_its_published_runs_were_asked(name):
    """Who runs the suite again gets the same samples: every setting that the runs recorded is the suite's, and the other way round."""
    of_samples = {"num_samples", "seed", "answer_tokens", "answer_prefix", "thinking_tokens"}
    published = {}
    for file in (ROOT / "leaderboard" / "results" / name).rglob("results_*.json"):
        for task, config in json.loads(file.read_text())["configs"].items():
            keys = of_samples | set(task_settings(get_task(task)))
            recorded = {key: value for key, value in config["metadata"].items() if key in keys}
            published.setdefault(task, []).append({"seed": 0} | recorded)
    suite = yaml.safe_load((SUITES / f"{name}.yaml").read_text())
    assert {entry["task"] for entry in suite["tasks"]} >= set(published)
    for entry in suite["tasks"]:
        asked = {"seed": 0} | {key: value for key, value in entry.items() if key not in ("task", "name", "sizes")}
        assert all(settings == asked for settings in published.get(entry["task"], [])), entry["task"]
