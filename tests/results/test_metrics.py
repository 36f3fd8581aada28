"""Tasks from outside this project: one metric for all runs of a task, samples that are missing, single samples, unknown lengths."""

import json
from hashlib import sha256

import pytest
import yaml

from seal_eval.core.errors import SealError
from seal_eval.leaderboard.build import build
from seal_eval.leaderboard.every_eval_ever import export
from seal_eval.results.chosen_test import sentence
from seal_eval.results.compare import compare
from seal_eval.results.csv_scores import read_scores
from seal_eval.results.paired import paired_scores, why_apart
from seal_eval.results.power import from_pilot
from seal_eval.results.records import load_runs


def digest(text):
    return sha256(text.encode()).hexdigest()


def write_run(folder, model_args, metrics, n=20, number=1, lacks=(), prompt="prompt", filters=("none",)):
    """Write lm-eval's files of one run of the task `ta`. metrics: name → function from the number of a sample to its score."""
    folder.mkdir(parents=True)
    stamp = f"2026-01-0{number}T00-00-00.000000"
    results = {
        "config": {"model": "hf", "model_args": model_args, "gen_kwargs": None, "limit": None}, "results": {"ta": {"alias": "ta"}},
        "configs": {"ta": {"task": "ta", "metadata": {"version": 1.0}}}, "versions": {"ta": 1.0}, "date": 1.77e9 + number,
        "n-samples": {"ta": {"original": n, "effective": n - len(lacks)}},
        "lm_eval_version": "0.4.13", "total_evaluation_time_seconds": "10",
    }  # fmt: skip
    (folder / f"results_{stamp}.json").write_text(json.dumps(results))
    lines = []
    for kept in filters:
        for i in sorted({*range(n)} - {*lacks}):
            doc = {"q": f"question number {i} of all"}
            scores = {name: score(i) for name, score in metrics.items()}
            lines.append({
                "doc_id": i, "doc": doc, "target": "a", "resps": [["x"]],
                "arguments": {"gen_args_0": {"arg_0": f"{prompt} {i}", "arg_1": {}}},
                "filtered_resps": ["x"], "filter": kept, "metrics": list(metrics), "doc_hash": digest(json.dumps(doc)),
                "prompt_hash": digest(f"{prompt} {i}"), "target_hash": digest("a"), **scores,
            })  # fmt: skip
    (folder / f"samples_ta_{stamp}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_both_runs_are_scored_by_the_same_metric(tmp_path):
    """BLEU is in 0 to 1 for plain alone; their F1 is equal, so there is no difference."""
    f1 = lambda i: round(0.3 + i / 40, 3)  # noqa: E731
    write_run(tmp_path / "a", {"pretrained": "org/m"}, {"bleu": lambda _: 0.0, "f1": f1})
    write_run(tmp_path / "b", {"pretrained": "org/m", "peft": "org/lora"}, {"bleu": lambda i: 40.0 * (i % 3), "f1": f1}, number=2)
    (design,) = paired_scores(load_runs(tmp_path, foreign=True))
    (row,) = [row for row in compare(design).of("primary") if row.difference]
    assert row.difference.value == 0 and "Scores: ta by f1." in sentence(design)


def test_the_filter_counts_too(tmp_path):
    write_run(tmp_path / "a", {"pretrained": "org/m"}, {"em": lambda _: 1.0}, filters=("strict", "loose"))
    write_run(tmp_path / "b", {"pretrained": "org/m", "peft": "org/lora"}, {"em": lambda _: 1.0}, number=2, filters=("loose", "strict"))
    (design,) = paired_scores(load_runs(tmp_path, foreign=True))
    assert "Scores: ta by em,strict." in sentence(design)


def test_what_was_assumed_is_said_once(tmp_path):
    """Also where the data set of one run has a field more."""
    write_run(tmp_path / "a", {"pretrained": "org/m"}, {"em": lambda i: float(i % 2)})
    write_run(tmp_path / "b", {"pretrained": "org/m", "peft": "org/lora"}, {"em": lambda i: float(i % 2)}, number=2)
    (file,) = (tmp_path / "b").glob("samples_*")
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    for row in rows:
        row["doc"]["topic"] = "ab"[row["doc_id"] % 2]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (design,) = paired_scores(load_runs(tmp_path, foreign=True))
    assert sentence(design).count("Scores: ") == sentence(design).count("Documents: ") == 1 and "repeat in topic" in sentence(design)


def test_a_metric_that_only_looks_like_a_length(tmp_path):
    """A superscript is a digit to Python, and no number."""
    write_run(tmp_path / "a", {"pretrained": "org/m"}, {"²": lambda i: float(i % 2)})
    (run,) = load_runs(tmp_path, foreign=True)
    assert {(record.reason, record.length) for record in run.records} == {("²", None)}


def test_no_metric_in_common(tmp_path):
    write_run(tmp_path / "a", {"pretrained": "org/m"}, {"f1": lambda _: 0.5})
    write_run(tmp_path / "b", {"pretrained": "org/m", "peft": "org/lora"}, {"exact_match": lambda _: 0.0}, number=2)
    with pytest.raises(SealError, match=r"ta: run .* has scores in 0 to 1 by f1 and run .* by exact_match, and no metric is in both"):
        load_runs(tmp_path, foreign=True)


def test_a_model_that_lacks_a_sample(tmp_path):
    """It is an error; only models with other prompts are shown apart, and it is said why."""
    for name, more in (("one", {"lacks": [7]}), ("two", {"prompt": "another prompt"})):
        write_run(tmp_path / name / "a", {"pretrained": "org/m"}, {"f1": lambda _: 0.5})
        write_run(tmp_path / name / "b", {"pretrained": "org/n"}, {"f1": lambda _: 0.5}, number=2, **more)
    with pytest.raises(SealError, match="lacks 1 samples that org--m has, first ta:7"):
        paired_scores(load_runs(tmp_path / "one", foreign=True))
    runs = load_runs(tmp_path / "two", foreign=True)
    assert len(paired_scores(runs)) == 2 and "has another prompt for org--n than for org--m" in why_apart(runs)


def test_what_is_exported_of_other_peoples_tasks(tmp_path):
    """The metric, the settings of generation and the model's owner are the run's, not those of this project's own tasks."""
    write_run(tmp_path / "r" / "a", {"pretrained": "org/m"}, {"f1": lambda i: i / 20})
    file = next((tmp_path / "r" / "a").glob("results_*.json"))
    data = json.loads(file.read_text())
    data["config"]["gen_kwargs"] = {"temperature": 0.7, "do_sample": True, "max_gen_toks": 50}
    file.write_text(json.dumps(data))
    (written,) = export(tmp_path / "r", tmp_path / "out", "me")
    found = json.loads(written.read_text())
    (result,) = found["evaluation_results"]
    assert found["model_info"]["id"] == "org/m" and result["metric_config"]["metric_name"] == "f1"
    assert result["metric_config"]["metric_id"] == "lm_eval.ta.f1" and "metric_kind" not in result["metric_config"]
    generation = result["generation_config"]["generation_args"]
    assert (generation["temperature"], generation["max_tokens"]) == (0.7, 50)
    site = build(tmp_path / "r", tmp_path / "site").parent
    index = yaml.safe_load(next((site / "data" / "runs").glob("*.yml")).read_text())
    (said,) = index["model-index"][0]["results"]
    assert said["metrics"][0]["type"] == "f1" and said["task"]["name"] == "ta"


def test_what_could_have_been_shown(tmp_path):
    """Cells of 200 and 20 with equal weight are tested by sign-flip; McNemar's test of pooled pairs would promise 5.8 points.

    Simulated: the test has a power of 54 % at 5.8 points, 83 % at 8 and 97 % at 9.6 (1,000 draws, a tenth of the pairs differ). A pilot's
    difference is the mean over cells, as compare's.
    """
    file = tmp_path / "cells.csv"
    lines = [
        f"{task}{i},{method},{int(i % 10 != k)},{task},"
        for task, n in (("a", 200), ("b", 20)) for i in range(n) for k, method in ((11, "plain"), (0 if task == "a" else 1, "x"))
    ]  # fmt: skip
    file.write_text("sample,method,score,task,length\n" + "\n".join(lines) + "\n")
    (design,) = paired_scores(read_scores(file))
    (row,) = [row for row in compare(design).of("primary") if row.difference]
    assert 0.078 < row.detectable < 0.1
    lopsided = tmp_path / "lopsided.csv"
    pairs = [("a", i, int(i < 90), int(i < 90)) for i in range(100)] + [("b", i, 0, 1) for i in range(10)]
    lines = [
        f"{task}{i},{method},{score},{task}," for task, i, *scores in pairs for method, score in zip(("plain", "x"), scores, strict=True)
    ]
    lopsided.write_text("sample,method,score,task,length\n" + "\n".join(lines) + "\n")
    (design,) = paired_scores(read_scores(lopsided))
    (guess,) = from_pilot(design, None)
    assert guess.difference == pytest.approx(0.5) and guess.discordance == pytest.approx(0.5)


def test_single_samples_and_lengths_that_are_not_known(tmp_path):
    """One sample of a task with a score between 0 and 1; a task with lengths for some of its samples."""
    file = tmp_path / "scores.csv"
    lines = ["1,plain,.5,a,", "1,x,.7,a,", "2,plain,.4,b,", "2,x,.9,b,"]
    lines += [f"c{i},{method},{(i + k) % 2},c,{512 * (i % 3) or ''}" for i in range(12) for k, method in enumerate(("plain", "x"))]
    file.write_text("sample,method,score,task,length\n" + "\n".join(lines) + "\n")
    (design,) = paired_scores(read_scores(file))
    found = compare(design)
    single, *_ = [row for row in found.rows if row.task == "a" and row.method == "x"]
    assert single.difference.value == pytest.approx(0.2) and (single.difference.low, single.difference.high) == (-1, 1)
    assert {over.task for over in found.lengths} == {"c"}
