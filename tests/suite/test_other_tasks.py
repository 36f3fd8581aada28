"""Tasks from outside this project in a suite: run, compared, on the site, left out of submissions; refused with the remedy."""

import json
import shutil

import pytest
import yaml

from seal_eval.core.errors import SealError
from seal_eval.harness.run import _name_tokenizer
from seal_eval.results.compare import compare
from seal_eval.results.paired import paired_scores_of
from seal_eval.results.records import load_runs
from seal_eval.suite.other_tasks import check_other
from seal_eval.suite.plan import plan
from seal_eval.suite.schema import TaskEntry
from seal_eval.tasks import ruler_tasks

from conftest import seal_eval

QUESTIONS = 6


@pytest.fixture(scope="module")
def suite(tmp_path_factory, tiny_folder, adapter):
    """A suite file with a task of ours and a YAML file of the user's own, whose data lie beside it."""
    place = tmp_path_factory.mktemp("other")
    rows = [{"question": f"Say the word number {i}.", "answer": "one" if i % 2 else "two"} for i in range(QUESTIONS)]
    (place / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    own = {
        "task": "own_words", "dataset_path": "json", "dataset_kwargs": {"data_files": {"test": str(place / "data.jsonl")}},
        "test_split": "test", "output_type": "generate_until", "doc_to_text": "question", "doc_to_target": "answer",
        "generation_kwargs": {"until": ["\n"], "max_gen_toks": 8}, "metric_list": [{"metric": "exact_match"}],
    }  # fmt: skip
    (place / "own.yaml").write_text(yaml.safe_dump(own))
    planned = {
        "name": "mixed", "models": [str(tiny_folder)], "device": "cpu",
        "methods": ["plain", {"method": "seal", "adapter": str(adapter)}],
        "tasks": [{"task": "seal_lines", "sizes": [450], "num_samples": 4}, {"task": "own.yaml", "num_samples": 5}],
    }  # fmt: skip
    (place / "suite.yaml").write_text(yaml.safe_dump(planned, sort_keys=False))
    return place / "suite.yaml"


@pytest.fixture(scope="module")
def ran(suite):
    out = suite.parent / "out"
    done = seal_eval("suite", suite, "--out", out)
    assert "4 done" in done.stdout
    return out


def test_plan(suite):
    _, cells = plan(suite, suite.parent / "elsewhere")
    assert [(cell.planned[1:], cell.n_samples) for cell in cells] == [(("seal_lines", 450), 4), (("own_words", 0), 5)] * 2
    assert cells[1].folder.startswith("runs/own_words/plain/") and "--limit" in cells[1].work["argv"]
    shown = seal_eval("suite", suite, "--out", suite.parent / "elsewhere", "--dry-run").stdout
    assert "own_words" in shown


@pytest.mark.parametrize(("line", "name"), [("task: own_words  # of mine", "own_words"), ("task: 'слова'", "слова"), ("task: a#b", None)])
def test_the_name_in_a_task_file(tmp_path, line, name):
    (tmp_path / "own.yaml").write_text(f"{line}\ndataset_path: json\n", encoding="utf-8")
    entry = TaskEntry(task=str(tmp_path / "own.yaml"))
    if name:
        assert check_other(entry) == name
    else:
        with pytest.raises(SealError, match="names no task"):
            check_other(entry)


def test_compared_and_complete(ran):
    runs = load_runs(ran, foreign=True)
    assert not [cell for run in runs for cell in run.absent]
    found = compare(paired_scores_of(runs, runs[0].model))
    assert {(row.task, row.length, row.accuracy.n) for row in found.of("cell")} == {("seal_lines", 450, 4), ("own_words", None, 5)}


def test_on_the_site(ran, tmp_path):
    seal_eval("site", ran, "--out", tmp_path / "site")
    page = (tmp_path / "site" / "tasks" / "own_words.html").read_text(encoding="utf-8")
    assert "a task from outside this project" in page and ">any<" in page
    assert "from outside" not in (tmp_path / "site" / "tasks" / "seal_lines.html").read_text(encoding="utf-8")
    chunks = "".join(f.read_text(encoding="utf-8") for f in (tmp_path / "site" / "data" / "samples").glob("0-*.js"))
    assert all(f"Say the word number {i}." in chunks for i in range(5))


def test_a_metric_that_is_no_number_hides_no_prompt(ran, tmp_path):
    """lm-eval writes NaN where a metric of a task is undefined for a sample."""
    shutil.copytree(ran, tmp_path / "out")
    for file in (tmp_path / "out").rglob("samples_own_words_*.jsonl"):
        lines = file.read_text(encoding="utf-8").splitlines()
        file.write_text("".join(f'{line[:-1]}, "spread": NaN}}\n' for line in lines), encoding="utf-8")
    seal_eval("site", tmp_path / "out", "--out", tmp_path / "site")
    chunks = (tmp_path / "site" / "data" / "samples").glob("*.js")
    assert any("Say the word number 0." in file.read_text(encoding="utf-8") for file in chunks)


def test_left_out_of_a_submission(ran, tiny_folder, tmp_path):
    done = seal_eval("submit", ran, "--out", tmp_path / "packed")
    assert "left out, because no check can build their samples again: own_words" in done.stderr
    manifest = json.loads((tmp_path / "packed" / "submission.json").read_text())
    assert {task for run in manifest["runs"] for task in run["tasks"]} == {"seal_lines"}
    assert {(cell["task"], cell["size"], cell["reason"]) for cell in manifest["not_run"]} == {
        ("own_words", 0, "left out: not a task of this project")
    }
    seal_eval("check", tmp_path / "packed", "--tokenizer", tiny_folder)


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ({"task": "own.yaml", "sizes": [450]}, "sizes is for this project's tasks"),
        ({"task": "none.yaml"}, "none.yaml does not exist"),
        ({"task": "data.jsonl"}, "task 'data.jsonl' not found"),
        ({"task": "glue"}, "glue is a group of lm-eval's tasks"),
        ({"task": "seal_lines"}, "sizes is missing"),
        ({"task": "seal_lines", "sizes": [450]}, "num_samples is missing"),
        ({"task": "seal_line", "sizes": [450], "num_samples": 2}, "did you mean 'seal_lines'"),
        ({"task": "seal1024_lines", "sizes": [450], "num_samples": 2}, "task 'seal1024_lines' not found"),
        ({"task": "longeval_lines_200"}, "sizes is missing"),
        ({"task": "sealruler", "sizes": [900]}, "num_samples is missing"),
    ],
)
def test_refused_with_its_line(suite, tmp_path, task, said):
    value = yaml.safe_load(suite.read_text()) | {"tasks": [task]}
    file = suite.parent / "wrong.yaml"
    file.write_text(yaml.safe_dump(value, sort_keys=False))
    with pytest.raises(SealError) as error:
        plan(file, tmp_path / "out")
    assert said in str(error.value) and str(error.value).startswith(f"{file}, line ")


def test_rulers_group_is_thirteen_tasks(suite, tmp_path):
    value = yaml.safe_load(suite.read_text()) | {"methods": ["plain"], "tasks": [{"task": "sealruler", "sizes": [1100], "num_samples": 2}]}
    file = suite.parent / "group.yaml"
    file.write_text(yaml.safe_dump(value, sort_keys=False))
    assert [cell.planned for cell in plan(file, tmp_path / "out")[1]] == [("plain", name, 1100) for name in ruler_tasks()]


def idents(suite, out):
    return [cell.ident for cell in plan(suite, out)[1]]


def idents_with(suite, out, name, old, new):
    """The idents while a file of the suite's folder holds `new` in place of `old`."""
    file = suite.parent / name
    text = file.read_text()
    file.write_text(text.replace(old, new))
    found = idents(suite, out)
    file.write_text(text)
    return found


def test_an_edited_task_file_makes_another_cell(suite, tmp_path):
    before = idents(suite, tmp_path / "out")
    after = idents_with(suite, tmp_path / "out", "own.yaml", "max_gen_toks: 8", "max_gen_toks: 9")
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False] * 2


def test_edited_data_and_another_lm_eval_make_another_cell(suite, tmp_path, monkeypatch):
    """Of a task that is not ours, the data and the version of lm-eval decide; our own tasks' cells stay."""
    before = idents(suite, tmp_path / "out")
    after = idents_with(suite, tmp_path / "out", "data.jsonl", "number 1", "number 7")
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False] * 2
    monkeypatch.setattr("seal_eval.suite.identity.version", lambda name: "0.0")
    after = idents(suite, tmp_path / "out")
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False] * 2


def test_a_short_name_is_resolved_for_lm_evals_own_tasks(tiny_folder, tmp_path, monkeypatch):
    """RULER's builders load the tokenizer by the model's name, which the hub does not know."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "smollm2-135m-instruct").symlink_to(tiny_folder)
    monkeypatch.setenv("SEAL_EVAL_CACHE", str(tmp_path))
    for given, named in (
        ({"pretrained": "smollm2-135m-instruct"}, str(tmp_path / "models" / "smollm2-135m-instruct")),
        ({"pretrained": "smollm2-135m-instruct", "tokenizer": "own"}, None), ({"pretrained": str(tiny_folder)}, None), ({}, None),
    ):  # fmt: skip
        metadata = {}
        _name_tokenizer(metadata, given)
        assert metadata.get("tokenizer") == named
