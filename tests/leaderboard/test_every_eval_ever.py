"""Results in the format of Every Eval Ever: valid by its schemas, and the same numbers when they are read back."""

import hashlib
import json
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from seal_eval.leaderboard.every_eval_ever import export, model_id
from seal_eval.results.compare import compare
from seal_eval.results.paired import paired_scores_of
from seal_eval.results.records import load_runs

from conftest import seal_eval

SCHEMAS = Path(__file__).parents[1] / "witness" / "every_eval_ever"  # of every_eval_ever 0.3.0, MIT licence


def validator(name):
    return Draft7Validator(json.loads((SCHEMAS / f"{name}.schema.json").read_text()))


@pytest.fixture(scope="module")
def exported(results, tmp_path_factory):
    out = tmp_path_factory.mktemp("eee") / "out"
    done = seal_eval("export", results, "--out", out, "--organization", "Some Lab", "--developer", "tiny-lab")
    files = [Path(line) for line in done.stdout.splitlines()]
    assert len(files) == 2 and all(file.is_file() for file in files)
    return out, files


def test_valid_by_its_schemas(exported):
    out, files = exported
    aggregate, instance = (validator(name) for name in ("eval", "instance_level_eval"))
    for file in files:
        found = json.loads(file.read_text())
        aggregate.validate(found)
        detailed = found["detailed_evaluation_results"]
        samples = out / detailed["file_path"]
        assert (
            samples == file.with_name(f"{file.stem}_samples.jsonl")
            and file.parent == out / "data" / "seal-eval" / "tiny-lab" / "tiny-llama"
        )
        text = samples.read_bytes()
        rows = [json.loads(line) for line in text.splitlines()]
        assert detailed["total_rows"] == len(rows) == 20 and hashlib.sha256(text).hexdigest() == detailed["checksum"]
        for row in rows:
            instance.validate(row)
            assert row["evaluation_id"] == found["evaluation_id"] and row["model_id"] == found["model_info"]["id"] == "tiny-lab/tiny-llama"
        assert {row["evaluation_result_id"] for row in rows} == {r["evaluation_result_id"] for r in found["evaluation_results"]}


def test_the_schema_refuses_what_is_wrong(exported):
    """The validators would see a mistake."""
    found = json.loads(exported[1][0].read_text())
    for wrong in ({"evaluation_results": 3}, {"schema_version": None}, {"more": 1}):
        assert list(validator("eval").iter_errors(found | wrong))


def test_intervals_are_those_of_compare(exported, results):
    runs = load_runs(results)
    rows = {(row.method, row.task, row.length): row.accuracy for row in compare(paired_scores_of(runs, "tiny-llama")).of("cell")}
    seen = 0
    for file in exported[1]:
        for result in json.loads(file.read_text())["evaluation_results"]:
            said, details = result["score_details"], result["score_details"]["details"]
            wanted = rows[details["method"], result["evaluation_name"], int(details["length"])]
            interval = said["uncertainty"]["confidence_interval"]
            assert (said["score"], interval["lower"], interval["upper"], said["uncertainty"]["num_samples"]) == pytest.approx(
                (wanted.value, wanted.low, wanted.high, wanted.n)
            )
            seen += 1
    assert seen == 8


def test_the_same_numbers_when_read_back(exported, results):
    ours, theirs = load_runs(results), load_runs(exported[0], foreign=True)
    before, after = compare(paired_scores_of(ours, "tiny-llama")), compare(paired_scores_of(theirs, "tiny-lab/tiny-llama"))
    assert before.methods == after.methods
    assert [asdict(row) for row in before.rows] == [asdict(row) for row in after.rows]
    assert [asdict(p) for p in before.positions] == [asdict(p) for p in after.positions]
    kept = ("task", "length", "n_tokens", "depth", "cluster", "targets", "reply", "answer", "score", "reason")
    told = [[[getattr(r, k) for k in kept] for run in runs for r in run.records] for runs in (ours, theirs)]
    assert sorted(map(str, told[0])) == sorted(map(str, told[1]))
    seal_eval("power", exported[0])


def test_same_results_same_bytes(exported, results, tmp_path):
    export(results, tmp_path / "again", "Some Lab", developer="tiny-lab")
    for file in exported[0].rglob("*.json*"):
        assert (tmp_path / "again" / file.relative_to(exported[0])).read_bytes() == file.read_bytes()


def test_a_row_without_its_prompt(results, tmp_path):
    shutil.copytree(results, tmp_path / "results")
    file = sorted((tmp_path / "results").rglob("samples_seal_lines_*.jsonl"))[0]
    first, *rest = file.read_text(encoding="utf-8").splitlines(keepends=True)
    row = json.loads(first)
    file.write_text(json.dumps(row | {"arguments": {"gen_args_0": {}}}) + "\n" + "".join(rest), encoding="utf-8")
    said = seal_eval("export", tmp_path / "results", "--out", tmp_path / "out", "--organization", "x", code=1).stderr
    assert f"{file}, line 1: no prompt under arguments; the file is damaged" in said and not (tmp_path / "out").exists()


def test_ids():
    assert model_id("smollm2-135m-instruct", "x") == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert model_id("meta-llama/Llama-3.1-8B", "x") == "meta-llama/Llama-3.1-8B"
    assert (model_id("mine", ""), model_id("mine", "me"), model_id("/a/b c/mine", "")) == ("unknown/mine", "me/mine", "unknown/mine")


OTHER = {  # a row as converters write it, of a program that knows no lengths, depths or documents
    "schema_version": "0.2.1", "evaluation_id": "e", "model_id": "lab/one", "evaluation_name": "gsm8k", "sample_id": "1",
    "interaction_type": "single_turn", "input": {"raw": "2+2?", "reference": ["4"]}, "output": {"raw": ["4"]}, "messages": None,
    "answer_attribution": [], "evaluation": {"score": 1.0, "is_correct": True}, "token_usage": None,
}  # fmt: skip


def written(folder, rows):
    folder.mkdir(exist_ok=True)
    (folder / "x_samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_files_of_other_programs(tmp_path):
    """Two models that other programs asked are compared on the same samples."""
    rows = [
        OTHER | {"model_id": f"lab/{model}", "sample_id": str(i), "evaluation": {"score": float(i % k == 0), "is_correct": i % k == 0}}
        for model, k in (("one", 2), ("two", 4)) for i in range(12)
    ]  # fmt: skip
    said = json.loads(seal_eval("compare", written(tmp_path / "eee", rows), "--json").stdout)
    cells = {row["method"]: row["accuracy"]["value"] for row in said[0]["rows"] if row["scope"] == "cell"}
    assert cells == {"lab/one": 0.5, "lab/two": 0.25}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"evaluation": {"score": 7, "is_correct": True}}, "with a score in 0 to 1"),
        ({"schema_version": "1.0"}, "must be 0.2.x or 0.3.x"),
        ({"metadata": {"length": "long"}}, "is no number"), ({"metadata": {"prompt_tokens": "-3"}}, "prompt_tokens '-3' is no number"),
        ({"metadata": {"length": "1" * 5000}}, "length '1111"),
        ({"metadata": {"depth": "nan"}}, "depth 'nan' is no number from 0 to 1"), ({"metadata": {"depth": "x"}}, "depth 'x' is no number"),
        ({"sample_id": ""}, "sample_id"),
        ({"model_id": "a\u202eb"}, "model_id"), ({}, "is there twice"),
    ],
)  # fmt: skip
def test_refused_with_file_and_line(tmp_path, change, said):
    folder = written(tmp_path / "eee", [OTHER, OTHER | change])
    error = seal_eval("compare", folder, code=1).stderr
    assert said in error and "x_samples.jsonl, line 2" in error and "Traceback" not in error


def test_what_the_command_refuses(exported, results, tmp_path):
    for more, said in (
        (("--organization", " "), "--organization is empty"),
        (("--organization", "x", "--relationship", "thrid_party"), "did you mean 'third_party'"),
        (("--organization", "x", "--developer", "../x"), "becomes a folder"),
    ):  # fmt: skip
        assert said in seal_eval("export", results, "--out", tmp_path / "o", *more, code=1).stderr and not (tmp_path / "o").exists()
    assert "already exists" in seal_eval("export", results, "--out", exported[0], "--organization", "x", code=1).stderr
    assert "--metric is for result files" in seal_eval("compare", exported[0], "--metric", "acc", code=1).stderr
