"""Methods of a model that answered different cells: comparable groups, nothing left out, missing samples still named."""

from dataclasses import replace

import pytest

from seal_eval.core.errors import SealError
from seal_eval.leaderboard.build import build
from seal_eval.results.paired import paired_scores
from seal_eval.results.records import load_runs
from seal_eval.results.splits import comparable_groups

from conftest import seal_eval


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


def test_other_cells_are_boards_of_their_own(runs):
    found = comparable_groups([*runs, *third(runs, 700)])
    boards = {design.name: (set(design.methods), {n for _, n in design.cells}) for design in paired_scores(found)}
    assert boards == {
        "tiny-llama · 450 tokens": ({"plain", "seal"}, {450}), "tiny-llama · 700 tokens": ({"plain", "seal", "other"}, {700}),
    }  # fmt: skip
    assert sum(len(design.samples) * len(design.methods) for design in paired_scores(found)) == sum(
        len(run.records) for run in [*runs, *third(runs, 700)]
    )


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


def test_tracks_of_one_length_are_named_by_task(runs):
    short = [cut(run, lambda r: r.length == 450) for run in runs if run.records[0].length == 450]
    split = [
        replace(cut(run, lambda r, t=task: r.task == t), run_id=f"{run.run_id}-{task}")
        for run in short
        for task in ("seal_lines", "seal_needle")
    ]
    other = [
        replace(run, method="other", run_id=f"o{run.run_id}")
        for run in split
        if run.method == "plain" and run.records[0].task == "seal_lines"
    ]
    names = {run.model for run in comparable_groups([*split, *other])}
    assert names == {"tiny-llama · seal_lines, 450 tokens", "tiny-llama · seal_needle, 450 tokens"}


def test_missing_samples_are_still_named(runs):
    """One method alone on a cell, and a sample missing within a cell."""
    alone = [run for run in runs if (run.method, run.records[0].length) != ("seal", 700)]
    assert comparable_groups(alone) == alone
    with pytest.raises(SealError, match="seal"):
        paired_scores(comparable_groups(alone))
    gap = [*runs, *(replace(run, records=run.records[1:]) for run in third(runs, 700))]
    with pytest.raises(SealError, match=runs[1].records[0].sample_id):
        paired_scores(comparable_groups(gap))


def test_the_site_has_a_board_for_each(results, tiny_folder, tmp_path):
    import shutil

    shutil.copytree(results, tmp_path / "r")
    seal_eval(
        "run", "--model_args", f"pretrained={tiny_folder},method=logn", "--tasks", "seal_lines,seal_needle", "--metadata",
        '{"lengths": [700], "num_samples": 5}', "--output_path", tmp_path / "r", "--device", "cpu",
    )  # fmt: skip
    with pytest.raises(SealError, match="logn"):  # plain's single run would belong to both groups
        build(tmp_path / "r", tmp_path / "site")
    for method in ("plain", "seal"):
        shutil.rmtree(tmp_path / "r" / f"tiny-llama__{method}")
    adapter = next(run.settings["adapter"] for run in load_runs(results) if run.method == "seal")
    for method in ("method=plain", f"method=seal,adapter={adapter}"):
        for n in (450, 700):
            seal_eval(
                "run", "--model_args", f"pretrained={tiny_folder},{method}", "--tasks", "seal_lines,seal_needle", "--metadata",
                f'{{"lengths": [{n}], "num_samples": 5}}', "--output_path", tmp_path / "r" / str(n), "--device", "cpu",
            )  # fmt: skip
    page = build(tmp_path / "r", tmp_path / "site").read_text()
    assert "tiny-llama · 450 tokens" in page and "tiny-llama · 700 tokens" in page and "logn" in page
    said = seal_eval("compare", tmp_path / "r").stdout
    assert "tiny-llama · 700 tokens: every method against plain" in said
    index = next((tmp_path / "site" / "data" / "runs").glob("*.yml")).read_text()
    assert "name: tiny-llama\n" in index
