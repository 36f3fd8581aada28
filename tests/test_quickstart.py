"""The quick start: its mechanics on a random model, its effect on the real one."""

import os
import subprocess
from dataclasses import replace

import pytest

from seal_eval.core.errors import SealError
from seal_eval.models.hub import resolve
from seal_eval.models.loading import faster_dtype
from seal_eval.quickstart import Plan, quickstart
from seal_eval.results.records import load_runs
from seal_eval.tuning.config import TuneSpec

from conftest import program, seal_eval


def small(model, **other):
    return Plan(
        model=str(model), headline_length=450, evaluations=(("seal_lines", (450, 500), 4, {}), ("seal_needle", (450,), 2, {})),
        tuning=TuneSpec(recipe="fixed", length=450, samples=3), **other,
    )  # fmt: skip


def test_runs_once_then_resumes(tiny_folder, tmp_path, capsys):
    out = tmp_path / "q"
    first = quickstart(out, small(tiny_folder))
    assert 0 <= first["plain"]["value"] <= 1 and first["difference"]["n"] == 4
    assert (out / "site" / "index.html").is_file()
    assert "p " in capsys.readouterr().out
    made = {p: p.stat().st_mtime_ns for folder in ("results", "adapter") for p in (out / folder).rglob("*") if p.is_file()}
    second = quickstart(out, small(tiny_folder))
    assert capsys.readouterr().out.count("already done") == 5
    assert second == first
    assert {p: p.stat().st_mtime_ns for folder in ("results", "adapter") for p in (out / folder).rglob("*") if p.is_file()} == made
    with pytest.raises(SealError, match="another plan"):
        quickstart(out, replace(small(tiny_folder), seed=1))
    # a lost run is repeated, the others are kept
    lost = next((out / "results").glob("*__seal/results_*.json"))
    lost.unlink()
    quickstart(out, small(tiny_folder))
    assert capsys.readouterr().out.count("already done") == 4
    assert len(list((out / "results").rglob("results_*.json"))) == 4


def test_foreign_folder_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    done = seal_eval("quickstart", "--out", tmp_path, code=1)
    assert "is not empty and holds no quick start" in done.stderr
    assert (tmp_path / "thesis.txt").read_text() == "mine"


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """A small quick start on the real model: tuned on 8 records of 400 tokens with 5 questions each, evaluated on 9 with 4 each."""
    tuning = TuneSpec(recipe="fixed", length=400, samples=8, questions=5, validation=1, cost_limit=0.04, dtype=faster_dtype())
    evaluations = (("seal_lines", (400,), 36, {"questions_per_record": 4}),)
    plan = Plan(headline_length=400, evaluations=evaluations, tuning=tuning, dtype="auto")  # the type that stock lm_eval will use
    out = tmp_path_factory.mktemp("real") / "q"
    os.environ.pop("HF_HUB_OFFLINE", None)  # a fresh machine may pull the model here
    try:
        return out, quickstart(out, plan)
    finally:
        os.environ["HF_HUB_OFFLINE"] = "1"


@pytest.mark.model
def test_the_effect_on_the_real_model(real):
    """SEAL is more accurate than plain with p < .01, and perplexity rises by less than 5 %."""
    _, found = real
    assert found["plain"]["value"] < 0.5
    assert found["difference"]["low"] > 0 and found["difference"]["p_value"] < 0.01
    assert found["seal"]["value"] > found["plain"]["value"] + 0.3
    assert found["perplexity_ratio"] < 1.05


@pytest.mark.model
def test_peft_and_folded_reply_the_same_on_the_real_model(real, tmp_path):
    """Stock lm_eval replies the same, word for word, with `peft=` and with the folded checkpoint."""
    out, _ = real
    place = resolve("smollm2-135m-instruct")
    seal_eval("merge", "--model", place, "--adapter", out / "adapter", "--out", tmp_path / "folded")
    metadata = '{"lengths": [400], "num_samples": 36, "seed": 0, "questions_per_record": 4}'
    asked = ("--tasks", "seal_lines", "--metadata", metadata, "--log_samples", "--device", "cpu")
    for name, model_args in (("peft", f"pretrained={place},peft={out / 'adapter'}"), ("folded", f"pretrained={tmp_path / 'folded'}")):
        # our engine ends a begun answer behind its value, lm-eval's at stop strings
        stops = ("--gen_kwargs", '{"until": [">", "\\n"]}', "--limit", "6", "--output_path", tmp_path / name)
        subprocess.run([program("lm_eval"), "--model", "hf", "--model_args", model_args, *asked, *stops], check=True, capture_output=True)
        theirs = {r.sample_id: r.reply for run in load_runs(tmp_path / name) for r in run.records}
        ours = {r.sample_id: r.reply for run in load_runs(out / "results") if run.method == "seal" for r in run.records}
        assert len(theirs) == 6 and theirs == {sample: ours[sample] for sample in theirs}, name
