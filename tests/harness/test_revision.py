"""`revision=` of a hub id: the tasks count with the tokenizer and the window of the revision that the engine loads."""

import json
import shutil

import pytest

from seal_eval.harness.dataset import documents, load_prompt_format
from seal_eval.harness.stock_window import longer_window
from seal_eval.harness.task_config import read_spec
from seal_eval.harness.vllm import vllm_args
from seal_eval.leaderboard.verify_settings import KEPT, check_window
from seal_eval.models.loading import load_tokenizer

NAME = "some/revised"
ASKED = {"pretrained": NAME, "lengths": [450], "num_samples": 2}


@pytest.fixture(autouse=True)
def hub(tmp_path, tiny_folder, monkeypatch):
    """The hub's cache with a model whose revision v2 has a window of 4,096 tokens and a tokenizer that makes more tokens of a text."""
    place = tmp_path / "hub" / "models--some--revised"
    for module in ("constants", "file_download.constants"):
        monkeypatch.setattr(f"huggingface_hub.{module}.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("transformers.utils.hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    for commit, ref in (("a" * 40, "main"), ("b" * 40, "v2")):
        shutil.copytree(tiny_folder, place / "snapshots" / commit)
        (place / "refs").mkdir(exist_ok=True)
        (place / "refs" / ref).write_text(commit)
    config, words = (place / "snapshots" / ("b" * 40) / name for name in ("config.json", "tokenizer.json"))
    config.write_text(json.dumps(json.loads(config.read_text()) | {"max_position_embeddings": 4096}))
    tokenizer = json.loads(words.read_text())
    tokenizer["model"]["merges"] = tokenizer["model"]["merges"][:100]
    words.write_text(json.dumps(tokenizer))
    load_tokenizer.cache_clear()
    yield
    load_tokenizer.cache_clear()


def test_tasks_count_with_the_revision():
    newest, other = (read_spec("seal_lines", ASKED | more) for more in ({}, {"revision": "v2"}))
    assert (newest.revision, newest.window, other.revision, other.window) == ("", 2048, "v2", 4096)
    text = "Boats cross the river at night."
    counts = [len(load_prompt_format(spec).tokenizer(text).input_ids) for spec in (newest, other)]
    assert counts[0] < counts[1]
    inputs = [documents("seal_lines", **ASKED, **more)["test"]["input"] for more in ({}, {"revision": "v2"}, {"revision": "main"})]
    assert len(inputs[0][0]) > len(inputs[1][0]) and inputs[0] == inputs[2]
    assert read_spec("seal_lines", {"pretrained": NAME, "revision": "v2"}).sizes[-1] == 4096


def test_engines_read_the_window_of_the_revision(monkeypatch):
    assert vllm_args({"pretrained": NAME})["max_model_len"] == 2048
    assert vllm_args({"pretrained": NAME, "revision": "v2"})["max_model_len"] == 4096
    monkeypatch.setattr("seal_eval.harness.stock_window.stock_window", lambda *of: 1024)
    assert longer_window({"pretrained": NAME, "revision": "v2"}) == {"max_length": 4096}


def test_a_submission_is_checked_with_the_revision(tmp_path):
    assert "revision" in KEPT
    check_window(tmp_path, {"config": {"seal_eval": {"trained_window": 4096}}}, {"pretrained": NAME, "revision": "v2"})
