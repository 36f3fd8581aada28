"""Files that lie in ordinary results folders under other names, packed, alone, or beside files of another format."""

import gzip
import json
import shutil

import pytest

from seal_eval.core.errors import SealError
from seal_eval.core.run_names import not_read, results_files, samples_file, time_of
from seal_eval.results.paired import paired_scores
from seal_eval.results.records import load_runs

from conftest import seal_eval

TIME = "2026-11-24T19-05-17.123456"


@pytest.fixture
def folder(tmp_path, results):
    """A copy of plain's run."""
    (plain,) = results.glob("*__plain")
    shutil.copytree(plain, tmp_path / "results" / plain.name)
    return tmp_path / "results"


def _renamed(folder, stem):
    """Rename the one results file as lm-eval names it for `--output_path OUT/stem.json`."""
    (file,) = folder.rglob("results_*.json")
    return file.rename(file.with_name(f"{stem}_{time_of(file)}.json"))


@pytest.mark.parametrize("stem", ["weak", "my_results", "run_2026-01-01"])
def test_output_path_may_name_a_file(folder, stem, capsys):
    before = load_runs(folder)
    file = _renamed(folder, stem)
    after = load_runs(folder)
    assert [run.records for run in after] == [run.records for run in before] and after[0].date == before[0].date
    assert file.name in after[0].files and not capsys.readouterr().err


def test_a_run_of_another_name_is_published(folder, tmp_path):
    """submit writes it under lm-eval's usual name, and the site reads how it was asked."""
    seal_eval("submit", folder, "--out", tmp_path / "before")
    file = _renamed(folder, "weak")
    seal_eval("submit", folder, "--out", tmp_path / "packed")
    (packed,) = (tmp_path / "packed").rglob("results_*.json")
    (before,) = (tmp_path / "before").rglob("results_*.json")
    assert packed.read_bytes() == before.read_bytes() and packed.name.endswith(file.name.removeprefix("weak_"))
    seal_eval("site", folder, "--out", tmp_path / "site")
    (page,) = (tmp_path / "site" / "runs").glob("*.html")
    assert file.name in page.read_text(encoding="utf-8")


def test_other_json_files_are_no_results(folder):
    (run,) = load_runs(folder)
    for name in (f"spec_{run.date}.json", f"samples_x_{run.date}.json", "notes_of_today.json", f"other_{TIME}.json"):
        (run.folder / name).write_text("{}", encoding="utf-8")
    assert len(load_runs(folder)) == 1


def test_a_packed_results_file_is_named(folder, capsys):
    (file,) = folder.rglob("results_*.json")
    file.with_name(file.name + ".gz").write_bytes(gzip.compress(file.read_bytes()))
    file.unlink()
    with pytest.raises(SealError, match=r"results_.*json\.gz is packed; unpack it"):
        load_runs(folder)


def test_samples_without_their_results_file_are_named(folder, capsys):
    (run,) = load_runs(folder)
    lone = run.folder / f"samples_seal_lines_{TIME}.jsonl"
    lone.write_text("{}\n", encoding="utf-8")
    capsys.readouterr()
    assert len(load_runs(folder)) == 1
    said = capsys.readouterr().err
    assert said.count("left out:") == 1 and lone.name in said and f"results_{TIME}.json" in said


def test_hidden_files_and_folders_are_passed_over(folder, capsys):
    (run,) = load_runs(folder)
    (folder / ".trash").mkdir()
    (folder / ".trash" / f"results_{TIME}.json").write_text("{}", encoding="utf-8")
    (run.folder / f".samples_x_{TIME}.jsonl").write_text("{}", encoding="utf-8")
    assert len(load_runs(folder)) == 1 and not capsys.readouterr().err


def test_instance_files_beside_results_are_named(folder, capsys):
    (folder / "other_samples.jsonl").write_text("{}\n", encoding="utf-8")
    load_runs(folder, foreign=True)
    assert "other_samples.jsonl: instance files are not read beside results files" in capsys.readouterr().err


def test_names_and_times(tmp_path):
    for name in (f"results_{TIME}.json", f"weak_{TIME}.json", "results_x.json"):
        (tmp_path / name).touch()
    (tmp_path / f"samples_seal_lines_{TIME}.jsonl.gz").touch()
    files = results_files(tmp_path)
    assert [time_of(file) for file in files] == [TIME, "x", TIME]
    assert samples_file(files[2], "seal_lines").name.endswith(".gz") and not not_read(tmp_path, files)
    with pytest.raises(SealError, match=r"is missing: results_x\.json reports seal_lines; run again with --log_samples"):
        samples_file(files[1], "seal_lines")


def _scores(folder, *lines, header="model,sample,method,score,cluster,depth"):
    file = folder / "scores.csv"
    file.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return paired_scores(load_runs(file, foreign=True))


def test_models_with_different_methods_are_named_with_them(tmp_path):
    (paired,) = _scores(tmp_path, *(f"{m},s{i},{k},{i % 2},," for i in range(4) for m, k in (("a", "plain"), ("b", "lora"))))
    assert paired.methods == ("a, plain", "b, lora")
    (paired,) = _scores(tmp_path, *(f"{m},s{i},lora,{i % 2},," for i in range(4) for m in "ab"))
    assert paired.methods == ("a", "b")


def test_documents_and_depths_are_those_that_any_method_tells(tmp_path):
    (paired,) = _scores(tmp_path, *(f"m,s{i},plain,0,," for i in range(4)), *(f"m,s{i},x,1,d{i % 2},.{i}" for i in range(4)))
    assert paired.clusters == ("d0", "d1") and list(paired.depth) == [0, 0.1, 0.2, 0.3]


@pytest.mark.parametrize(
    ("one", "two", "said"), [("d0,.1", "d1,.1", "document d0 in plain and d1 in b"), ("d0,.1", "d0,.2", "depth 0.1 in plain")]
)
def test_two_documents_or_depths_of_a_sample_are_refused(tmp_path, one, two, said):
    with pytest.raises(SealError, match=said):
        _scores(
            tmp_path, f"m,s,a,0,{one}", f"m,s,b,1,{two}", f"m,t,a,0,{one}", f"m,t,b,1,{two}", f"m,s,plain,1,{one}", f"m,t,plain,1,{one}"
        )


def test_a_model_without_the_baseline_is_left_out_with_a_remark(tmp_path, capsys):
    lines = [f"{m},s{i},{k},{i % 2},," for i in range(4) for m, k in (("a", "plain"), ("a", "x"), ("b", "x"), ("b", "y"))]
    (paired,) = _scores(tmp_path, *lines)
    assert paired.name == "a"
    assert capsys.readouterr().err == "left out: b has no results of plain, only of x, y; --baseline names another\n"
    with pytest.raises(SealError, match="baseline 'plain' was not run on b"):
        _scores(tmp_path, *(line for line in lines if line.startswith("b")))


def _instances(folder, lower):
    """Two methods' instances of an accuracy and of an error rate, with the aggregate file that says what is better."""
    for method in ("plain", "x"):
        rows = [
            {"schema_version": "0.3.0", "model_id": "m", "evaluation_name": name, "evaluation_result_id": f"{method}-{name}",
             "sample_id": f"s{i}", "input": {"raw": "", "reference": []}, "evaluation": {"score": i % 2, "is_correct": bool(i % 2)},
             "metadata": {"method": method}}
            for i in range(4) for name in lower
        ]  # fmt: skip
        (folder / f"{method}_samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        results = [
            {"evaluation_name": name, "evaluation_result_id": f"{method}-{name}", "metric_config": {"lower_is_better": low}}
            for name, low in lower.items()
        ]
        (folder / f"{method}.json").write_text(json.dumps({"evaluation_results": results}), encoding="utf-8")
    return load_runs(folder, foreign=True)


def test_instances_whose_lower_scores_are_better_are_left_out(tmp_path, capsys):
    runs = _instances(tmp_path, {"qa": False, "wer": True})
    assert {record.task for run in runs for record in run.records} == {"qa"}
    assert capsys.readouterr().err == "left out: wer; lower scores are better there\n"
    with pytest.raises(SealError, match="lower scores are better in wer; compare needs scores"):
        _instances(tmp_path, {"wer": True})


def test_a_file_without_an_aggregate_has_what_others_say_of_the_name(tmp_path, capsys):
    """The error rate of x alone was taken for an accuracy, and that of plain was left out."""
    _instances(tmp_path, {"qa": False, "wer": True})
    (tmp_path / "x.json").unlink()
    assert {record.task for run in load_runs(tmp_path, foreign=True) for record in run.records} == {"qa"}


def test_instances_of_another_prompt_are_not_paired(tmp_path):
    """Without `sample_hash` the prompt itself tells them apart."""
    _instances(tmp_path, {"qa": False})
    file = tmp_path / "x_samples.jsonl"
    file.write_text(file.read_text(encoding="utf-8").replace('"raw": ""', '"raw": "another prompt"'), encoding="utf-8")
    with pytest.raises(SealError, match="has another prompt or target in x"):
        paired_scores(load_runs(tmp_path, foreign=True))


def test_scores_that_contradict_what_is_correct_are_said(tmp_path, capsys):
    _instances(tmp_path, {"qa": False})
    file = tmp_path / "x_samples.jsonl"
    file.write_text(file.read_text(encoding="utf-8").replace("true", "false"), encoding="utf-8")
    load_runs(tmp_path, foreign=True)
    assert "qa: 2 samples have score 0 and are correct, or 1 and are not; are lower scores better there?" in capsys.readouterr().err
