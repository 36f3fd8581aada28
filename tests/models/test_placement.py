"""Models spread over devices by accelerate, and frozen weights in 8 and 4 bits: the same results, or a reason."""

import json

import pytest
import torch
from safetensors.torch import load_file

from seal_eval.core.errors import SealError
from seal_eval.harness.seal_lm import SealLM
from seal_eval.models.loading import load_model
from seal_eval.models.placement import low_bits
from seal_eval.tuning.config import TuneSpec
from seal_eval.tuning.head_importance import HeadsSpec, head_map
from seal_eval.tuning.merge import export
from seal_eval.tuning.tune import tune

from conftest import seal_eval, tiny_model
from method_cases import logits, made, method

PARTS = ("model.embed_tokens", *(f"model.layers.{i}" for i in range(3)), "model.norm", "model.rotary_emb", "lm_head")
LAYER = json.dumps(dict.fromkeys(PARTS, "cpu") | {"model.layers.1": "disk", "lm_head": "disk"})
MOST = json.dumps(dict.fromkeys(PARTS, "disk") | {"model.layers.2": "cpu", "model.rotary_emb": "cpu"})  # the embeddings too
SPEC = {"recipe": "fixed", "length": 450, "samples": 4, "lr": 0.1, "validation": 1, "cost_limit": 9.0}


def test_tuning(tiny_folder, tmp_path):
    """With layers and embeddings on disk, the same scales are learned, and the adapter that is read back is the one that was tuned."""
    cards = [
        tune(str(tiny_folder), TuneSpec(**SPEC), tmp_path / name, False, device_map=m) for name, m in (("whole", ""), ("spread", MOST))
    ]
    mine, theirs = (scales(tmp_path / name) for name in ("whole", "spread"))
    torch.testing.assert_close(theirs, mine, rtol=0, atol=1e-6)
    assert cards[1]["kept"]["loss"] == pytest.approx(cards[0]["kept"]["loss"], rel=1e-5)


def scales(adapter):
    """The scales of an adapter's layers in one tensor."""
    return torch.cat([values.flatten() for values in load_file(adapter / "adapter_model.safetensors").values()])


def test_a_map_of_heads(tiny_folder, tmp_path):
    spec = HeadsSpec("seal_lines", 450, 1, 0, True, "both")
    whole, spread = (head_map(str(tiny_folder), spec, tmp_path / str(i), device_map=m) for i, m in enumerate(("", MOST)))
    for key in ("gradient", "pruned", "copy"):
        assert torch.tensor(spread[key]).allclose(torch.tensor(whole[key]), atol=1e-5), key


@pytest.mark.parametrize("method", [{}, {"method": "self_extend", "group": 4, "neighbours": 64}, {"method": "seal"}])
def test_runs(tiny_folder, adapter, tmp_path, method, monkeypatch):
    """`device_map=` of model_args: the same replies, with shared prefixes and in batches. lm-eval's own class drops it."""
    from lm_eval.api.instance import Instance

    from seal_eval.harness.dataset import documents

    monkeypatch.chdir(tmp_path)
    if method == {"method": "seal"}:
        method = method | {"adapter": str(adapter)}
    docs = [
        dict(d) for d in documents("seal_lines", tokenizer=str(tiny_folder), lengths=[450], num_samples=4, questions_per_record=2)["test"]
    ]
    replies = []
    for place in ({}, {"device_map": "auto", "max_cpu_memory": "400KB", "offload_folder": str(tmp_path / "offload")}):
        lm = SealLM(str(tiny_folder), device="cpu", batch_size=2, **place, **method)
        assert any(p.device.type == "meta" for p in lm.model.parameters()) == bool(place)
        asked = [
            Instance("generate_until", d, (d["input"] + d["prefix"], {"until": []}), i, metadata=("l", i, 1)) for i, d in enumerate(docs)
        ]
        replies.append(lm.generate_until(asked, disable_tqdm=True))
    assert replies[0] == replies[1]


def test_low_rank_adapters_need_weights_in_memory(tiny_folder, tmp_path, monkeypatch):
    """peft would leave files in the working directory and a model that no longer runs, and the adapter was said to be another model's."""
    monkeypatch.chdir(tmp_path)
    settings = made("lora", "llama", 1.0, tmp_path / "a")
    model, _ = load_model(str(tiny_folder), device_map=LAYER)
    before, plain = sorted(tmp_path.iterdir()), logits(model)
    missing = r"model\.layers\.1\..*is not in memory .* merge the adapter first"
    with pytest.raises(SealError, match=missing), method("lora", **settings).apply(model):
        pass
    assert sorted(tmp_path.iterdir()) == before and torch.equal(logits(model), plain)


def test_merging(tiny_folder, adapter, tmp_path):
    """Weights that are in memory are folded; those that are not are named, with the remedy."""
    export(str(tiny_folder), tmp_path / "whole", str(adapter))
    export(str(tiny_folder), tmp_path / "spread", str(adapter), device_map=json.dumps(dict.fromkeys(PARTS, "cpu")))
    mine, theirs = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "spread"))
    assert mine.keys() == theirs.keys() and all(torch.equal(mine[key], theirs[key]) for key in mine)
    with pytest.raises(SealError, match=r"model\.layers\.1\..*is not in memory with this device map"):
        export(str(tiny_folder), tmp_path / "not", str(adapter), device_map=LAYER)
    assert not (tmp_path / "not").exists()


def test_maps_that_are_wrong(tiny_folder, tmp_path):
    command = ("tune", "--model", tiny_folder, "--out", tmp_path / "out", "--length", 450, "--device-map")
    assert "no known name; did you mean 'auto'" in seal_eval(*command, "auot", code=1).stderr
    assert "is no JSON object of module → device" in seal_eval(*command, '{"": ', code=1).stderr
    left_out = json.dumps({part: "cpu" for part in PARTS if part != "model.layers.1"})
    said = seal_eval(*command, left_out, code=1).stderr
    assert "the device map leaves out model.layers.1.self_attn.q_proj.weight; name a device for it" in said
    assert "lora cannot be added to model.layers.1." in seal_eval(*command, LAYER, "--method", "lora", code=1).stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("bits", "cosine"), [("8bit", 0.9), ("4bit", 0.5)])
def test_frozen_weights_in_few_bits(tokenizer, tmp_path, bits, cosine):
    """Tuning runs on bitsandbytes' weights; what is learned in the first step points where it points in bf16."""
    own, place = SPEC | {"samples": 1, "kl": 0.0}, str(tmp_path / "model")
    tiny_model(intermediate_size=128).save_pretrained(place)  # its 4-bit weights come in blocks of 64
    tokenizer.save_pretrained(place)
    cards = [tune(place, TuneSpec(**own, dtype=d), tmp_path / d, progress=False) for d in ("bfloat16", bits)]
    mine, theirs = (scales(tmp_path / name) - 1 for name in ("bfloat16", bits))
    assert torch.cosine_similarity(mine, theirs, 0) > cosine
    assert cards[1]["weights_dtype"] == bits and cards[1]["log"][0]["loss"] == pytest.approx(cards[0]["log"][0]["loss"], rel=0.1)
    model, _ = load_model(place, bits)
    assert any("bit" in type(module).__name__ for module in model.modules())
    ids = torch.arange(2, 50)[None]
    with torch.no_grad():
        before = model(ids).logits
        model.state_dict()  # bitsandbytes changes packed weights when it is asked for them
        assert torch.equal(model(ids).logits, before)


def test_without_bitsandbytes(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SealError, match="dtype 4bit needs bitsandbytes: pip install bitsandbytes"):
        low_bits("4bit")


@pytest.mark.parametrize("bits", ["8bit", "4bit"])
def test_runs_in_few_bits(tokenizer, tmp_path, bits):
    """`dtype=` of model_args: the engine loads the weights that tuning loads, and gives the same logits."""
    place = str(tmp_path / "model")
    tiny_model(intermediate_size=128).save_pretrained(place)
    tokenizer.save_pretrained(place)
    lm, (model, _) = SealLM(place, device="cpu", dtype=bits), load_model(place, bits)
    ids = torch.arange(2, 50)[None]
    with torch.no_grad():
        lm.model.state_dict()
        assert torch.equal(lm.model(ids).logits, model(ids).logits)
