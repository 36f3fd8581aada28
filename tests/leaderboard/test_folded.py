"""Honest runs of a folded checkpoint, and of an adapter that was tuned on one, can be submitted."""

import json

import pytest
import torch

from seal_eval.core.files import card_of
from seal_eval.leaderboard.submissions import submit
from seal_eval.leaderboard.verify import check
from seal_eval.models.adapters import save_adapter
from seal_eval.models.hub import source
from seal_eval.models.loading import load_model
from seal_eval.models.modules import head_projections, in_features

from conftest import seal_eval


@pytest.fixture(scope="module")
def folded(tiny_folder, tmp_path_factory):
    """A checkpoint with a tuned adapter folded in; its card has what `tune` writes: lists of objects, the log, texts with spaces."""
    folder = tmp_path_factory.mktemp("my models")
    made = {
        "method": "seal",
        "trained_parameters": 192,
        "model": str(tiny_folder),
        "log": [{"step": 1, "loss": 2.0}],
        "frontier": [{"a": 1}],
    }
    scales_of(tiny_folder, folder / "adapter", made)
    seal_eval("merge", "--model", tiny_folder, "--adapter", folder / "adapter", "--on", "yarn,factor=2", "--out", folder / "folded")
    return folder / "folded"


def scales_of(model_folder, folder, made):
    model, _ = load_model(str(model_folder))
    folder.mkdir()
    save_adapter(model, {name: torch.full((in_features(module),), 1.5) for name, module in head_projections(model)}, folder, made)


def ran(args, out):
    settings = ["--metadata", '{"lengths": [450], "num_samples": 2}', "--device", "cpu", "--output_path", out]
    seal_eval("run", "--model_args", args, "--tasks", "seal_lines", *settings)
    return out


def test_a_folded_checkpoint(folded, tiny_folder, tmp_path):
    ran(f"pretrained={folded}", tmp_path / "r")
    submit(tmp_path / "r", tmp_path / "packed")
    (line,) = check(tmp_path / "packed", str(tiny_folder))
    assert line.endswith("2 replies scored again, 2 samples built again")
    (file,) = (tmp_path / "packed").rglob("results_*.json")
    said = json.loads(file.read_text())["config"]["seal_eval"]["model_source"]
    assert {key: said[key] for key in ("folded", "on", "base_model")} == {
        "folded": "seal",
        "on": "yarn,factor=2",
        "base_model": "tiny-llama",
    }
    assert len(said["model_weights"]) == 16 and len(said["adapter_sha256"]) == 64


def test_an_adapter_that_was_tuned_on_it(folded, tiny_folder, tmp_path):
    made = {"method": "seal", "trained_parameters": 192, "model": str(folded), "model_source": source(str(folded))}
    scales_of(folded, tmp_path / "second", made)
    ran(f"pretrained={folded},method=seal,adapter={tmp_path / 'second'}", tmp_path / "r")
    submit(tmp_path / "r", tmp_path / "packed")
    assert len(check(tmp_path / "packed", str(tiny_folder))) == 1


def test_a_run_of_an_earlier_version_can_be_packed_again(folded, tiny_folder, tmp_path):
    """It recorded the whole card, and the error's remedy is to pack it again."""
    ran(f"pretrained={folded}", tmp_path / "r")
    (file,) = (tmp_path / "r").rglob("results_*.json")
    data = json.loads(file.read_text())
    data["config"]["seal_eval"]["model_source"] = card_of(folded)
    file.write_text(json.dumps(data))
    submit(tmp_path / "r", tmp_path / "packed")
    assert len(check(tmp_path / "packed", str(tiny_folder))) == 1
