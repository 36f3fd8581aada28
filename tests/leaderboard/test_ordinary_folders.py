"""Ordinary folders and names that a reader found to break submissions, exports and pages."""

import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest

from seal_eval.core.errors import SealError
from seal_eval.leaderboard.board import boards
from seal_eval.leaderboard.display import addresses
from seal_eval.leaderboard.exports import bibtex
from seal_eval.leaderboard.published import Generation
from seal_eval.leaderboard.push import measured
from seal_eval.leaderboard.submissions import scrubbed_command, submit
from seal_eval.leaderboard.verify import _check_suites
from seal_eval.results.numbers import whole_percent
from seal_eval.results.records import load_runs
from seal_eval.results.splits import comparable_groups

from conftest import seal_eval


def planned(run_id, cells, answered):
    suite = {"name": "mine", "method": "plain", "cells": [["plain", *cell] for cell in cells]}
    records = [SimpleNamespace(task=task, length=length) for task, length in answered]
    return SimpleNamespace(run_id=run_id, model="m", folder=run_id, config={"seal_eval": {"suite": suite}}, records=records)


def test_a_suite_that_grew(tmp_path):
    """Its later runs plan more cells than its earlier ones."""
    small, large = [("seal_lines", 512)], [("seal_lines", 512), ("seal_lines", 1024), ("seal_lines", 2048)]
    runs = [planned("a", small, small), planned("b", large, large[1:2])]
    gap = {"suite": "mine", "model": "m", "method": "plain", "task": "seal_lines", "size": 2048}
    _check_suites(tmp_path, {"not_run": [gap]}, runs)
    with pytest.raises(SealError, match="not_run must list the cells of the runs' suites without results"):
        _check_suites(tmp_path, {"not_run": []}, runs)


def test_a_copy_of_a_run(results, tmp_path):
    shutil.copytree(results, tmp_path / "results")
    shutil.copytree(results / "tiny-llama__plain", tmp_path / "results" / "backup" / "tiny-llama__plain")
    with pytest.raises(SealError, match="is in the results twice, as a copy; move one out of the folder"):
        submit(tmp_path / "results", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_greedy_in_other_words():
    Generation.model_validate({"do_sample": False, "temperature": 0, "max_gen_toks": 5, "until": []})
    with pytest.raises(ValueError, match="temperature"):
        Generation.model_validate({"do_sample": False, "temperature": 1, "max_gen_toks": 5, "until": []})


def test_a_system_prompt_with_a_path():
    command = (
        "seal-eval run --model_args pretrained=/home/ann/m --system_instruction 'Answer from /data/notes/today only.' --tasks seal_lines"
    )
    assert scrubbed_command(command) == command.replace("/home/ann/m", "m")
    assert scrubbed_command("lm_eval --output_path /home/ann/out") == "lm_eval --output_path out"


def test_names_in_addresses_and_bibtex(results):
    model, labels = "m" * 60, [f"self_extend+seal({'x' * 70},{i})" for i in "ab"]
    first, second = addresses(labels).values()
    assert first != second and len(f".{addresses([model])[model]}--{first}--{second}.html.12345678.12345678.part") < 255
    run = replace(load_runs(results)[0], method="self_extend")
    assert r"self\_extend" in bibtex(run) and "self_extend" not in bibtex(run)


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (1, "100"),
        (299 / 300, "99.7"),
        (0.9999, ">99.9"),
        (0.5, "50"),
        (1 / 300, "0.3"),
        (1e-5, "<0.1"),
        (0, "0"),
        (0.575, "58"),
        (0.425, "42"),
    ],
)
def test_nearly_all_is_not_all(share, text):
    assert whole_percent(share) == text


def test_what_records_no_cost_is_not_drawn_as_free(results):
    runs = load_runs(results)
    plain = next(run for run in runs if run.method == "plain")
    tuned = replace(next(run for run in runs if run.method == "seal"), about={"prose_perplexity_ratio": 1.5})
    ntk = replace(tuned, method="ntk", about={}, run_id="0" * 12)
    (board,) = boards([plain, tuned, ntk], "plain")
    assert sorted(rise for _, rise, _ in board.costs) == [0.0, 0.5]


def test_lengths_that_plain_lacks_stay_on_its_board(results):
    """Beyond the window, where plain cannot run, no flag would help a group of its own."""
    runs = []
    for run in load_runs(results):
        own = run.config | {"seal_eval": run.config["seal_eval"] | {"trained_window": 600}}
        for method in (run.method, "other") if run.method == "seal" else (run.method,):
            short = run.method == "plain"
            kept = tuple(r for r in run.records if not short or r.length == 450)
            runs.append(replace(run, method=method, config=own, records=kept, run_id=f"{method:0>12}"))
    assert {run.model for run in comparable_groups(runs)} == {"tiny-llama"} and len(boards(comparable_groups(runs), "plain")) == 1


def test_a_gain_is_the_adapters_own(results, adapter, tiny_folder, tmp_path):
    """A newer run of a composition with the same adapter is not what the README shows."""
    from seal_eval.core.files import sha256

    shutil.copytree(results, tmp_path / "r")
    seal_eval(
        "run", "--model_args", f"pretrained={tiny_folder},method=self_extend+seal,adapter={adapter}", "--tasks", "seal_lines,seal_needle",
        "--metadata", '{"lengths": [450, 700], "num_samples": 5}', "--output_path", tmp_path / "r", "--device", "cpu",
    )  # fmt: skip
    digest = sha256(adapter / "adapter_model.safetensors")
    found, method, run = measured(tmp_path / "r", digest, {"on": "", "method": "seal"})
    assert (found.baseline, method, run.config["seal_eval"]["method"]) == ("plain", "seal", "seal")
    with pytest.raises(SealError, match="holds no self_extend run of tiny-llama"):
        measured(tmp_path / "r", digest, {"on": "self_extend", "method": "seal"})
    with pytest.raises(SealError, match=r"holds no run of this adapter with method=yarn\+seal,factor=4"):
        measured(tmp_path / "r", digest, {"on": "yarn,factor=4", "method": "seal"})


def test_a_run_that_went_on_has_no_speed(results, tmp_path):
    """The time in its file is that of its last attempt alone."""
    shutil.copytree(results / "tiny-llama__plain", tmp_path / "a")
    (file,) = (tmp_path / "a").glob("results_*.json")
    data = json.loads(file.read_text())
    data["config"]["seal_eval"].pop("pace")
    file.write_text(json.dumps(data))
    assert load_runs(tmp_path)[0].seconds
    file.write_text(json.dumps(data | {"replies_found": 7}))
    assert load_runs(tmp_path)[0].seconds is None
