"""A checkpoint that does not hold all of its model's weights, or holds quantised ones that nobody reads, is refused by every command."""

import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from seal_eval.core.errors import SealError
from seal_eval.models.loading import load_model

from conftest import seal_eval

LAYER = "model.layers.1.self_attn."
DAMAGE = {
    "a layer's attention": (lambda weights: [weights.pop(key) for key in list(weights) if key.startswith(LAYER)], "not in the checkpoint"),
    "scales of FP8 weights": (  # as ModelOpt writes them, where the configuration does not say so
        lambda weights: weights.update({f"{LAYER}q_proj.{kind}": torch.ones(()) for kind in ("weight_scale", "input_scale")}),
        "quantised in a way that transformers does not read: model.layers.1.self_attn.q_proj.input_scale and 1 more",
    ),
    "packed weights": (lambda weights: weights.update({f"{LAYER}q_proj.weight_packed": torch.ones(2)}), "quantised in a way"),
}  # fmt: skip


@pytest.fixture(params=DAMAGE)
def damaged(request, tiny_folder, tmp_path):
    """(folder of a damaged copy of the tiny model, what the error says)."""
    change, message = DAMAGE[request.param]
    folder = shutil.copytree(tiny_folder, tmp_path / "damaged")
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder, message


def test_it_is_refused(damaged, tmp_path):
    folder, message = damaged
    with pytest.raises(SealError, match=message):
        load_model(str(folder))
    metadata = ("--tasks", "seal_lines", "--metadata", '{"lengths": [450], "num_samples": 1}', "--output_path", tmp_path / "out")
    run = seal_eval("run", "--model_args", f"pretrained={folder}", *metadata, "--device", "cpu", code=1)
    assert message in run.stderr.splitlines()[-1] and not list((tmp_path / "out").rglob("results_*"))
    merge = seal_eval("merge", "--model", folder, "--on", "yarn,factor=2", "--out", tmp_path / "merged", code=1)
    assert message in merge.stderr.splitlines()[-1] and not (tmp_path / "merged").exists()


def test_weights_that_belong_to_nothing_here_are_left_out(tiny_folder, tmp_path):
    """Such as those of a tower for pictures, or rotary frequencies that old checkpoints hold."""
    folder = shutil.copytree(tiny_folder, tmp_path / "more")
    weights = load_file(folder / "model.safetensors")
    weights |= {"vision_tower.proj.weight": torch.ones(2, 2), "model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(4)}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert load_model(str(folder))[0].config.vocab_size > 0
