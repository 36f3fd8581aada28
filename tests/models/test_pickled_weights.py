"""A checkpoint whose weights are a pickle alone is not loaded, and the reason and what to do are said."""

import shutil

import pytest
import torch
from safetensors.torch import load_file

from seal_eval.core.errors import SealError
from seal_eval.harness.seal_lm import SealLM
from seal_eval.models.loading import load_model


def test_what_to_do_is_said(tiny_folder, tmp_path):
    folder = tmp_path / "m"
    shutil.copytree(tiny_folder, folder)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    for load in (load_model, lambda name: SealLM(name, device="cpu")):
        with pytest.raises(SealError, match=r"could not be loaded: it has no model\.safetensors, and a pickle .* may run any code"):
            load(str(folder))
