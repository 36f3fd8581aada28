"""Comparable groups of a model's runs: split by prompts and windows, never because results are missing."""

import json
import shutil
from dataclasses import replace

import pytest

from seal_eval.core.errors import SealError
from seal_eval.leaderboard.build import build
from seal_eval.results.paired import paired_scores
from seal_eval.results.records import load_runs
from seal_eval.results.splits import comparable_groups, whole_runs


def cut(run, keep):
    return replace(run, records=tuple(r for r in run.records if keep(r)))


@pytest.fixture
def runs(results):
    """plain and SEAL on two tasks at 450 and 700 tokens, one run per length, as a suite writes them."""
    return [replace(cut(run, lambda r, n=n: r.length == n), run_id=f"{run.run_id}-{n}") for run in load_runs(results) for n in (450, 700)]


def third(runs, length):
    """Return the runs of another method that answered one length only."""
    return [
        replace(run, method="other", run_id=f"o{run.run_id}") for run in runs if run.method == "seal" and run.records[0].length == length
    ]


def test_the_same_cells_are_one_board(runs, results):
    assert comparable_groups(runs) == runs
    whole = load_runs(results)
    assert comparable_groups(whole) == whole


def test_missing_results_split_nothing(runs):
    """Whatever cells a method lacks, the runs stay one group."""
    for left_out in (("seal", 450), ("seal", 700), ("plain", 700)):
        kept = [run for run in runs if (run.method, run.records[0].length) != left_out]
        assert comparable_groups(kept) == kept
    found = [*runs, *third(runs, 700)]
    assert comparable_groups(found) == found


def otherwise(run):
    """Return the run with the same sample ids but other prompts, as from a suite with more questions per record."""
    return replace(run, run_id=f"a{run.run_id}", records=tuple(replace(r, prompt_hash=f"a{r.prompt_hash}") for r in run.records))


def test_cells_asked_twice_are_two(runs):
    """Sample ids do not tell the questions per record: the same cells with other prompts are another group."""
    lines = [replace(cut(run, lambda r: r.task == "seal_lines"), run_id=f"l{run.run_id}") for run in runs]
    found = {design.name: design for design in paired_scores(comparable_groups([*runs, *map(otherwise, lines)]))}
    assert {name: design.tasks for name, design in found.items()} == {
        "tiny-llama · seal_lines, seal_needle, 450–700 tokens": ("seal_lines", "seal_needle"),
        "tiny-llama · seal_lines, 450–700 tokens": ("seal_lines",),
    }
    assert {design.methods for design in found.values()} == {("plain", "seal")}
    found = [design.name for design in paired_scores(comparable_groups([*runs, *map(otherwise, runs)]))]
    assert found == [f"tiny-llama · seal_lines, seal_needle, 450–700 tokens, {number}" for number in (1, 2)]
    assert comparable_groups(runs) == runs
    alone = [otherwise(run) if run.method == "seal" else run for run in runs]
    with pytest.raises(SealError, match="has another prompt or target in seal"):
        paired_scores(comparable_groups(alone))


def in_suite(name, runs):
    record = {"suite": {"name": name, "method": "m", "cells": []}}
    return [replace(run, config=run.config | {"seal_eval": run.config["seal_eval"] | record}) for run in runs]


def test_a_cell_of_one_suite_alone_joins_its_runs(runs):
    """Two suites with other prompts, of which one has a cell more: no third group, and it lacks nothing in the other."""
    short = in_suite("a", [run for run in runs if run.records[0].length == 450])
    found = comparable_groups([*short, *in_suite("b", map(otherwise, runs))])
    groups = {run.model: set() for run in found}
    for run in found:
        groups[run.model] |= {(run.method, record.length) for record in run.records}
    assert list(groups.values()) == [
        {("plain", 450), ("seal", 450)}, {("plain", 450), ("seal", 450), ("plain", 700), ("seal", 700)},
    ]  # fmt: skip
    assert all(not paired.lacks for paired in paired_scores(found))


def windowed(runs, trained):
    return [replace(run, config=run.config | {"seal_eval": run.config["seal_eval"] | trained}) for run in runs]


def test_beyond_the_window_is_a_group_of_its_own(runs):
    found = comparable_groups(windowed(runs, {"trained_window": 500}))
    assert {run.model for run in found} == {"tiny-llama · 450 tokens", "tiny-llama · 700 tokens"}
    before = windowed(runs, {"trained_window": None, "max_length": 500})  # as earlier versions recorded it
    assert {run.model for run in comparable_groups(before)} == {"tiny-llama · 450 tokens", "tiny-llama · 700 tokens"}
    chosen = [replace(run, config=run.config | {"model_args": {"max_length": 500}}) for run in before]
    assert comparable_groups(chosen) == chosen
    one = windowed(runs[:1], {"trained_window": 500}) + windowed(runs[1:], {"trained_window": 2048})
    assert comparable_groups(one) == one  # most runs decide, so one forged record splits nothing
    forged = [*windowed(runs[:2], {"trained_window": None, "max_length": 2048}), *windowed(runs[2:3], {"trained_window": 500})]
    assert comparable_groups([*forged, *runs[3:]])[0].model == "tiny-llama"
    lone = [run for run in windowed(runs, {"trained_window": 500}) if run.method == "seal" or run.records[0].length == 450]
    assert comparable_groups(lone) == lone  # only one method beyond it: nothing to compare there
    whole = windowed([replace(run, run_id=run.method) for run in runs], {"trained_window": 500})
    assert comparable_groups(whole) == whole  # a run is in both


def test_missing_samples_are_still_named(runs):
    gap = [*runs, *(replace(run, records=run.records[1:]) for run in third(runs, 700))]
    with pytest.raises(SealError, match=runs[1].records[0].sample_id):
        paired_scores(comparable_groups(gap))
    apart = [run for run in runs if (run.method == "seal") == (run.records[0].length == 700)]
    with pytest.raises(SealError, match="lacks 10 samples that"):  # no cell in common: nothing can be compared
        paired_scores(comparable_groups(apart))


def test_one_run_more_joins_no_groups(runs, tmp_path):
    """A stranger's run over the lengths of two groups, or with prompts of its own, leaves the others' boards as they are."""
    within = windowed(runs, {"trained_window": 500})
    before = {design.name: design for design in paired_scores(comparable_groups(within))}
    assert len(before) == 2
    parts = [run for run in within if run.method == "seal"]
    both = replace(parts[0], method="other", run_id="both", records=parts[0].records + parts[1].records)
    found = comparable_groups([*within, both])
    cut_in_two = [run for run in found if run.run_id == "both"]
    short, long = before
    assert [({r.length for r in run.records}, run.model) for run in cut_in_two] == [({450}, short), ({700}, long)]
    assert whole_runs(cut_in_two) == [replace(both, model=short)]
    after = {design.name: design for design in paired_scores(found)}
    assert after.keys() == before.keys() and all(design.methods == ("plain", "other", "seal") for design in after.values())
    assert not any(design.lacks for design in after.values())
    alone = otherwise(replace(parts[0], method="other", run_id="alone"))
    named = {design.name: design for design in paired_scores(comparable_groups([*within, alone]))}
    assert sorted(design.methods for design in named.values()) == [("other",), ("plain", "seal"), ("plain", "seal")]


def test_the_site_with_a_run_that_is_in_two_groups(results, tmp_path):
    """Its page has the rows of both."""
    folder = shutil.copytree(results, tmp_path / "results")
    for name, length in (("plain", 450), ("seal", 450), ("plain", 700), ("seal", 700)):
        keep_length(folder / f"tiny-llama__{name}", folder / f"{name}-{length}", length)
    shutil.copytree(folder / "tiny-llama__seal", folder / "other")
    for name in ("plain", "seal"):
        shutil.rmtree(folder / f"tiny-llama__{name}")
    (file,) = (folder / "other").glob("results_*.json")
    data = json.loads(file.read_text())
    data["config"]["seal_eval"] |= {"method": "mine", "settings": {}, "about": {}}
    file.write_text(json.dumps(data))
    build(folder, tmp_path / "site")
    (run,) = [run for run in load_runs(folder) if run.method == "mine"]
    page = (tmp_path / "site" / "runs" / f"{run.run_id}.html").read_text()
    assert page.count('<th scope="row"><a href="../tasks/') == 4
    feed = (tmp_path / "site" / "feed.xml").read_text()
    assert feed.count(f"runs/{run.run_id}.html") == 1


def keep_length(source, out, length):
    """Copy a run with the samples of one length, for a model whose window is 500 tokens."""
    shutil.copytree(source, out)
    (file,) = out.glob("results_*.json")
    data = json.loads(file.read_text())
    data["config"]["seal_eval"]["trained_window"] = 500
    data["date"] += length
    for samples in out.glob("samples_*"):
        rows = [line for line in samples.read_text().splitlines() if json.loads(line)["doc"]["length"] == length]
        samples.write_text("\n".join(rows) + "\n")
    for counts in data["n-samples"].values():
        counts["effective"] = 5
    file.write_text(json.dumps(data))
