"""Tuning: it learns, is reproducible, leaves the model unchanged, and continues after a kill."""

import errno
import math
import shutil
import subprocess
import time

import pytest
import torch
from safetensors.torch import load_file

from seal_eval.core.errors import SealError
from seal_eval.core.files import read_json
from seal_eval.core.folders import new_folder
from seal_eval.models.adapters import load_scales
from seal_eval.tuning import loop as learning
from seal_eval.tuning import tune as tuning
from seal_eval.tuning.config import TuneSpec
from seal_eval.tuning.loop import learn
from seal_eval.tuning.losses import answer_loss, prose_kl, prose_pieces, read_prose, record_loss
from seal_eval.tuning.parameters import trainable
from seal_eval.tuning.records import records_of
from seal_eval.tuning.tune import tune

from conftest import program, seal_eval, tiny_model

SPEC = {"length": 450, "samples": 12, "lr": 0.1, "kl": 0.0, "validation": 2, "cost_limit": 9.0}


@pytest.mark.parametrize(
    ("own", "parameters"),
    [({"granularity": "head"}, 3 * 4), ({}, 3 * 64), ({"method": "lora", "lr": 0.01}, 3 * 4 * (128 + 96 + 96 + 128)),
     ({"method": "dora", "lr": 0.01}, 3 * (4 * (128 + 96 + 96 + 128) + 64 + 32 + 32 + 64))],
)  # fmt: skip
def test_learns_and_leaves_the_model_alone(prompt_format, own, parameters):
    model = tiny_model("llama")
    before = {n: p.clone() for n, p in model.named_parameters()}
    spec = TuneSpec(recipe="fixed", **(SPEC | own))
    states = []
    for _ in range(2):
        with trainable(model, spec) as trained:
            assert sum(p.numel() for p in trained.parameters()) == parameters
            samples = [sample for record in records_of(prompt_format, spec)[0] for sample in record]
            with torch.no_grad():
                plain = sum(answer_loss(model, prompt_format, s).item() for s in samples)
                with trained.on():
                    assert all(p.dtype == torch.float32 and p.requires_grad for p in trained.parameters())
                    assert sum(answer_loss(model, prompt_format, s).item() for s in samples) == pytest.approx(plain, rel=1e-5)
                learned = learn_there(model, prompt_format, spec, trained)
                with trained.on():
                    tuned = sum(answer_loss(model, prompt_format, s).item() for s in samples)
                assert sum(answer_loss(model, prompt_format, s).item() for s in samples) == pytest.approx(plain, rel=1e-5)  # plain again
            states.append(trained.state())
        assert tuned < plain and learned.kept.loss < learned.plain.loss
        assert len(learned.log) == 12 and all(math.isfinite(step["loss"]) for step in learned.log)
        after = dict(model.named_parameters())
        assert after.keys() == before.keys()
        assert all(torch.equal(p, before[n]) and p.requires_grad and p.grad is None for n, p in after.items())
    assert all(torch.equal(a, b) for a, b in zip(*(s.values() for s in states), strict=True))  # both runs are equal


@torch.enable_grad()
def learn_there(*args):
    return learn(*args)


def test_scales_of_a_head_are_one(prompt_format):
    model = tiny_model("llama")
    with trainable(model, TuneSpec(recipe="fixed", **SPEC, granularity="head")) as trained:
        learn(model, prompt_format, TuneSpec(recipe="fixed", **SPEC, granularity="head"), trained)
    assert all(len(s.reshape(4, 16).unique(dim=1).T) == 1 for s in trained.scales().values())


@pytest.mark.parametrize("term", [{"kl": 10.0}, {"shrink": 100.0}])
def test_terms_hold_the_model(prompt_format, term):
    model = tiny_model("llama")
    drift, far = [], []
    for own in ({}, term):
        spec = TuneSpec(recipe="fixed", **(SPEC | {"lr": 0.05} | own))
        with trainable(model, spec) as trained:
            learn(model, prompt_format, spec, trained)
            pieces = [read_prose(model, p) for p in prose_pieces(prompt_format.tokenizer, 4, 128, 7)]
            with torch.no_grad(), trained.on():
                drift.append(sum(prose_kl(model, p).item() for p in pieces))
            far.append(trained.shrink().item())
    assert drift[1] < 0.7 * drift[0] if "kl" in term else far[1] < 0.7 * far[0]


def test_mixture_takes_turns(prompt_format):
    spec = TuneSpec(recipe="fixed", task="seal_lines:450, seal_needle,seal_lines:500", length=480, samples=8, validation=3)
    records, validation = records_of(prompt_format, spec)
    assert {len(record) for record in (*records, *validation)} == {1}
    train, validation = ([record[0] for record in part] for part in (records, validation))
    assert [(s.task, s.length) for s in train[:4]] == [("seal_lines", 450), ("seal_needle", 480), ("seal_lines", 500), ("seal_lines", 450)]
    assert len(train) == 8 and len(validation) == 9
    assert not {s.input for s in train} & {s.input for s in validation}


@pytest.mark.parametrize("method", ["seal", "lora", "dora"])
def test_half_precision_weights(prompt_format, method):
    """Frozen weights in bf16, trained parameters in fp32."""
    model, spec = (
        tiny_model("llama").bfloat16(),
        TuneSpec(recipe="fixed", **(SPEC | {"method": method, "lr": 0.1 if method == "seal" else 0.01})),
    )
    with trainable(model, spec) as trained:
        learned = learn(model, prompt_format, spec, trained)
        assert all(p.dtype == torch.float32 for p in trained.parameters())
    assert learned.kept.loss < learned.plain.loss and model.dtype == torch.bfloat16


def test_tune_writes_adapter_and_card(tiny_folder, tmp_path):
    spec = TuneSpec(recipe="fixed", length=450, samples=3, granularity="head", validation=2)
    card = tune(str(tiny_folder), spec, tmp_path / "a", progress=False)
    assert card == read_json(tmp_path / "a" / "seal_eval.json")
    assert card["trained_parameters"] == 3 * 4 and card["peak_memory_bytes"] > 1e7 and card["lr_by_rule"]
    assert card["prose_perplexity_ratio"] == pytest.approx(card["prose_perplexity_after"] / card["prose_perplexity_before"])
    assert card["short_questions"] > 150 and 0 <= card["short_accuracy_after"] <= 1
    assert {k: card[k] for k in vars(spec) if k != "lr"} == {k: v for k, v in vars(spec).items() if k != "lr"}
    assert card["kept"] in card["frontier"] and card["kept"]["perplexity_ratio"] <= 1.01
    assert len(load_scales(str(tmp_path / "a"), tiny_model("llama"))) == 3
    with pytest.raises(SealError, match="already exists"):
        tune(str(tiny_folder), spec, tmp_path / "a")
    with new_folder(tmp_path / "b"), pytest.raises(SealError, match=r"another process is writing to .*b;"):
        tune(str(tiny_folder), spec, tmp_path / "b")  # refused before tuning
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]


def test_what_cannot_be_moved_is_kept(tiny_folder, tmp_path, monkeypatch):
    """OUT links to an empty folder and the last move fails: files and state are kept, and a repeat continues from the state."""
    (tmp_path / "big").mkdir()
    (tmp_path / "a").symlink_to("big")
    monkeypatch.setattr(tuning, "measure_forgetting", lambda *_: {"prose_perplexity": 1.0, "short_right": 1, "short_n": 1})
    with monkeypatch.context() as broken:
        broken.setattr(shutil, "move", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left on device")))
        with pytest.raises(SealError, match=r"cannot be moved to .*a \(No space left on device\); they stay in .*big/\.part until"):
            tune(str(tiny_folder), TuneSpec(recipe="fixed", **SPEC), tmp_path / "a", progress=False)
    assert (tmp_path / "big" / ".part" / "adapter_model.safetensors").is_file()
    assert (tmp_path / "big" / ".tuning" / "state.safetensors").is_file()
    steps = []
    monkeypatch.setattr(learning, "record_loss", lambda *args: steps.append(torch.is_grad_enabled()) or record_loss(*args))
    tune(str(tiny_folder), TuneSpec(recipe="fixed", **SPEC), tmp_path / "a", progress=False)
    assert sum(steps) == 2  # of twelve: the state was saved at the tenth
    assert len(load_scales(str(tmp_path / "a"), tiny_model("llama"))) == 3
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "big"] and (tmp_path / "a").is_symlink()
    assert not [p.name for p in (tmp_path / "big").iterdir() if p.name.startswith(".")]


@pytest.mark.parametrize("own", [(), ("--method", "lora")])
def test_a_killed_run_goes_on(tiny_folder, tmp_path, own):
    """After SIGKILL, the same command writes bit for bit what an undisturbed run writes."""
    asked = (
        "tune",
        "--model",
        tiny_folder,
        "--length",
        "450",
        "--samples",
        "24",
        "--lr",
        ".01",
        "--validation",
        "2",
        *own,
        "--recipe",
        "fixed",
        "--out",
    )
    seal_eval(*asked, tmp_path / "whole")
    command = [program("seal-eval"), *map(str, asked), tmp_path / "killed"]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    state = tmp_path / ".killed.tuning" / "state.safetensors"
    while not state.is_file():
        assert run.poll() is None, "ended before it could be killed"
        time.sleep(0.01)
    run.kill()
    run.communicate()  # its output ends when nothing of it runs any more
    assert not (tmp_path / "killed").exists()
    other = seal_eval(*asked[:8], ".02", *asked[9:], tmp_path / "killed", code=1)
    assert "unfinished run with other settings (lr 0.01 there, 0.02 now)" in other.stderr and state.is_file()
    seal_eval(*asked, tmp_path / "killed")
    whole, killed = (load_file(tmp_path / name / "adapter_model.safetensors") for name in ("whole", "killed"))
    assert whole.keys() == killed.keys() and all(torch.equal(whole[k], killed[k]) for k in whole)
    cards = [read_json(tmp_path / name / "seal_eval.json") for name in ("whole", "killed")]
    assert [len(c["log"]) for c in cards] == [24, 24] and cards[0]["frontier"] == cards[1]["frontier"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["killed", "whole"]


def test_samples_beyond_the_window(tiny_folder, tmp_path):
    spec = TuneSpec(recipe="fixed", length=4000, samples=2, validation=1)
    with pytest.raises(
        SealError, match=r"samples of 4000 tokens do not fit the window of 2048; choose a smaller --length, or extend it with --on"
    ):
        tune(str(tiny_folder), spec, tmp_path / "a", progress=False)
    assert not list(tmp_path.iterdir())
    longer = TuneSpec(recipe="fixed", length=2200, samples=2, validation=1, on="self_extend,group=4,neighbours=64", checkpointing=True)
    card = tune(str(tiny_folder), longer, tmp_path / "b", progress=False)
    assert card["on"] == longer.on and card["log"][0]["n_tokens"] > 2100


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"granularity": "layer"}, "granularity is 'layer', must be head or channel"),
        ({"lr": 0.0}, "lr is 0.0"), ({"lr": math.nan}, "lr is nan"),
        ({"kl": -1.0}, "kl is -1.0"), ({"samples": 0}, "samples is 0"), ({"length": -5}, "length is -5"), ({"rank": 0}, "rank is 0"),
        ({"method": "adapter"}, "method is 'adapter', must be seal or lora or dora"),
        ({"dtype": "int8"}, "dtype is 'int8', must be auto or float32 or bfloat16"),
        ({"method": "lora", "shrink": 1.0}, "it pulls scales to 1, and lora has none"), ({"samples": 2.5}, "samples is 2.5, must be"),
        ({"task": "seal_lines:x"}, "task 'seal_lines:x' is not NAME or NAME:SIZE"), ({"task": "seal_lines:00"}, "is not NAME or NAME:SIZE"),
        ({"task": "seal_lines:²"}, "is not NAME or NAME:SIZE"), ({"task": "a,a"}, "names one task twice"),
    ],
)  # fmt: skip
def test_bad_settings(setting, message):
    with pytest.raises(SealError, match=message):
        TuneSpec(**setting)


@pytest.mark.parametrize(
    ("on", "message"),
    [("self_extent", "did you mean 'self_extend'"), ("yarn,faktor=2", "did you mean 'factor'"), ("yarn,colour=2", "has no setting colour")],
)
def test_bad_method_to_tune_on(tiny_folder, tmp_path, on, message):
    with pytest.raises(SealError, match=message):
        tune(str(tiny_folder), TuneSpec(recipe="fixed", on=on), tmp_path / "a", progress=False)


def test_the_rate_by_rule():
    """The default learning rate times the number of steps is constant."""
    rates = {n: TuneSpec(recipe="fixed", samples=n).rate() for n in (25, 50, 200)}
    assert rates[25] * 25 == pytest.approx(rates[50] * 50) == pytest.approx(rates[200] * 200)
    assert TuneSpec(recipe="fixed", lr=0.3).rate() == 0.3


def test_a_state_of_other_weights_is_not_continued(tiny_folder, tmp_path, monkeypatch):
    """What a killed run must have in common with the one that continues it includes the content of the model's files."""
    model, asked = shutil.copytree(tiny_folder, tmp_path / "model"), []

    def look(_, settings):
        asked.append(settings)
        raise SealError("seen")

    monkeypatch.setattr(tuning, "load_state", look)
    for _ in range(2):
        with pytest.raises(SealError, match="seen"):
            tune(str(model), TuneSpec(recipe="fixed", length=450, samples=2), tmp_path / "out")
        tiny_model(seed=9).save_pretrained(model)
    assert asked[0] | {"content": ""} == asked[1] | {"content": ""} and asked[0]["content"] != asked[1]["content"]
