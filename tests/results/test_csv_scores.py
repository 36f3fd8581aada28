"""Scores from a CSV file: the comparison of the result files that they were written from, and every mistake with its line."""

import csv
import json

import pytest

from seal_eval.core.errors import SealError
from seal_eval.results.csv_scores import read_scores
from seal_eval.results.records import load_runs

from conftest import seal_eval


@pytest.fixture
def written(results, tmp_path):
    """The records of `results` as a CSV file."""
    file = tmp_path / "tiny-llama.csv"
    with file.open("w", newline="") as opened:
        out = csv.writer(opened)
        out.writerow(["sample", "method", "score", "task", "length", "cluster", "depth"])
        for run in load_runs(results):
            for r in run.records:
                out.writerow([r.sample_id, run.method, r.score, r.task, r.length, r.cluster, r.depth])
    return file


def numbers(found):
    """A comparison without the names of samples, and without what result files say besides scores."""
    return {key: value for key, value in found.items() if key not in ("reasons", "shares", "model", "name", "missing")}


def test_same_numbers_as_the_result_files(results, written):
    theirs, ours = (json.loads(seal_eval("compare", place, "--json").stdout) for place in (results, written))
    assert len(theirs) == len(ours) == 1 and ours[0]["rows"] and numbers(ours[0]) == numbers(theirs[0])


def test_power_from_a_pilot(results, written):
    said = [seal_eval("power", place).stdout for place in (results, written)]
    assert said[0] == said[1]


def test_models_methods_and_gaps(tmp_path):
    """Columns in any order; a sample of two tasks is two; models are compared apart; an empty score is none."""
    file = tmp_path / "board.csv"
    lines = ["model,score,method,task,sample"]
    for model in "ab":
        for i in range(12):
            lines += [f"{model},{i % 2},plain,t{i % 3},{i}", f"{model},{'' if i == 3 else 1},better,t{i % 3},{i}"]
    file.write_text("\ufeff" + "\n".join(lines) + "\n", encoding="utf-8")
    runs = read_scores(file)
    assert [(run.model, run.method) for run in runs] == [("a", "plain"), ("a", "better"), ("b", "plain"), ("b", "better")]
    assert [r.score for r in runs[1].records].count(None) == 1 and runs[0].records[0].cluster == "t0-None-0"
    found = json.loads(seal_eval("compare", file, "--json").stdout)
    assert len(found) == 2 and found[0]["rows"] == found[1]["rows"]


@pytest.mark.parametrize(("header", "lines", "problem"), [
    ("sample,method", "1,a", "line 1: no column 'score'"), ("sample,method,score,lenght", "", "column .lenght.; did you mean .length."),
    ("sample,method,score,score", "", "line 1: column 'score' is there twice"), ("sample,method,score", "", "holds no scores"),
    ("", "", "no column 'sample'"), ("sample,method,score", "1,a,1\n1,a,0", "line 3: sample 1 of a is there twice"),
    ("sample,method,score", "1,a,3", "line 2: score is '3', must be a number from 0"), ("sample,method,score", "1,a,nan", "score is 'nan'"),
    ("sample,method,score", "1,a", "line 2: fewer values than columns"), ("sample,method,score", "1,a,1,2", "more values than columns"),
    ("sample,method,score", "1, ,1", "line 2: method is ''"), ("sample,method,score,length", "1,a,1,x", "line 2: length is 'x'"),
    ("sample,method,score,length", f"1,a,1,{'1' * 5000}", "line 2: length is '1111"),
    ("sample,method,score,depth", "1,a,1,2", "line 2: depth is '2'"), ("sample,method,score", '1,"a,1', "not CSV"),
])  # fmt: skip
def test_mistakes(tmp_path, header, lines, problem):
    file = tmp_path / "s.csv"
    file.write_text(f"{header}\n{lines}" if header else "")
    with pytest.raises(SealError, match=rf"s\.csv.*{problem}"):
        read_scores(file)


def test_where_scores_do_not_suffice(written, tmp_path):
    (tmp_path / "latin.csv").write_bytes(b"sample,method,score\n1,\xe9,1\n")
    assert "is not UTF-8 (byte 22)" in seal_eval("compare", tmp_path / "latin.csv", code=1).stderr
    assert "holds scores alone" in seal_eval("site", written, "--out", tmp_path / "site", code=1).stderr
    assert "has columns score and cluster" in seal_eval("compare", written, "--cluster", "x", code=1).stderr
    assert not (tmp_path / "site").exists()


def scores_of(tmp_path, text):
    file = tmp_path / "s.csv"
    file.write_text(text, encoding="utf-8")
    return read_scores(file)


def test_samples_of_two_tasks_are_never_one(tmp_path):
    """Task a-1 at length 2, sample 3, and task a at length 1, sample 2-3, were one sample; the second was dropped."""
    lines = ["sample,method,score,task,length"]
    lines += [
        f"{sample},{method},{score},{task}"
        for method, score in (("plain", 1), ("b", 0))
        for sample, task in (("2-3", "a,1"), ("3", "a-1,2"))
    ]
    runs = scores_of(tmp_path, "\n".join(lines))
    assert [len({record.sample_id for record in run.records}) for run in runs] == [2, 2]
    assert json.loads(seal_eval("compare", tmp_path / "s.csv", "--json").stdout)[0]["rows"][0]["accuracy"]["n"] == 2


def test_spaces_and_composed_letters_make_no_other_names(tmp_path):
    """What a spreadsheet or a hand adds: spaces around names and values, letters composed of two signs."""
    runs = scores_of(tmp_path, "sample, method , score\n1, plain, 1\n1 ,caf\u00e9, 0\n2,plain ,0\n\u00a02,cafe\u0301,1\n")
    assert [(run.method, [record.score for record in run.records]) for run in runs] == [("plain", [1, 0]), ("caf\u00e9", [0, 1])]
    assert len({record.sample_id for run in runs for record in run.records}) == 2


@pytest.mark.parametrize(("text", "problem"), [
    ("sample;method;score\n1;a;0,5\n", "line 1: ';' separates the columns; separate them by commas"),
    ("sample\tmethod\tscore\n1\ta\t1\n", "separates the columns; separate them by commas"),
    ('sample,method,score\n1,a,"0,5"\n', "line 2: score is '0,5', must be .*; write decimals with a point"),
    ("sample,method,score\n1,a,NA\n", "line 2: score is 'NA', must be .*; leave it empty where there is none"),
    ("sample,method,score\n1,a,85\n", "line 2: score is '85', must be .*; divide others by the largest that they can be"),
])  # fmt: skip
def test_files_of_spreadsheets(tmp_path, text, problem):
    with pytest.raises(SealError, match=problem):
        scores_of(tmp_path, text)


def test_quotes_behind_a_space_are_no_part_of_a_name(tmp_path):
    (run,) = scores_of(tmp_path, 'sample, method, score\n1, "a, b", 1\n2,"a, b", 0\n')
    assert run.method == "a, b" and len(run.records) == 2


def test_documents_of_several_tasks_are_told(tmp_path, capsys):
    """They may have been numbered from the start in each task."""
    lines = [f"{i},{m},1,{task},{i % 5}" for i in range(10) for m in "ab" for task in ("t", "u")]
    scores_of(tmp_path, "\n".join(["sample,method,score,task,cluster", *lines]))
    assert "s.csv: cluster 0, 1, 2 and 2 more: one document in several tasks; if each has another" in capsys.readouterr().err
    scores_of(tmp_path, "\n".join(["sample,method,score,task,cluster", *(line for line in lines if ",t," in line)]))
    scores_of(tmp_path, "\n".join(["sample,method,score,task", *(line.rpartition(",")[0] for line in lines)]))
    assert not capsys.readouterr().err


def test_no_two_subjects_are_one_run(tmp_path):
    runs = scores_of(tmp_path, 'sample,method,score,model\n1,b,1,org/a\n1,b,1,org--a\n1,"c, d",1,b\n1,d,1,"b, c"\n')
    assert len({run.run_id for run in runs}) == 4


def test_tasks_named_like_ours_have_no_reasons(tmp_path):
    """Scores alone tell no reasons; a division by their number, 0, ended the comparison."""
    scores_of(tmp_path, "sample,method,score,task\n" + "".join(f"{i},{m},{i % 2},seal_lines\n" for i in range(8) for m in ("plain", "b")))
    said = seal_eval("compare", tmp_path / "s.csv").stdout
    assert "why replies score" not in said and "plain" in said


def test_no_metric_is_made_up(tmp_path):
    """The sentence said 'Scores: scores by scored.'"""
    scores_of(tmp_path, "sample,method,score\n" + "".join(f"{i},{m},{'' if i == 7 else i % 2}\n" for i in range(8) for m in ("plain", "b")))
    assert "Scores:" not in seal_eval("compare", tmp_path / "s.csv").stdout


def test_power_names_the_task_with_other_scores(tmp_path):
    scores_of(
        tmp_path,
        "sample,method,score,task\n" + "".join(f"{i},{m},{s},{t}\n" for i in range(8) for m in "ab" for t, s in (("t", 1), ("f", 0.5))),
    )
    assert "b: f has scores other than 0 and 1" in seal_eval("power", tmp_path / "s.csv", "--baseline", "a", code=1).stderr
