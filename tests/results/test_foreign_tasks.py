"""`compare` of results of stock lm-eval on tasks that are not ours."""

import json

import numpy as np
import pytest

from seal_eval.core.errors import SealError
from seal_eval.results.compare import compare
from seal_eval.results.paired import paired_scores
from seal_eval.results.records import load_runs
from seal_eval.stats import sign_flip

from conftest import program, seal_eval

YAML = """
task: capitals
dataset_path: json
dataset_kwargs: {data_files: {test: FILE}}
test_split: test
output_type: generate_until
doc_to_text: "Text: {{passage}} Question: {{question}} Answer:"
doc_to_target: "{{answer}}"
generation_kwargs: {until: ["\\n"], max_gen_toks: 3}
metric_list:
  - {metric: exact_match, aggregation: mean, higher_is_better: true}
metadata: {version: 1.0}
"""


@pytest.fixture(scope="module")
def foreign(tmp_path_factory, tiny_folder, adapter):
    """Results of stock lm-eval on a task that is not ours, with two questions per passage, without and with the adapter."""
    import subprocess

    folder = tmp_path_factory.mktemp("foreign")
    text = "The city of number {} is far away. "
    docs = [{"passage": text.format(i) * 3, "question": f"q{j}", "answer": f"a{j}"} for i in range(6) for j in range(2)]
    (folder / "docs.jsonl").write_text("".join(json.dumps(d) + "\n" for d in docs))
    (folder / "capitals.yaml").write_text(YAML.replace("FILE", str(folder / "docs.jsonl")))
    for name, extra in (("plain", ""), ("other", f",peft={adapter}")):
        subprocess.run(
            [
                program("lm_eval"), "--model", "hf", "--model_args", f"pretrained={tiny_folder}{extra}", "--tasks",
                "capitals", "--include_path", folder, "--output_path", folder / "results" / name, "--log_samples", "--device", "cpu",
            ],
            check=True, capture_output=True,
        )  # fmt: skip
    return folder / "results"


def edited(folder, tmp_path, change):
    """Return a copy of the results with the samples of file number `which` replaced by `change(rows, which)`."""
    import shutil

    copy = shutil.copytree(folder, tmp_path / "edited")
    for which, file in enumerate(sorted(copy.rglob("samples_*.jsonl"))):
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        file.write_text("".join(json.dumps(row) + "\n" for row in change(rows, which)))
    return copy


def test_a_task_that_is_not_ours(foreign, tmp_path):
    """Plain lm-eval folders: a passage is a cluster. Scores are set by hand, and the expected result is computed here."""
    right = [[0] * 12, [1, 1, 1, 0, 1, 1, 0, 1, 1, 1, 1, 1]]  # file 0: other, file 1: plain
    copy = edited(foreign, tmp_path, lambda rows, which: [{**r, "exact_match": right[which][r["doc_id"]]} for r in rows])
    (design,) = paired_scores(load_runs(copy, foreign=True))
    assert len(design.clusters) == 6 and design.cells == (("capitals", None),) and design.baseline == "plain"
    found = compare(design)
    (row,) = [r for r in found.of("primary") if r.difference]
    gains = np.subtract(*right).reshape(6, 2).sum(axis=1)
    assert row.difference.value == pytest.approx(-10 / 12) and row.difference.p_value == sign_flip(gains).p_value
    assert row.pairs == (0, 0, 10, 2) and "12 samples belong to 6 documents" in found.sentence and "no p below 0.031" in found.sentence
    out = seal_eval("compare", copy, "--metric", "exact_match").stdout
    assert "capitals" in out and "−83.3" in out
    assert "no metric 'f1'; it has exact_match" in seal_eval("compare", copy, "--metric", "f1", code=1).stderr
    assert "no sample with the filter 'strict'" in seal_eval("compare", copy, "--metric", "exact_match,strict", code=1).stderr


def test_scores_out_of_range_and_versions_are_named(foreign, tmp_path):
    for name, value in (("five", 5), ("text", "yes"), ("nan", float("nan"))):
        copy = edited(foreign, tmp_path / name, lambda rows, _, value=value: [{**r, "exact_match": value} for r in rows])
        done = seal_eval("compare", copy, code=1)
        assert "line 1: exact_match is" in done.stderr and "samples_capitals" in done.stderr and len(done.stderr.splitlines()) == 1
    copy = edited(foreign, tmp_path / "versions", lambda rows, _: rows)
    file = next((copy / "other").rglob("results_*.json"))
    file.write_text(file.read_text().replace('"capitals": 1.0', '"capitals": 2.0'))
    done = seal_eval("compare", copy, code=1)
    assert "capitals has version" in done.stderr and "first sample capitals:0:" in done.stderr
    copy = edited(foreign, tmp_path / "doubled", lambda rows, _: [*rows[:-1], rows[0]])
    assert "line 12: sample capitals:0" in seal_eval("compare", copy, code=1).stderr
    copy = edited(foreign, tmp_path / "damaged", lambda rows, _: [{k: v for k, v in r.items() if k != "doc_hash"} for r in rows])
    assert "line 1: not a sample of lm-eval (no doc_hash)" in seal_eval("compare", copy, code=1).stderr


def test_ruler_lengths_are_cells(foreign, tmp_path):
    """lm-eval's RULER tasks store a sample's score under its length, and −1 under the others."""

    def change(rows, _):
        for r in rows:
            length = 4096 if r["doc_id"] % 2 else 8192
            r |= {"metrics": ["4096", "8192"], "4096": -1.0, "8192": -1.0, str(length): 1.0}
        return rows

    (design,) = paired_scores(load_runs(edited(foreign, tmp_path, change), foreign=True))
    assert design.cells == (("capitals", 4096), ("capitals", 8192)) and (design.scores == 1).all()


def test_models_are_compared_when_each_has_one_method(foreign, tmp_path):
    """Two models with one method each are compared; the older run is the baseline unless another is named."""
    copy = edited(foreign, tmp_path, lambda rows, which: [{**r, "exact_match": which} for r in rows])
    for file in (copy / "other").rglob("results_*.json"):
        data = json.loads(file.read_text())
        data["config"]["model_args"] = {"pretrained": "org/second"}
        file.write_text(json.dumps(data))
    (design,) = paired_scores(load_runs(copy, foreign=True))
    assert design.name == "models" and design.methods == ("tiny-llama", "org--second")
    (design,) = paired_scores(load_runs(copy, foreign=True), "org--second")
    assert design.methods == ("org--second", "tiny-llama")
    for file in (copy / "other").rglob("samples_*.jsonl"):  # other prompts, as with another tokenizer
        file.write_text(file.read_text().replace('"prompt_hash": "', '"prompt_hash": "x'))
    apart = paired_scores(load_runs(copy, foreign=True))
    assert [(d.name, d.methods) for d in apart] == [("tiny-llama", ("plain",)), ("org--second", ("plain",))]
    with pytest.raises(SealError, match="has another prompt or target in org--second"):
        paired_scores(load_runs(copy, foreign=True), "tiny-llama")


def test_replies_pass_over_tasks_from_outside(foreign, results, tmp_path):
    import shutil

    for name, folder in (("theirs", foreign), ("ours", results)):
        shutil.copytree(folder, tmp_path / name)
    assert "capitals" not in seal_eval("replies", tmp_path).stdout
