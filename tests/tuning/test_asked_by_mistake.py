"""What `tune`, `heads` and `merge` are asked for by mistake, or meet on other people's models: said before the work, or done right."""

import json
import math

import pytest
import torch
from safetensors.torch import load_file

from seal_eval.baselines import method_of
from seal_eval.core.errors import SealError
from seal_eval.models.lora import applied
from seal_eval.tuning import loop as learning
from seal_eval.tuning import merge as merging
from seal_eval.tuning.config import TuneSpec
from seal_eval.tuning.head_importance import HeadsSpec, head_map
from seal_eval.tuning.losses import record_loss
from seal_eval.tuning.merge import export
from seal_eval.tuning.older_readers import write_old_rope
from seal_eval.tuning.parameters import Gains
from seal_eval.tuning.read_back import refuse_without_effect
from seal_eval.tuning.records import check_spec, records_of
from seal_eval.tuning.tune import tune

from conftest import tiny_model

IDS = torch.arange(2, 50)[None] * 7 % 900
SPEC = {"recipe": "fixed", "length": 420, "samples": 12, "lr": 0.1, "validation": 1}


@torch.no_grad()
def logits(model):
    return model(IDS).logits


def lora(folder, **settings):
    """Write a LoRA folder of peft's with random weights for the tiny Llama."""
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(tiny_model(), LoraConfig(task_type="CAUSAL_LM", r=4, target_modules=["q_proj", "v_proj"], **settings))
    with torch.no_grad():
        for p in model.parameters():
            if p.requires_grad:
                p.add_(0.1 * torch.randn(p.shape, generator=torch.Generator().manual_seed(1)))
    model.save_pretrained(str(folder))
    return folder


@pytest.mark.parametrize(("on", "method", "message"), [
    ("seal,adapter={a}", "seal", "'seal\\+seal' names one method twice"), ("seal,adapter={a}", "lora", "write lora\\+seal"),
    ("lora,adapter={a}", "lora", "'lora\\+lora' names one method twice"), ("lora,adapter={a}", "dora", "both change the weights"),
])  # fmt: skip
def test_what_a_run_would_refuse_is_not_tuned(adapter, on, method, message):
    with pytest.raises(SealError, match=message):
        check_spec(TuneSpec(on=on.format(a=adapter), method=method))


@pytest.mark.parametrize(("on", "why"), [
    ("dysco", "acts only while a reply is decoded"), ("ntk+dysco", "acts only while a reply is decoded"),
    ("ms_poe", "goes by the prompt's last token"), ("linear+ms_poe", "goes by the prompt's last token"),
])  # fmt: skip
def test_methods_that_act_on_replies_are_not_tuned_on(tmp_path, on, why):
    """Training would see the plain model, or another order of heads than a reply does."""
    settings = {"dysco": f",heads={tmp_path}", "ntk+dysco": f",heads={tmp_path},factor=2", "linear+ms_poe": ",factor=2"}.get(on, "")
    with pytest.raises(SealError, match=f"on is '{on.replace('+', '[+]')}.*{why}.*leave it out of --on"):
        check_spec(TuneSpec(on=on + settings))


def test_scales_on_top_of_an_adapter(tiny_folder, tmp_path):
    """lora+seal: the adapter that is on does not hinder the reading back."""
    on = f"lora,adapter={lora(tmp_path / 'lora')}"
    card = tune(str(tiny_folder), TuneSpec(**(SPEC | {"samples": 2}), on=on), tmp_path / "a", progress=False)
    assert card["on"] == on and (tmp_path / "a" / "adapter_model.safetensors").is_file()


def test_an_activated_lora_is_refused(tiny_folder, tmp_path):
    """Through the engine it would never be active, and replies would be the plain model's."""
    folder = lora(tmp_path / "a")
    file = folder / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"alora_invocation_tokens": [5, 6]}))
    with pytest.raises(SealError, match="is an activated LoRA"), method_of(f"lora,adapter={folder}").apply(tiny_model()):
        pass


def test_an_adapter_that_takes_its_beginning_out_of_the_weights(tmp_path):
    """PiSSA: the base weights change while it is on, and are as before afterwards; so a second time gives the same."""
    folder, model = lora(tmp_path / "a", init_lora_weights="pissa"), tiny_model()
    plain, found = logits(model), []
    for _ in range(2):
        with applied(model, str(folder), False):
            found.append(logits(model))
        assert torch.equal(logits(model), plain)
    assert torch.equal(*found) and not torch.equal(found[0], plain)


def test_a_map_of_heads_beyond_the_window(tiny_folder, tmp_path):
    with pytest.raises(SealError, match=r"samples of \d+ tokens do not fit the window of 2048; choose a smaller --length$"):
        head_map(str(tiny_folder), HeadsSpec(length=4000, samples=1), tmp_path / "heads")
    assert not (tmp_path / "heads").exists()


def test_channels_need_no_number_of_heads(tmp_path):
    """Layers that differ in their number of heads (Laguna) have scales of channels, and no table of heads."""
    model = tiny_model()
    model.config.num_attention_heads_per_layer = [4, 4, 2]
    gains = Gains(model, per_head=False)
    card = gains.save(tmp_path, {"method": "seal", "model": "x"})
    assert "mean_scales" not in card and card["scale_min"] == 1.0
    with pytest.raises(SealError, match="scale channels, not heads"):
        Gains(model, per_head=True)


def test_validation_asks_what_training_does_not(prompt_format, capsys):
    """Associations at another length are others; where a task has too few questions, it is said."""
    spec = TuneSpec(task="seal_latent", length=900, recipe="fixed", samples=10, validation=4, validate_on="seal_latent:1200")
    train, validation = records_of(prompt_format, spec)
    asked = [{key for record in part for sample in record for key in sample.keys} for part in (train, validation)]
    assert len(asked[1]) == 4 and not asked[0] & asked[1] and not capsys.readouterr().err
    records_of(prompt_format, TuneSpec(task="seal_own", length=420, recipe="fixed", samples=8, validation=2))
    assert "2 of 2 validation records ask what training asks" in capsys.readouterr().err


def test_rotary_settings_that_phi_3s_own_code_reads(tmp_path):
    """It refuses a rope_scaling with more than three fields."""
    rope = {
        "rope_type": "longrope", "rope_theta": 1e4, "short_factor": [1.0] * 8, "long_factor": [2.0] * 8, "partial_rotary_factor": 1.0,
        "original_max_position_embeddings": 4096, "factor": 32.0,
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "phi3", "rope_parameters": rope}))
    write_old_rope(tmp_path)
    found = json.loads((tmp_path / "config.json").read_text())
    assert found["rope_scaling"] == {"type": "longrope", "short_factor": [1.0] * 8, "long_factor": [2.0] * 8}
    assert found["original_max_position_embeddings"] == 4096 and found["rope_theta"] == 1e4


def test_a_fold_without_effect_is_refused(tiny_folder, adapter, tmp_path, monkeypatch):
    """Also where the effect is smaller than what rounding may change."""
    plain = torch.randn(48, 100, generator=torch.Generator().manual_seed(0))
    effect = 1e-3 * torch.randn(48, 100, generator=torch.Generator().manual_seed(1))
    noise = 1e-3 * torch.randn(48, 100, generator=torch.Generator().manual_seed(2))
    refuse_without_effect("x", plain, plain + effect, plain + effect + noise, "")
    refuse_without_effect("x", plain, plain, plain + noise, "")
    with pytest.raises(SealError, match=r"x has -?[0-9] % of the adapter's effect"):
        refuse_without_effect("x", plain, plain + effect, plain + noise, "")
    monkeypatch.setattr(merging, "folded", lambda model, _: model)
    with pytest.raises(SealError, match="the folded model has 0 % of the adapter's effect on the logits; nothing is kept"):
        export(str(tiny_folder), tmp_path / "out", str(adapter))
    assert not (tmp_path / "out").exists()


def test_a_killed_run_that_diverges_ends_as_an_undisturbed_one(tiny_folder, tmp_path, monkeypatch):
    """Killed after the state of step 5 is saved; step 6 overflows. Step 4 is kept in both."""
    for name in ("whole", "killed"):
        calls = []

        def overflowing(*args, calls=calls, kills=name == "killed"):
            calls.append(args)
            if kills and len(calls) == 6:
                raise KeyboardInterrupt
            return record_loss(*args) * (math.inf if len(calls) >= 6 else 1.0)

        monkeypatch.setattr(learning, "record_loss", overflowing)
        if name == "killed":
            with pytest.raises(KeyboardInterrupt):
                tune(str(tiny_folder), TuneSpec(**SPEC), tmp_path / name, progress=False)
        with pytest.raises(SealError, match="the setting of step 4 is kept in"):
            tune(str(tiny_folder), TuneSpec(**SPEC), tmp_path / name, progress=False)
    whole, killed = (load_file(tmp_path / name / "adapter_model.safetensors") for name in ("whole", "killed"))
    assert all(torch.equal(whole[key], killed[key]) for key in whole)
