"""What was loaded or asked in another way is in the method's name, or said: it is not the method that makes that difference."""

import json
import shutil

import pytest

from seal_eval.leaderboard.board import boards
from seal_eval.results.compare import compare
from seal_eval.results.paired import paired_scores
from seal_eval.results.records import load_runs
from seal_eval.results.tables import as_text

from conftest import seal_eval


@pytest.fixture
def copy(results, tmp_path):
    return shutil.copytree(results, tmp_path / "copy")


def edited(folder, change, seconds=0):
    """Change the config of a folder's run; seconds: how much later it began, as runs that began together are in no order."""
    (file,) = folder.glob("results_*.json")
    data = json.loads(file.read_text())
    change(data["config"])
    file.write_text(json.dumps(data | {"date": data["date"] + seconds}))


def loading(folder, weights="", /, **args):
    """Record that a folder's run was loaded with these model_args, and what type its weights had."""

    def change(config):
        config["model_args"] |= args
        config["model_dtype"] = f"torch.{weights}" if weights else config["model_dtype"]

    edited(folder, change)


def compared(folder):
    (paired,) = paired_scores(load_runs(folder))
    return compare(paired)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({"load_in_4bit": True}, "load_in_4bit True, not none"),
        ({"dtype": "bfloat16"}, "dtype bfloat16, not float32"),
        ({"peft": "x/lora"}, "peft x/lora, not none"),
        ({"revision": "v2"}, "revision v2, not none"),
    ],
)
def test_a_method_that_was_loaded_in_another_way_is_said(copy, args, said):
    loading(copy / "tiny-llama__seal", args.get("dtype", ""), **args)
    found = compared(copy)
    assert found.methods == ("plain", "seal")
    assert found.remarks == (f"seal was not run as plain was ({said}), so the difference between them is not the method's alone.",)
    assert found.remarks[0] in as_text([found], "markdown").replace("\\", "")
    (board,) = boards(load_runs(copy), "plain")
    assert board.found.remarks == found.remarks


def test_the_site_says_so(copy, tmp_path):
    loading(copy / "tiny-llama__seal", load_in_4bit=True)
    seal_eval("site", copy, "--out", tmp_path / "site")
    assert "(load_in_4bit True, not none)" in (tmp_path / "site" / "index.html").read_text()


def test_a_data_type_that_was_not_named_is_the_one_of_the_weights(copy):
    """What decides is what the weights had, not whether the user wrote it; what changes nothing is no difference."""
    loading(copy / "tiny-llama__seal", "float32", dtype="float32", load_in_8bit=False)
    edited(copy / "tiny-llama__plain", lambda config: config["model_args"].pop("dtype", None))
    assert not compared(copy).remarks
    for name in ("plain", "seal"):
        edited(copy / f"tiny-llama__{name}", lambda config: config.pop("model_dtype"))
    assert not compared(copy).remarks  # not known of one of them


def test_one_method_loaded_in_two_ways_is_two_methods(copy):
    shutil.copytree(copy / "tiny-llama__seal", copy / "other")
    loading(copy / "other", load_in_4bit=True)
    edited(copy / "other", lambda config: None, seconds=60)
    assert [run.method for run in load_runs(copy)] == ["plain", "seal", "seal(load_in_4bit=True)"]
    assert len(compared(copy).remarks) == 1


def test_generation_in_another_way_is_said(copy):
    edited(copy / "tiny-llama__seal", lambda config: config.update(gen_kwargs={"temperature": 0.7, "do_sample": True}))
    (said,) = compared(copy).remarks
    assert "(--gen_kwargs temperature 0.7, not none; --gen_kwargs do_sample True, not none)" in said
    edited(copy / "tiny-llama__seal", lambda config: config.update(gen_kwargs={"temperature": 0, "do_sample": False}))
    assert not compared(copy).remarks


def test_a_plain_run_in_another_type_is_not_what_others_are_compared_with(copy, tmp_path):
    """Else one submission more would leave a leaderboard without its baseline."""
    for name in ("plain", "seal"):
        loading(copy / f"tiny-llama__{name}", "bfloat16", dtype="bfloat16")
    shutil.copytree(copy / "tiny-llama__plain", copy / "another")
    loading(copy / "another", "float32", dtype="float32")
    assert compared(copy).methods == ("plain(bfloat16)", "plain(float32)", "seal")
    seal_eval("site", copy, "--out", tmp_path / "site")
    assert "plain(bfloat16)" in (tmp_path / "site" / "index.html").read_text()
