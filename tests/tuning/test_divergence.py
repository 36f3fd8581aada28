"""Tuning that diverges: the error names the step and the remedy, and the last good setting is kept."""

import math

import pytest
import torch
from test_tune import SPEC

from seal_eval.core.errors import SealError
from seal_eval.core.files import read_json
from seal_eval.models.adapters import load_scales
from seal_eval.tuning import loop as learning
from seal_eval.tuning.config import TuneSpec
from seal_eval.tuning.loop import learn
from seal_eval.tuning.losses import record_loss
from seal_eval.tuning.parameters import trainable
from seal_eval.tuning.tune import tune

from conftest import tiny_model


def test_divergence_keeps_the_last_good_setting(tiny_folder, tmp_path, monkeypatch):
    """The sixth step's loss overflows: the error says so, and the last parameters with a good loss are saved."""
    calls = []

    def overflowing(*args):
        calls.append(args)
        return record_loss(*args) * (math.inf if len(calls) == 6 else 1.0)

    monkeypatch.setattr(learning, "record_loss", overflowing)
    with pytest.raises(SealError, match=r"diverged at step 6 of 12 \(loss inf.*\); lower --lr from 0\.1; the setting of step 4 is kept in"):
        tune(str(tiny_folder), TuneSpec(recipe="fixed", **SPEC), tmp_path / "a", progress=False)
    card = read_json(tmp_path / "a" / "seal_eval.json")
    assert card["diverged"].startswith("tuning diverged at step 6") and card["steps"] == 5 and card["kept"]["step"] == 4
    scales = torch.cat(list(load_scales(str(tmp_path / "a"), tiny_model("llama")).values()))
    assert torch.isfinite(scales).all() and (scales != 1).any()


def test_losses_worse_than_a_guess_are_divergence(prompt_format, monkeypatch):
    """Three losses above ln(vocabulary size) end the run, although nothing overflows."""
    calls = []
    monkeypatch.setattr(learning, "record_loss", lambda *args: calls.append(args) or record_loss(*args) + 9.0 * (len(calls) > 2))
    with trainable(model := tiny_model("llama"), spec := TuneSpec(recipe="fixed", **SPEC)) as trained:
        learned = learn(model, prompt_format, spec, trained)
    assert (
        learned.diverged == ("tuning diverged at step 5 of 12 (three losses above 6.9 nats, a uniform guess's); lower --lr from 0.1")
        and learned.kept.step == 1
    )


def test_divergence_at_once_leaves_nothing(prompt_format):
    model, spec = tiny_model("llama"), TuneSpec(recipe="fixed", **(SPEC | {"lr": None}))
    with torch.no_grad():
        model.lm_head.weight[5, 5] = torch.nan
    with trainable(model, spec) as trained, pytest.raises(SealError, match=r"tuning diverged at step 1 of 12 .* lower --lr from 0\.08"):
        learn(model, prompt_format, spec, trained)
