"""Comparable groups of a model's runs: split by prompts and windows, never because results are missing."""

from dataclasses import replace

import pytest

from seal_eval.core.errors import SealError
from seal_eval.results.paired import paired_scores
from seal_eval.results.records import load_runs
from seal_eval.results.splits import comparable_groups


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
