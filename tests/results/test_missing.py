"""Methods that lack cells: listed with what they lack, in every format and on the site, without place or overall result."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from seal_eval.core.files import write_json
from seal_eval.core.types import Absent
from seal_eval.leaderboard.board import boards, pairs
from seal_eval.leaderboard.columns import COLUMNS
from seal_eval.leaderboard.figures import curves, depth_curves
from seal_eval.results.absent import find
from seal_eval.results.compare import compare
from seal_eval.results.paired import paired_scores
from seal_eval.results.records import load_runs
from seal_eval.results.splits import comparable_groups
from seal_eval.results.tables import FORMATS, as_text

CELLS = [(task, n) for task in ("seal_lines", "seal_needle") for n in (450, 700)]


@pytest.fixture
def runs(results):
    """plain, seal and a third method, one run per cell, as a suite writes them. The third is right wherever seal is."""
    found = []
    for run in load_runs(results):
        for task, n in CELLS:
            records = tuple(r for r in run.records if (r.task, r.length) == (task, n))
            one = replace(run, run_id=f"{run.method}-{task}-{n}", records=records)
            found += [one, replace(one, run_id=f"other-{task}-{n}", method="other")] if run.method == "seal" else [one]
    return found


def without(runs, method, *cells):
    return [run for run in runs if run.method != method or (run.records[0].task, run.records[0].length) not in cells]


def right_in(runs, method, cells):
    """The runs, with the method right in some cells and wrong in the others."""
    return [
        replace(run, records=tuple(replace(r, score=float((r.task, r.length) in cells)) for r in run.records))
        if run.method == method
        else run
        for run in runs
    ]


def compared(runs, **options):
    (paired,) = paired_scores(comparable_groups(runs))
    return compare(paired, **options)


def ranks(comparison):
    return dict(zip(comparison.methods, comparison.ranks, strict=True))


@pytest.mark.parametrize("anytime", [False, True])
def test_leaving_out_the_worst_cells_gains_nothing(runs, anytime):
    bad = CELLS[:2]
    full = right_in(runs, "seal", CELLS[2:])
    found = compared(without(full, "seal", *bad), sequential=anytime)
    (primary,) = [row for row in found.of("primary") if row.method == "seal"]
    assert primary.accuracy is None and primary.difference is None and primary.lacks == tuple(bad)
    assert ranks(found)["seal"] is None and ranks(found)["other"] and ranks(found)["plain"]
    before = {row.method: row for row in compared(full, sequential=anytime).of("primary")}
    for row in found.of("primary"):
        if row.method != "seal":  # nothing else changes
            assert row.accuracy == before[row.method].accuracy and row.difference == before[row.method].difference
    assert found.missing[0].startswith("seal lacks 2 of 4 cells: seal_lines 450, seal_lines 700.")
    task = {row.task: row for row in found.of("task") if row.method == "seal"}
    assert task["seal_lines"].accuracy is None and task["seal_needle"].accuracy.value == 1.0
    cells = {(row.task, row.length): row for row in found.of("cell") if row.method == "seal"}
    assert cells.keys() == {*CELLS} and all((row.accuracy is None) == (cell in bad) for cell, row in cells.items())
    assert "seal" not in {o.method for o in found.lengths if o.task == "seal_lines"}
    assert "seal" not in {p.method for p in found.positions if p.task == "seal_lines"}


def test_one_length_of_a_task(runs):
    """No mean over the other lengths, no effective length, no trend for the task; the other task is whole."""
    found = compared(without(runs, "seal", CELLS[1]))
    assert {(o.task, o.method) for o in found.lengths} == {
        ("seal_lines", "plain"), ("seal_lines", "other"), ("seal_needle", "plain"), ("seal_needle", "other"), ("seal_needle", "seal"),
    }  # fmt: skip
    assert [row.accuracy is None for row in found.of("task") if row.method == "seal"] == [True, False]


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_says_so(runs, kind):
    text = as_text([compared(right_in(without(runs, "seal", CELLS[0]), "seal", CELLS))], kind)
    if kind == "csv":
        rows = [row for row in csv.DictReader(io.StringIO(text)) if row["method"] == "seal"]
        said = {(row["scope"], row["task"], row["length"]): (row["accuracy_value"], row["lacks"]) for row in rows}
        assert said["primary", "", ""] == said["task", "seal_lines", ""] == said["cell", "seal_lines", "450"] == ("", "seal_lines 450")
        assert said["cell", "seal_lines", "700"] == ("1.0", "")
        return
    if kind == "json":
        (found,) = json.loads(text)
        primary = next(row for row in found["rows"] if row["method"] == "seal")
        assert primary["accuracy"] is None and primary["lacks"] == [["seal_lines", 450]]
        assert found["ranks"][found["methods"].index("seal")] is None
    plain_text = text.replace("\\_", "_")
    assert "seal lacks 1 of 4 cells: seal_lines 450" in plain_text and (kind == "json" or "lacks 1 of 4 cells" in plain_text)


def test_a_baseline_that_lacks_cells(runs):
    """Overall results and places are over the cells that it has; the others are shown."""
    found = compared(right_in(without(runs, "plain", *CELLS[:2]), "seal", CELLS))
    rows = {row.method: row for row in found.of("primary")}
    assert all(ranks(found).values()) and rows["plain"].accuracy.n == 10
    assert rows["seal"].accuracy.n == rows["seal"].difference.n == 10 and rows["seal"].difference.n_missing == 0
    assert found.missing[0] == (
        "plain, the baseline, has no result for seal_lines 450, seal_lines 700; shown, but not part of overall results and ranks."
    )
    shown = {(row.method, row.task, row.length): row for row in found.of("cell")}
    assert all(shown["seal", *cell].accuracy.n == 5 and shown["seal", *cell].difference is None for cell in CELLS[:2])
    assert shown["plain", *CELLS[0]].accuracy is None and shown["plain", *CELLS[0]].lacks == (CELLS[0],)
    task = {(row.method, row.task): row for row in found.of("task")}
    assert task["seal", "seal_lines"].accuracy.value == 1.0 and task["plain", "seal_lines"].accuracy is None
    assert not [o for o in found.lengths if o.task == "seal_lines"] and "no result" in as_text([found], "markdown")


def more(runs, *methods, task="seal_lines"):
    """Runs of these methods in one cell more, in which all of their replies are right."""
    return [
        replace(
            run, run_id=f"extra-{run.method}",
            records=tuple(replace(r, task=task, length=9000, sample_id=f"x{r.sample_id}", score=1.0) for r in run.records),
        )
        for run in runs
        if run.method in methods and (run.records[0].task, run.records[0].length) == CELLS[0]
    ]  # fmt: skip


@pytest.mark.parametrize("task", ["seal_lines", "seal_needle_multikey"])
def test_a_cell_that_two_methods_have_takes_no_ones_place(runs, task):
    """A stranger's two methods with a cell that the baseline lacks change no other row, and no place; the cell is shown."""
    fourth = [replace(run, run_id=f"fourth-{run.run_id}", method="fourth") for run in runs if run.method == "plain"]
    before, found = compared([*runs, *fourth]), compared([*runs, *fourth, *more([*runs, *fourth], "other", "fourth", task=task)])
    assert found.ranks == before.ranks and found.of("primary") == before.of("primary")
    assert (found.sentence, found.cochran, found.lengths, found.positions) == (
        before.sentence, before.cochran, before.lengths, before.positions
    )  # fmt: skip
    new = {row.method: row for row in found.of("cell") if row.length == 9000}
    assert new["other"].accuracy.value == 1.0 and new["other"].difference is None and new["seal"].accuracy is None
    assert [row for row in found.of("task") if row.task in ("seal_lines", "seal_needle")] == before.of("task")
    assert found.missing[0].startswith(f"plain, the baseline, has no result for {task} 9,000; shown, but") and len(found.missing) == 1
    for kind in FORMATS:
        assert "9000" in as_text([found], kind) or "9,000" in as_text([found], kind)


def test_the_site_with_a_cell_that_the_baseline_lacks(runs):
    (before,), (found,) = (boards(some, "plain") for some in (runs, [*runs, *more(runs, "other", "seal")]))
    assert [(e.method, e.rank, e.lacks, e.row.accuracy) for e in found.entries] == [
        (e.method, e.rank, e.lacks, e.row.accuracy) for e in before.entries
    ]
    assert found.design == before.design and found.n_placed == before.n_placed
    assert [pair.rows for pair in pairs(found)] == [pair.rows for pair in pairs(before)]
    lines = next(block for block in found.tasks if block.name == "seal_lines")
    assert "nan" not in curves(lines.rows, "plain", "light", "tokens").lower()


def test_a_cell_more_takes_no_ones_place(runs):
    """A cell that one method of several alone has is left out, and said."""
    extra = [
        replace(run, run_id="extra", records=tuple(replace(r, length=9000, sample_id=f"x{r.sample_id}", score=1.0) for r in run.records))
        for run in runs
        if run.method == "other" and (run.records[0].task, run.records[0].length) == CELLS[0]
    ]
    found = compared([*runs, *extra])
    assert found.rows == compared(runs).rows and all(found.ranks)
    assert found.missing == ("Only other has seal_lines 9,000; left out, because there is nothing to compare it with.",)


def test_no_one_but_the_baseline_is_complete(runs):
    found = compared(without(without(without(runs, "seal", CELLS[0]), "plain", CELLS[1]), "other", CELLS[2]))
    assert ranks(found)["plain"] and not ranks(found)["seal"] and not ranks(found)["other"]  # of the baseline's cells
    assert len(found.missing) == 3


def test_models_that_lack_cells_are_compared_too(runs):
    one = [run for run in runs if run.method == "plain"]
    two = [replace(run, model="b", run_id=f"b{run.run_id}") for run in one]
    (paired,) = paired_scores([*one, *two[:3]])
    assert paired.methods == ("tiny-llama", "b") and paired.lacks[1].cells == (CELLS[3],)
    other = [replace(run, records=tuple(replace(r, prompt_hash=f"x{r.prompt_hash}") for r in run.records)) for run in two]
    assert [paired.name for paired in paired_scores([*one, *other])] == ["tiny-llama", "b"]  # other prompts: shown apart


@pytest.fixture
def board(runs):
    (found,) = boards(without(right_in(runs, "seal", CELLS), "seal", CELLS[0]), "plain")
    return found


def test_the_site_does_not_rank_it(board):
    """Last in the overview, no speed over fewer cells, no effective length, not in the figures of overall accuracy."""
    entry = board.entries[-1]
    assert entry.method == "seal" and entry.lacks == "lacks 1 of 4 cells: seal_lines 450"
    assert entry.effective is None and entry.tokens_per_second is None and board.n_placed == 2
    values = {column.key: (column.value(entry), column.text(entry)) for column in COLUMNS}
    assert values["accuracy"] == (None, "lacks 1 of 4 cells") and values["places"] == (None, "–") and values["gain"] == (None, "–")
    assert "seal" not in {name for name, _, _ in (*board.speeds, *board.costs)}


def test_pairs_of_it_have_no_overall_difference(board):
    found = {(pair.a, pair.b): pair for pair in pairs(board)}
    for names in (("plain", "seal"), ("other", "seal")):
        (primary, *rest) = found[names].rows
        assert primary.difference is None and found[names].lacks == ["SEAL lacks 1 of 4 cells: seal_lines 450"]
        assert [row.difference is None for row in rest if row.scope == "cell"] == [True, False, False, False]
    assert found["plain", "other"].rows[0].difference and not found["plain", "other"].lacks


def test_figures_have_gaps(board):
    block = board.tasks[0]
    assert "nan" not in curves(block.rows, "plain", "light", "tokens").lower()
    assert ">seal<" not in depth_curves(block.depths, "light", "plain") or block.depths["seal"]


def in_suite(runs, planned):
    record = {"name": "mine", "cells": [[method, *cell] for method in planned for cell in CELLS]}
    return [replace(r, config=r.config | {"seal_eval": r.config["seal_eval"] | {"suite": record | {"method": r.method}}}) for r in runs]


def test_what_a_suite_planned_is_known_from_any_of_its_runs(runs, tmp_path):
    """Runs alone tell which cells are missing; the suite's notes and the manifest tell why."""
    kept = without(in_suite(runs, ("plain", "seal", "other", "gone")), "seal", CELLS[0])
    found = find(tmp_path, kept)
    assert {(a.method, a.task, a.size, a.reason) for a in found} == {
        ("seal", *CELLS[0], "no result"), *(("gone", *cell, "no result") for cell in CELLS),
    }  # fmt: skip
    lost = {"suite": "mine", "model": "tiny-llama", "method": "seal", "task": "seal_lines", "size": 450, "reason": "failed: out of memory"}
    write_json(tmp_path / "submission.json", {"schema": 1, "not_run": [lost]})
    told = find(tmp_path, kept)
    assert Absent(**lost) in told
    said = compared([replace(run, absent=tuple(told)) for run in kept])
    assert "seal lacks 1 of 4 cells: seal_lines 450 (failed: out of memory)." in said.missing[0]
    assert any(text.startswith("gone of suite mine has no result: seal_lines 450, ") for text in said.missing)
    (cell,) = [row for row in said.of("cell") if row.lacks]
    assert "failed: out of memory" in as_text([said], "markdown") and cell.method == "seal"


def test_unscored_replies_are_said(runs):
    first = runs[0].records[0].sample_id
    gap = [
        replace(run, records=tuple(replace(r, score=None if r.sample_id == first else r.score) for r in run.records)) for run in runs[:1]
    ]
    (said,) = compared([*gap, *runs[1:]]).missing
    assert said.startswith(f"{runs[0].method}: 1 reply has no score and is left out of its accuracy")


def test_published_runs_lack_nothing():
    folder = Path(__file__).parents[2] / "leaderboard" / "results"
    found = paired_scores(comparable_groups(load_runs(folder)))
    assert [(paired.name.partition(" · ")[2], len(paired.methods), len(paired.cells)) for paired in found] == [
        ("5 tasks, 512–4,096 tokens", 6, 11), ("seal_lines, 9,216 tokens", 12, 1), ("seal_lines, 512–4,096 tokens", 5, 3),
        ("", 3, 1),
    ]  # fmt: skip
    assert not any(paired.lacks or paired.missing or paired.remarks for paired in found)
