"""Ordinary folders and files of others: adapters of vLLM, names in other scripts, scores as pandas writes them, copies in the folder."""

import json
import shutil
import time

import pytest

from seal_eval.core.errors import SealError
from seal_eval.core.names import method_label, safe
from seal_eval.harness.rescore import rescore
from seal_eval.leaderboard.submissions import submit
from seal_eval.results.csv_scores import read_scores
from seal_eval.results.power import Guess, lines
from seal_eval.results.records import load_runs


def copied(results, out, model=None):
    """Copy the plain run, as one of another model if it is named; return `out`."""
    run = next(run for run in load_runs(results) if run.method == "plain")
    shutil.copytree(run.folder, out)
    if model:
        (file,) = out.glob("results_*.json")
        data = json.loads(file.read_text())
        data["config"]["model_args"]["pretrained"] = data["model_name"] = model
        data["config"]["seal_eval"] |= {"model": safe(model), "model_content": None}
        file.write_text(json.dumps(data))
    return out


@pytest.mark.parametrize("key", ["peft", "lora_local_path", "delta", "steer_path"])
def test_weights_on_top_of_a_checkpoint_are_a_method(key):
    """By the name of their folder, whatever the engine calls the argument; else their runs would be called plain."""
    assert method_label("vllm", {"pretrained": "m", key: "/ckpt/lora-math"}) == "lora-math"
    assert method_label("vllm", {"pretrained": "m"}) == method_label("vllm", {"pretrained": "m", key: ""}) == "plain"


def test_models_whose_names_differ_only_in_other_scripts(results, tmp_path):
    for name in ("模型甲", "模型乙"):
        copied(results, tmp_path / name, name)
    assert {run.model for run in load_runs(tmp_path)} == {"模型甲", "模型乙"}


@pytest.mark.parametrize(("written", "score"), [("True", 1), ("false", 0), ("0.5", 0.5), ("0_1", None), ("2", None)])
def test_scores_as_others_write_them(tmp_path, written, score):
    file = tmp_path / "scores.csv"
    file.write_text(f"sample,method,score\na,plain,{written}\nb,plain,1\n")
    if score is None:
        with pytest.raises(SealError, match="must be a number from 0 to 1"):
            read_scores(file)
    else:
        assert [record.score for run in read_scores(file) for record in run.records] == [score, 1]


def test_no_copy_of_results_inside_them(results, tmp_path):
    copied(results, tmp_path / "r" / "run")
    for make in (submit, rescore):
        with pytest.raises(SealError, match=r"lies inside .* name an --out outside of it"):
            make(tmp_path / "r", tmp_path / "r" / "mine")
    assert not (tmp_path / "r" / "mine").exists()


def test_a_plan_for_a_small_difference_comes_at_once():
    began = time.process_time()
    said = "\n".join(lines(Guess("x", 0.002, 0.4, 0.05, "assumed"), 0.8, 0.95, 1, 20, 1))
    assert "80.0 %" in said or "80 %" in said
    assert "millions of samples" in "\n".join(lines(Guess("x", 0.0004, 0.4, 0.05, "assumed", 20_000), 0.8, 0.95, 1, 20, 1))
    assert time.process_time() - began < 20  # the exact power of so many pairs takes a quarter of an hour


@pytest.mark.parametrize("name", ["tiny two", "模型", "out/ckpt/final"])
def test_submit_refuses_a_model_whose_name_no_check_accepts(results, tmp_path, name):
    """It packed the runs, and `check` then refused them."""
    copied(results, tmp_path / "run", name)
    with pytest.raises(SealError, match=f"the model is called '{name}'.*call its folder so"):
        submit(tmp_path / "run", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_archive_is_named(tmp_path):
    (tmp_path / "r" / "mine").mkdir(parents=True)
    (tmp_path / "r" / "mine" / "runs.tar.gz").write_bytes(b"x")
    with pytest.raises(SealError, match=r"holds no results_\*\.json; unpack .*mine/runs\.tar\.gz"):
        load_runs(tmp_path / "r")
