"""Kinds of checkpoints that need care when they are written again, and the check that reads each back before it counts."""

import json
import shutil
import warnings

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

import seal_eval.tuning.merge as merging
from seal_eval.baselines import method_of
from seal_eval.core.errors import SealError
from seal_eval.models.adapters import load_scales, save_adapter, scaled
from seal_eval.models.base_weights import weights_fingerprint
from seal_eval.models.loading import load_model
from seal_eval.tuning.config import TuneSpec
from seal_eval.tuning.merge import export
from seal_eval.tuning.parameters import Gains
from seal_eval.tuning.read_back import check_adapter, probe_ids
from seal_eval.tuning.read_back import logits as logits_of
from seal_eval.tuning.tune import tune

from conftest import tiny_model

IDS = torch.arange(2, 60)[None] * 7 % 900


@torch.no_grad()
def logits(model):
    return model(input_ids=IDS).logits.float()


def saved(model, folder, tokenizer):
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def fp8(tmp_path, tokenizer):
    """The tiny Llama with its projections in FP8, one scale per tensor: (folder, the dequantised weights by hand)."""
    folder = saved(tiny_model().to(torch.bfloat16), tmp_path / "fp8", tokenizer)
    tensors, by_hand, quantised = load_file(folder / "model.safetensors"), {}, {}
    for key, weight in tensors.items():
        by_hand[key] = quantised[key] = weight
        if "proj" in key:
            scale = weight.float().abs().max() / 448
            quantised[key] = (weight.float() / scale).to(torch.float8_e4m3fn)
            quantised[key.replace("weight", "weight_scale_inv")] = scale.reshape(1, 1)
            by_hand[key] = (quantised[key].float() * scale).to(torch.bfloat16)
    save_file(quantised, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": [128, 128]}
    (folder / "config.json").write_text(json.dumps(config))
    return folder, by_hand


def test_fp8_is_written_in_bf16(fp8, adapter, tmp_path, capsys):
    folder, by_hand = fp8
    export(str(folder), tmp_path / "out", str(adapter), "yarn,factor=2")
    assert "are quantised (fp8); here they are bf16, without quantization_config" in capsys.readouterr().err
    written, scales = load_file(tmp_path / "out" / "model.safetensors"), load_scales(str(adapter), tiny_model())
    assert "quantization_config" not in json.loads((tmp_path / "out" / "config.json").read_text())
    assert written.keys() == by_hand.keys()
    for key, weight in by_hand.items():
        factor = scales.get(key.removesuffix(".weight"), torch.ones(()))
        assert torch.allclose(written[key].float(), weight.float() * factor, rtol=2**-7, atol=1e-6), key


def test_other_quantisation_is_refused(tiny_folder, adapter, tmp_path):
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"quantization_config": {"quant_method": "gptq", "bits": 4}}))
    with pytest.raises(SealError, match="is quantised with gptq, and its weights cannot be written back in bf16; name the checkpoint that"):
        export(str(folder), tmp_path / "out", str(adapter))


def test_mixtral_yarn_loads(tokenizer, tmp_path):
    model = tiny_model("mixtral")
    export(str(saved(model, tmp_path / "plain", tokenizer)), tmp_path / "long", on="yarn,factor=4")
    with method_of("yarn,factor=4").apply(model):
        ours = logits(model)
    theirs = logits(transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "long"))
    assert torch.allclose(theirs, ours, atol=1e-4 * ours.abs().max())


@pytest.mark.parametrize("on", ["yarn,factor=4", "linear,factor=4"])
def test_phi3_holds_longrope_only(tokenizer, tmp_path, on):
    folder = saved(tiny_model("phi3"), tmp_path / "plain", tokenizer)
    with pytest.raises(SealError, match=f"--on {on}: the configuration of phi3 cannot hold this method .*longrope"):
        export(str(folder), tmp_path / "out", on=on)
    assert not (tmp_path / "out").exists()


def multimodal(kind):
    """A tiny model with a vision tower, random."""
    text = {
        "vocab_size": 1000, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 4, "num_attention_heads": 4, "head_dim": 16,
        "num_key_value_heads": 2, "max_position_embeddings": 2048, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1,
    }  # fmt: skip
    torch.manual_seed(0)
    if kind == "gemma3":
        vision = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 28}
        text |= {"layer_types": ["sliding_attention", "full_attention"] * 2, "sliding_window": 64}
        config = transformers.Gemma3Config(text_config=text, vision_config=vision | {"patch_size": 14}, mm_tokens_per_image=4)
        return transformers.Gemma3ForConditionalGeneration(config).eval()
    text |= {"layer_types": ["full_attention"] * 4}
    vision = {"depth": 2, "hidden_size": 32, "intermediate_size": 48, "num_heads": 2, "out_hidden_size": 64}
    special = {"image_token_id": 990, "video_token_id": 991, "vision_start_token_id": 992, "vision_end_token_id": 993}
    config = transformers.Qwen3_5Config(text_config=text, vision_config=vision, **special)
    return transformers.Qwen3_5ForConditionalGeneration(config).eval()


@pytest.mark.parametrize("kind", ["gemma3", "qwen3_5"])
def test_a_multimodal_checkpoint_keeps_its_class_and_files(kind, tokenizer, tmp_path):
    """Transformers loads Qwen3_5ForConditionalGeneration as its text decoder alone."""
    model = multimodal(kind)
    folder = saved(model, tmp_path / "model", tokenizer)
    for name in ("preprocessor_config.json", "processor_config.json", "chat_template.json", "modeling_own.py"):
        (folder / name).write_text('{"a": 1}')
    export(str(folder), tmp_path / "long", on="ntk,factor=4")
    before, after = load_file(folder / "model.safetensors"), load_file(tmp_path / "long" / "model.safetensors")
    assert before.keys() == after.keys() and all(torch.equal(before[key], after[key]) for key in before)
    extended = type(model).from_pretrained(tmp_path / "long")
    assert extended.config.text_config.max_position_embeddings == 8192 and not torch.allclose(logits(extended), logits(model), atol=1e-3)
    for file in folder.iterdir():
        assert (tmp_path / "long" / file.name).is_file(), file
        if file.name not in ("config.json", "model.safetensors"):
            assert (tmp_path / "long" / file.name).read_bytes() == file.read_bytes(), file


def test_scales_reach_the_text_decoder_of_a_multimodal_checkpoint(tokenizer, tmp_path):
    model = multimodal("qwen3_5")
    folder = saved(model, tmp_path / "model", tokenizer)
    text = transformers.AutoModelForCausalLM.from_pretrained(folder)
    draw = torch.Generator().manual_seed(0)
    scales = {name: 0.5 + torch.rand(64, generator=draw) for name, _ in Gains(text, per_head=True).projections}
    (tmp_path / "adapter").mkdir()
    save_adapter(text, scales, tmp_path / "adapter", {})
    with scaled(text, scales):
        ours = logits(text)
    export(str(folder), tmp_path / "out", str(tmp_path / "adapter"))
    assert torch.allclose(logits(type(model).from_pretrained(tmp_path / "out")), ours, atol=1e-4 * ours.abs().max())


OWN = {
    "configuration_own.py": "from transformers import LlamaConfig\n\n\nclass OwnConfig(LlamaConfig):\n    model_type = 'own'\n",
    "modeling_own.py": "from transformers import LlamaForCausalLM\n\nfrom .configuration_own import OwnConfig\n\n\n"
    "class OwnForCausalLM(LlamaForCausalLM):\n    config_class = OwnConfig\n",
}  # fmt: skip


def test_own_code_runs_when_it_is_trusted(tiny_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    folder = shutil.copytree(tiny_folder, tmp_path / "own")
    for name, code in OWN.items():
        (folder / name).write_text(code)
    places = {"AutoConfig": "configuration_own.OwnConfig", "AutoModelForCausalLM": "modeling_own.OwnForCausalLM"}
    config = json.loads((folder / "config.json").read_text()) | {"model_type": "own", "architectures": ["OwnForCausalLM"]}
    (folder / "config.json").write_text(json.dumps(config | {"auto_map": places}))
    monkeypatch.setattr("builtins.input", lambda *_: "n")
    with pytest.raises(SealError, match="it needs code of its own; read that code, then pass --trust-remote-code"):
        export(str(folder), tmp_path / "out", on="yarn,factor=4")
    export(str(folder), tmp_path / "out", on="yarn,factor=4", trust_remote_code=True)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "out", trust_remote_code=True)
    assert type(theirs).__name__ == "OwnForCausalLM" and theirs.config.max_position_embeddings == 8192


def test_what_was_written_wrongly_does_not_count(tiny_folder, adapter, tmp_path, monkeypatch):
    """A weight that is left out, one that is changed, and a fold that is wrong."""

    def refused(message, **other):
        with pytest.raises(SealError, match=message):
            export(str(tiny_folder), tmp_path / "out", str(adapter))
        assert not (tmp_path / "out").exists() and not list(tmp_path.glob(".out*"))

    def spoilt(change):
        def copied(place, tokenizer, out):
            tensors = load_file(out / "model.safetensors")
            change(tensors)
            save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})

        return copied

    norm = "model.norm.weight"
    with monkeypatch.context() as patch:
        patch.setattr(merging, "copy_side_files", spoilt(lambda tensors: tensors.pop(norm)))
        refused("the written checkpoint has missing keys .model.norm.weight, 1 in all.; nothing is kept")
        patch.setattr(merging, "copy_side_files", spoilt(lambda tensors: tensors[norm].mul_(1.01)))
        refused("the written checkpoint has other values of model.norm.weight")
        patch.setattr(merging, "copy_side_files", spoilt(lambda tensors: tensors.update({norm: tensors[norm][:3].clone()})))
        refused("the written checkpoint (has mismatched keys|cannot be loaded again)")
    monkeypatch.setattr(merging, "fold", lambda model, scales: None)
    refused(r"the folded model has 0 % of the adapter's effect on the logits; nothing is kept")
    monkeypatch.setattr(merging, "refuse_without_effect", lambda *_: None)
    refused(r"its logits differ by .* % of the largest from what was meant \(0.1 % allowed\); nothing is kept")


def test_a_tuned_adapter_is_read_back_by_peft(tiny_folder, tmp_path, monkeypatch):
    spec = TuneSpec(recipe="fixed", length=450, samples=2, validation=1)
    card = tune(str(tiny_folder), spec, tmp_path / "a", progress=False)
    config = json.loads((tmp_path / "a" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(tiny_folder.resolve())
    assert card["model_weights"] == weights_fingerprint(str(tiny_folder))
    scales = Gains.scales
    monkeypatch.setattr(Gains, "scales", lambda self: {name: 1.5 * scale for name, scale in scales(self).items()})
    with pytest.raises(SealError, match=r"the written adapter, loaded with peft: its logits differ by .*; nothing is kept"):
        tune(str(tiny_folder), spec, tmp_path / "b", progress=False)
    assert not (tmp_path / "b").exists()


def test_a_user_is_not_told_of_names_that_peft_uses(tiny_folder, adapter):
    """peft asks a model for `is_gradient_checkpointing`, which transformers calls otherwise now."""
    model, _ = load_model(str(tiny_folder))
    with scaled(model, load_scales(str(adapter), model)):
        meant = logits_of(model, probe_ids(model.config, 1000))
    with warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)
        check_adapter(adapter, model, probe_ids(model.config, 1000), meant)
