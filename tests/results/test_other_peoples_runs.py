"""Result files as lm-eval writes them for tasks and models of other people: metrics, lengths, old versions, NaN, paths, links."""

import json
import shutil

import pytest
from test_metrics import write_run

from seal_eval.core.errors import SealError
from seal_eval.results.compare import compare
from seal_eval.results.paired import paired_scores
from seal_eval.results.records import load_runs
from seal_eval.tasks import RULER_GROUP, ruler_tasks

from conftest import seal_eval

PLAIN, TUNED = {"pretrained": "org/m"}, {"pretrained": "org/m", "peft": "org/lora"}


def told(folder, **fields):
    """Change fields of the results file of a run."""
    (file,) = folder.glob("results_*.json")
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))


def rows(folder, change):
    """Change the rows of the sample file of a run; `change` returns a row's new fields."""
    (file,) = folder.glob("samples_*.jsonl")
    lines = [change(json.loads(line)) for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))


def reasons(folder, metric=""):
    return {(record.task, record.reason) for run in load_runs(folder, foreign=True, metric=metric) for record in run.records}


def test_a_metric_of_which_less_is_better(tmp_path):
    """It is no default; named, or alone, it is refused: a difference would have the wrong sign."""
    write_run(tmp_path / "a", PLAIN, {"toxic": lambda _: 0.9, "acc": lambda _: 0.5})
    told(tmp_path / "a", higher_is_better={"ta": {"toxic": False, "acc": True}})
    assert reasons(tmp_path) == {("ta", "acc")}
    with pytest.raises(SealError, match="of toxic less is better"):
        load_runs(tmp_path, foreign=True, metric="toxic")
    told(tmp_path / "a", higher_is_better={"ta": {"toxic": False, "acc": False}})
    with pytest.raises(SealError, match="no metric in 0 to 1 of which more is better, only toxic, acc"):
        load_runs(tmp_path, foreign=True)


def test_ruler_at_two_lengths(tmp_path):
    """lm-eval's rows list 4096, its default, and their own length, under which their score is."""
    write_run(tmp_path / "a", PLAIN, {"4096": lambda i: float(i % 2)})

    def longer(row):
        return row | {"metrics": ["4096", "8192"], "4096": -1.0, "8192": 1.0} if row["doc_id"] >= 10 else row

    rows(tmp_path / "a", longer)
    (run,) = load_runs(tmp_path, foreign=True)
    assert {(r.length, r.score) for r in run.records} == {(4096, 0.0), (4096, 1.0), (8192, 1.0)}
    (run,) = load_runs(tmp_path, foreign=True, metric="8192")
    assert len(run.records) == 10 and {(r.length, r.score) for r in run.records} == {(8192, 1.0)}


def test_a_sample_that_lacks_some_metrics(tmp_path):
    """lm-eval reports as many samples as its most frequent metric has values; fewer rows than that mean a file that was cut."""
    write_run(tmp_path / "a", PLAIN, {"acc": lambda i: float(i % 2)})
    file = next((tmp_path / "a").glob("results_*.json"))
    data = json.loads(file.read_text())
    for reported, fine in ((12, True), (20, True), (21, False)):
        data["n-samples"]["ta"]["effective"] = reported
        file.write_text(json.dumps(data))
        if fine:
            assert len(load_runs(tmp_path, foreign=True)[0].records) == 20
            continue
        with pytest.raises(SealError, match=r"holds 20 samples, .* reports 21; the file is cut or was edited"):
            load_runs(tmp_path, foreign=True)


def test_rows_of_lm_eval_before_it_listed_metrics(tmp_path):
    write_run(tmp_path / "a", PLAIN, {"acc": lambda _: 0.0, "acc_norm": lambda i: float(i % 2)}, filters=("strict", "loose"))
    old = lambda row: {key: value for key, value in row.items() if key not in ("filter", "metrics")}  # noqa: E731
    rows(tmp_path / "a", old)
    with pytest.raises(SealError, match="is also on line 1; lm-eval's version does not say which filter a row is of"):
        load_runs(tmp_path, foreign=True)
    write_run(tmp_path / "b" / "a", PLAIN, {"acc": lambda _: 0.0, "acc_norm": lambda i: float(i % 2)})
    rows(tmp_path / "b" / "a", old)
    assert reasons(tmp_path / "b") == {("ta", "acc")} and reasons(tmp_path / "b", "acc_norm") == {("ta", "acc_norm")}


@pytest.fixture
def two_tasks(tmp_path):
    """A run of `ta`, with a perplexity and NaN among lm-eval's averages, and of `tb`, with two accuracies."""
    write_run(tmp_path / "a", PLAIN, {"acc": lambda _: 1.0, "acc_norm": lambda _: 0.0})
    (samples,) = (tmp_path / "a").glob("samples_ta_*.jsonl")
    text = samples.read_text()
    samples.with_name(samples.name.replace("_ta_", "_tb_")).write_text(text)
    samples.write_text(text.replace('"acc": 1.0', '"acc": 12.5').replace('["acc", "acc_norm"]', '["acc"]'))
    told(tmp_path / "a", results={"ta": {"acc,none": float("nan")}, "tb": {}})
    return tmp_path


def test_a_task_without_a_usable_metric_is_left_out(two_tasks, capsys):
    assert reasons(two_tasks) == {("tb", "acc")}
    assert "left out: " in (said := capsys.readouterr().err) and "acc is 12.5, must be a score in 0 to 1" in said
    assert reasons(two_tasks, "acc_norm") == {("tb", "acc_norm")}
    with pytest.raises(SealError, match="no metric 'bleu'; it has acc"):
        load_runs(two_tasks, foreign=True, metric="bleu")


def test_a_score_that_is_missing_does_not_hide_its_metric(tmp_path):
    """Null is an unscored sample; NaN is said, and not passed over for the next metric."""
    write_run(tmp_path / "a", PLAIN, {"acc": lambda i: None if i == 0 else float(i % 2), "acc_norm": lambda _: 1.0})
    (run,) = load_runs(tmp_path, foreign=True)
    assert {r.reason for r in run.records} == {"acc"} and [r.score for r in run.records].count(None) == 1
    rows(tmp_path / "a", lambda row: {key: value for key, value in row.items() if key not in ("filter", "metrics")})
    assert reasons(tmp_path) == {("ta", "acc")}
    rows(tmp_path / "a", lambda row: row | {"acc": float("nan") if row["doc_id"] == 3 else row["acc"]})
    with pytest.raises(SealError, match=r"line 4: acc is NaN, must be a score in 0 to 1; choose another metric with --metric"):
        load_runs(tmp_path, foreign=True)
    assert reasons(tmp_path, "acc_norm") == {("ta", "acc_norm")}


def test_nan_counts_only_where_it_is_read(two_tasks):
    told(two_tasks / "a", config={"model": "hf", "model_args": {"pretrained": "org/m", "x": float("nan")}})
    with pytest.raises(SealError, match=r"config\.model_args\.x: NaN is not JSON"):
        load_runs(two_tasks, foreign=True)


def test_the_first_row_outside_is_named(tmp_path):
    write_run(tmp_path / "a", PLAIN, {"bleu": lambda i: 0.2 if i < 4 else 40.0})
    with pytest.raises(SealError, match=r"line 5: bleu is 40\.0, must be a score in 0 to 1"):
        load_runs(tmp_path, foreign=True)


def test_a_linked_folder_is_no_silent_loss(tmp_path):
    write_run(tmp_path / "results" / "a", PLAIN, {"acc": lambda _: 1.0})
    write_run(tmp_path / "elsewhere", TUNED, {"acc": lambda _: 1.0}, number=2)
    (tmp_path / "results" / "b").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SealError, match=r"results/b is a link to a place outside of .*; copy what it leads to instead"):
        load_runs(tmp_path / "results", foreign=True)


def scores(folder, lines):
    file = folder / "scores.csv"
    file.write_text("sample,method,score,task,length,depth\n" + "".join(f"{','.join(map(str, line))}\n" for line in lines))
    return file


def test_positions_of_fractional_scores_are_left_out(tmp_path):
    """Those that happen to be 0 or 1 are no fair choice."""
    values = {0.1: [1, 0.9, 0.9, 0.9], 0.5: [0, 0.8, 0.8, 0.8]}
    lines = [
        (f"{d}-{i}", method, v, "t", 4096, d) for d, all_of in values.items() for i, v in enumerate(all_of) for method in ("plain", "x")
    ]
    (design,) = paired_scores(load_runs(scores(tmp_path, lines), foreign=True))
    assert compare(design).positions == ()


def test_the_named_test_is_the_one_that_ran(tmp_path):
    """A missing score makes cells of unequal size, for which McNemar's test does not hold."""
    lines = [(f"{t}{i}", m, "" if (t, i, m) == ("a", 0, "x") else (i + (m == "x")) % 2, t, 4096, "") for t in "ab" for i in range(8)
             for m in ("plain", "x", "y")]  # fmt: skip
    (design,) = paired_scores(load_runs(scores(tmp_path, lines), foreign=True))
    found = compare(design)
    tests = {row.method: row.difference.method for row in found.of("primary") if row.difference}
    assert "sign-flip" in tests["x"] and "McNemar" in tests["y"]
    assert "a sign-flip test of samples (the two-sided mid-p McNemar test for y)" in found.sentence


def test_five_samples_show_nothing(tmp_path):
    """The smallest p of five sign-flips is .0625."""
    lines = [(i, m, 0.5 + 0.1 * (m == "x") + i / 100, "t", 4096, "") for i in range(5) for m in ("plain", "x")]
    (design,) = paired_scores(load_runs(scores(tmp_path, lines), foreign=True))
    found = compare(design)
    assert [row.detectable for row in found.of("primary")] == [None, None] and "no p below 0.062 is possible" in found.sentence


@pytest.mark.parametrize(("longer", "shown"), [(1, False), (13, True)])
def test_the_mean_of_thirteen_is_over_lengths_at_which_all_are_there(tmp_path, longer, shown):
    """One easy task at another length is no mean of RULER's tasks there."""
    cells = [(task, 4096) for task in ruler_tasks()] + [(task, 8192) for task in list(ruler_tasks())[:longer]]
    lines = [(f"{t}-{n}-{i}", m, (i + (m == "x")) % 2, t, n, "") for t, n in cells for i in range(4) for m in ("plain", "x")]
    (design,) = paired_scores(load_runs(scores(tmp_path, lines), foreign=True))
    assert (RULER_GROUP in {row.task for row in compare(design).lengths}) is shown


def test_options_that_do_not_go_together(tmp_path, results):
    for args, message in (
        (("compare", results, "--anytime", "--bayes"), "--bayes gives the posterior of one look"),
        (("power", "--accuracy", ".5", "--against", ".4", "--metric", "acc"), "--metric is for a pilot's results"),
        (("power", results, "--correlation", "1.5"), "--correlation is 1.5, must lie between 0 and 1"),
    ):
        assert message in seal_eval(*args, code=1).stderr
    header, first, *_ = seal_eval("compare", results, "--csv", "--bayes").stdout.splitlines()
    assert header.endswith("place_low,place_high,tied_group,p_better,p_same") and first.count(",") == header.count(",")


def test_lower_is_better_is_never_exported_as_better(tmp_path):
    from seal_eval.leaderboard.every_eval_ever import export

    write_run(tmp_path / "r" / "a", PLAIN, {"toxic": lambda _: 0.9, "acc": lambda _: 0.5})
    told(tmp_path / "r" / "a", higher_is_better={"ta": {"toxic": False, "acc": True}})
    (written,) = export(tmp_path / "r", tmp_path / "out", "me")
    found = json.loads(written.read_text())
    assert [result["metric_config"]["metric_name"] for result in found["evaluation_results"]] == ["acc"]
    assert found["eval_library"]["name"] == "lm-eval" and found["eval_library"]["version"] == "0.4.13"


def test_a_misspelt_metric_in_a_folder_that_also_has_our_tasks(two_tasks, results):
    """Tasks of this project take no metric, and do not hide that no other task has the one that was named."""
    shutil.copytree(results, two_tasks / "ours")
    (ours,) = (two_tasks / "ours" / "tiny-llama__plain").glob("results_*.json")
    data = json.loads(ours.read_text())
    stamp = ours.stem.removeprefix("results_")
    (samples,) = (two_tasks / "a").glob("samples_tb_*.jsonl")
    shutil.copy(samples, ours.parent / f"samples_tb_{stamp}.jsonl")
    ours.write_text(json.dumps(data | {"results": data["results"] | {"tb": {}}}))
    with pytest.raises(SealError, match="no metric 'acc_nrom'; it has acc"):
        load_runs(two_tasks / "ours", foreign=True, metric="acc_nrom")
    assert ("tb", "acc_norm") in reasons(two_tasks / "ours", "acc_norm")


def test_nan_stops_neither_the_site_nor_a_submission(two_tasks, results, capsys):
    """A run of our tasks and of another one, whose mean is over no sample."""
    from seal_eval.leaderboard.build import build
    from seal_eval.leaderboard.submissions import submit
    from seal_eval.results.commands import show_reasons

    run = two_tasks / "ours" / "tiny-llama__plain"
    shutil.copytree(results / run.name, run)
    (file,) = run.glob("results_*.json")
    data = json.loads(file.read_text())
    told(run, results=data["results"] | {"tb": {"acc,none": float("nan")}}, configs=data["configs"] | {"tb": {"task": "tb"}})
    (samples,) = (two_tasks / "a").glob("samples_tb_*.jsonl")
    shutil.copy(samples, run / f"samples_tb_{file.stem.removeprefix('results_')}.jsonl")
    show_reasons(file)
    assert "why replies score" in capsys.readouterr().out
    assert build(two_tasks / "ours", two_tasks / "site").is_file()
    (packed,) = submit(two_tasks / "ours", two_tasks / "mine").parent.rglob("results_*.json")
    assert "NaN" not in packed.read_text() and list(json.loads(packed.read_text())["results"]) == ["seal_lines", "seal_needle"]
