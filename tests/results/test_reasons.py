"""Why replies score what they do, replies shown with one command, and scores of an older version brought up to date."""

import json
import shutil
from types import SimpleNamespace

import pytest

from seal_eval.cli import run_command
from seal_eval.core.errors import SealError
from seal_eval.core.types import Record
from seal_eval.results.reasons import shares, warning
from seal_eval.results.records import load_runs
from seal_eval.tasks import VERSION

from conftest import program, seal_eval


def record(i, reason, score=0.0, task="seal_lines", length=900):
    return Record("r", f"s{i}", task, length, 890, 0.5, f"d{i}", ("1",), "", None, score, reason, "h")


def test_shares_and_the_warning():
    """Counted by hand: of 20 replies 17 exact, 1 wrong line, 2 cut off; 10 % is above the limit of 5 %, 5 % is not."""
    replies = [("plain", record(i, "exact", 1.0)) for i in range(17)] + [("plain", record(17, "wrong line"))]
    (cell,) = shares([*replies, ("plain", record(18, "cut off")), ("plain", record(19, "cut off while thinking"))])
    assert cell.counts == {"exact": 17, "wrong value": 1, "cut off": 1, "cut off while thinking": 1} and cell.of_format == 0.1
    assert cell.text == "exact 85 %, wrong value 5 %, cut off 5 %, cut off while thinking 5 %"
    assert warning(cell).startswith("seal_lines at 900, plain: 10 % of the replies were cut off or hold no answer")
    (cell,) = shares([*replies, ("plain", record(18, "unparsable")), ("plain", record(19, "hedged"))])
    assert warning(cell) == ""
    assert shares([("plain", record(0, "RULER", task="niah_single_1"))]) == []


def test_every_command_shows_them(results):
    done = seal_eval("compare", results)
    text = " ".join(done.stdout.split())
    assert "why replies score what they do" in text and "measures their form" in text
    assert "shares" in json.loads(seal_eval("compare", results, "--json").stdout)[0]
    done = seal_eval("replies", results, "-n", 3, "--task", "seal_lines", "--method", "plain")
    assert done.stdout.count("expected:") == 3 and all(
        "plain" in line for line in done.stdout.splitlines() if line.startswith("seal_lines")
    )
    assert seal_eval("replies", results, "--reason", "hegded", code=1).stderr.strip().endswith("did you mean 'hedged'?")


@pytest.fixture
def old(results, tmp_path):
    """A run of version 2: its scores follow another rule (here: all are turned round)."""
    folder = tmp_path / "old" / "run"
    shutil.copytree(results / "tiny-llama__plain", folder)
    for file in folder.glob("samples_*.jsonl"):
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        for row in rows:
            row["acc"] = 1 - row["acc"]
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (file,) = folder.glob("results_*.json")
    data = json.loads(file.read_text(encoding="utf-8"))
    data["versions"] = dict.fromkeys(data["versions"], 2.0)
    file.write_text(json.dumps(data), encoding="utf-8")
    return folder.parent


def test_those_of_the_run_that_was_asked_for(results, tmp_path, monkeypatch, capsys):
    """A command that is repeated shows its own run, not the one that was finished last in the same folder."""
    folder = tmp_path / "tiny-llama__plain"
    shutil.copytree(results / folder.name, folder)
    (file,) = folder.glob("results_*.json")
    (folder / "results_2099-01-01T00-00-00.000000.json").write_text(json.dumps({"config": {}, "results": {"other": {}}}))
    monkeypatch.setattr("seal_eval.harness.run.results_of", lambda _: file)
    run_command(SimpleNamespace(args=[]))
    said = capsys.readouterr().out
    assert "why replies score" in said and said.strip().endswith(str(folder))


def test_scores_of_an_older_version(results, old, tmp_path):
    """They are refused with the remedy; the remedy gives what a new run has."""
    with pytest.raises(
        SealError, match=rf"scored by the rules of version 2.0, this is version {VERSION}; score its replies again: seal-eval score results"
    ):
        load_runs(old)
    before = {file: file.read_bytes() for file in old.rglob("*") if file.is_file()}
    done = seal_eval("score", "results", old, "--out", tmp_path / "new")
    assert before == {file: file.read_bytes() for file in old.rglob("*") if file.is_file()}
    (run,) = load_runs(tmp_path / "new")
    wanted = next(run for run in load_runs(results) if run.method == "plain")
    for task in ("seal_lines", "seal_needle"):  # `old` has every score the other way round
        scores = [int(r.score) for r in wanted.records if r.task == task]
        assert f"{sum(scores)} of {len(scores)} replies up, {len(scores) - sum(scores)} down" in done.stdout
    assert [(r.sample_id, r.score, r.reason) for r in run.records] == [(r.sample_id, r.score, r.reason) for r in wanted.records]
    table = {name: json.loads(next(folder.glob("results_*.json")).read_text(encoding="utf-8"))["results"]
             for name, folder in (("new", tmp_path / "new" / "run"), ("run", results / "tiny-llama__plain"))}  # fmt: skip
    assert table["new"] == table["run"]
    seal_eval("score", "results", old, "--out", tmp_path / "new", code=1)


def test_predicted_only(tmp_path, tiny_folder):
    """lm-eval's --predict_only logs no score; the replies are scored when they are read."""
    import subprocess

    args = ("--model_args", f"pretrained={tiny_folder}", "--tasks", "seal_lines", "--metadata", '{"lengths": [500], "num_samples": 2}')
    subprocess.run(
        [program("lm_eval"), "--model", "hf", *args, "--predict_only", "--output_path", tmp_path / "out", "--device", "cpu"], check=True,
        capture_output=True,
    )  # fmt: skip
    (run,) = load_runs(tmp_path / "out")
    assert [r.score for r in run.records] == [0.0, 0.0] and all(r.reason != "" for r in run.records)
    assert "seal_lines" in seal_eval("compare", tmp_path / "out").stdout


def test_a_new_run_beside_one_of_an_older_version(old, tiny_folder):
    """The run's own table is shown; the older run beside it, which must be scored again, is not read."""
    (old / "run").rename(old / "tiny-llama__plain")
    done = seal_eval(
        "run", "--model_args", f"pretrained={tiny_folder}", "--tasks", "seal_lines", "--metadata", '{"lengths": [500], "num_samples": 1}',
        "--output_path", old, "--device", "cpu",
    )  # fmt: skip
    assert "why replies score what they do" in done.stdout
