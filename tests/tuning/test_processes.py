"""Tuning by two processes: the scales of one process, files written once, and what is refused."""

import json
import os
import subprocess

import pytest
import torch
from safetensors.torch import load_file

from seal_eval.core.errors import SealError
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.tuning.config import TuneSpec
from seal_eval.tuning.loop import learn
from seal_eval.tuning.parameters import trainable
from seal_eval.tuning.processes import Processes
from seal_eval.tuning.tune import tune

from conftest import tiny_model, torchrun

SPEC = {"length": 450, "samples": 8, "batch": 2, "lr": 0.1, "validation": 2, "questions": 2, "cost_limit": 9.0}


def test_two_processes_learn_what_one_does(tiny_folder, tmp_path):
    """To 1e-5, with the measurements and the log of one process."""
    card = tune(str(tiny_folder), TuneSpec(recipe="fixed", **SPEC), tmp_path / "one", progress=False)
    flags = [text for key, value in SPEC.items() for text in (f"--{key.replace('_', '-')}", str(value))]
    command = torchrun("-m", "seal_eval", "tune", "--model", tiny_folder, "--out", tmp_path / "two")
    done = subprocess.run([*command, *flags], capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("perplexity") == 1 and not list(tmp_path.glob(".*"))  # said once, nothing left behind
    one, two = (load_file(tmp_path / name / "adapter_model.safetensors") for name in ("one", "two"))
    for name, scale in one.items():
        assert float((scale - 1).abs().max()) > 0.01
        torch.testing.assert_close(two[name], scale, rtol=0, atol=1e-5)
    other = json.loads((tmp_path / "two" / "seal_eval.json").read_text())
    assert (card["processes"], other["processes"], other["steps"]) == (1, 2, 4)
    for key in ("loss", "kl", "n_tokens", "grad_norm"):
        assert [e[key] for e in other["log"]] == pytest.approx([e[key] for e in card["log"]], rel=1e-4)
    for mine, theirs in zip(card["frontier"], other["frontier"], strict=True):
        assert theirs == pytest.approx(mine, rel=1e-4)


def test_a_batch_is_the_mean_over_its_records(tokenizer, monkeypatch):
    """The gradient of a step on two records is the mean of those of the records, one by one."""
    prompt_format, model, seen = PromptFormat(tokenizer), tiny_model(), []
    monkeypatch.setattr(
        torch.nn.utils, "clip_grad_norm_", lambda parameters, _: seen.append(torch.cat([p.grad for p in parameters])) or 0.0
    )
    for batch in (2, 1):
        spec = TuneSpec(recipe="fixed", **(SPEC | {"samples": 2, "batch": batch, "lr": 1e-9}))
        with trainable(model, spec) as trained:
            learn(model, prompt_format, spec, trained)
    both, first, second = seen
    torch.testing.assert_close(both, (first + second) / 2, rtol=1e-3, atol=1e-6)
    assert not torch.allclose(first, second, rtol=0.1)


def test_more_processes_than_records(tokenizer):
    model, spec = tiny_model(), TuneSpec(recipe="fixed", length=450, samples=2)
    with trainable(model, spec) as trained, pytest.raises(SealError, match="batch is 1, and 2 processes share it: pass --batch 2"):
        learn(model, PromptFormat(tokenizer), spec, trained, group=Processes(0, 2))
