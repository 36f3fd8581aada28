"""Which model an adapter belongs to: by the content of its weights, not by its name or its shapes."""

import hashlib
import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from seal_eval.baselines import method_of
from seal_eval.core.errors import SealError
from seal_eval.harness.seal_lm import SealLM
from seal_eval.models.adapters import load_scales
from seal_eval.models.base_weights import REVISION, base_difference, peft_name, weights_fingerprint
from seal_eval.models.loading import load_model
from seal_eval.models.template_folder import _files

from conftest import seal_eval, tiny_model


def test_a_fingerprint_is_of_the_values(tiny_folder, tmp_path):
    copied = shutil.copytree(tiny_folder, tmp_path / "copy")
    (copied / "config.json").write_text("{}")
    (copied / "model.safetensors").rename(copied / "model-00001.safetensors")
    assert weights_fingerprint(str(copied)) == weights_fingerprint(str(tiny_folder)) != ""
    tiny_model(seed=5).save_pretrained(copied)
    assert weights_fingerprint(str(copied)) != weights_fingerprint(str(tiny_folder))
    assert weights_fingerprint(str(tmp_path)) == weights_fingerprint("owner/not-in-the-cache") == ""


def test_other_copies_of_the_weights_do_not_count(tiny_folder, tmp_path):
    """As Mistral's repositories hold a consolidated.safetensors, which transformers does not load."""
    plain = weights_fingerprint(str(tiny_folder))
    for parts in ("1GB", "200KB"):
        folder = tmp_path / parts
        tiny_model().save_pretrained(folder, max_shard_size=parts)
        before = weights_fingerprint(str(folder))
        assert (folder / "model.safetensors").is_file() == (parts == "1GB") == (before == plain)
        save_file({"x": torch.zeros(3)}, folder / "consolidated.safetensors")
        assert weights_fingerprint(str(folder)) == before
    last = sorted(folder.glob("model-*.safetensors"))[-1]
    save_file({key: weight + 1 for key, weight in load_file(last).items()}, last)
    assert weights_fingerprint(str(folder)) != before
    last.unlink()
    assert weights_fingerprint(str(folder)) == ""  # nothing is known of an incomplete download


def test_a_template_folder_fetches_what_is_loaded(tiny_folder, tmp_path, monkeypatch):
    """Of a repository with two copies of the weights, one."""
    remote, local = tmp_path / "remote", tmp_path / "local"
    tiny_model().save_pretrained(remote, max_shard_size="200KB")
    save_file({"x": torch.zeros(3)}, remote / "consolidated.safetensors")

    def snapshot_download(name, allow_patterns):
        local.mkdir(exist_ok=True)
        for file in remote.iterdir():
            if any(file.match(pattern) for pattern in allow_patterns):
                shutil.copy(file, local)
        return str(local)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    assert _files("some/body") == local
    assert {file.name for file in local.iterdir()} == {file.name for file in remote.iterdir()} - {"consolidated.safetensors"}


def test_names_for_peft(tiny_folder, tmp_path, monkeypatch):
    assert peft_name("smollm2-135m-instruct") == "HuggingFaceTB/SmolLM2-135M-Instruct" and peft_name("owner/name") == "owner/name"
    monkeypatch.chdir(tiny_folder.parent)
    assert peft_name(tiny_folder.name) == str(tiny_folder.resolve())


def test_other_weights_of_equal_shape(tiny_folder, adapter, tmp_path, capsys):
    folder = shutil.copytree(adapter, tmp_path / "adapter")
    tuned_on = {"model": "the-first", "model_weights": weights_fingerprint(str(tiny_folder))}
    (folder / "seal_eval.json").write_text(json.dumps({"method": "seal", **tuned_on}))
    other = shutil.copytree(tiny_folder, tmp_path / "other")
    tiny_model(seed=5).save_pretrained(other)
    for place, differs in ((tiny_folder, False), (other, True)):
        model, _ = load_model(str(place))
        method = method_of(f"seal,adapter={folder}")
        capsys.readouterr()
        with method.apply(model):
            told, about = capsys.readouterr().err, method.about()
        assert ("was tuned on other weights: the-first" in told) is differs and len(told.splitlines()) == differs
        assert about.get("base_weights_differ", False) is differs
        assert about.get("base_weights") == (weights_fingerprint(str(other)) if differs else None)


def test_a_map_of_heads_of_other_weights(tiny_folder, tmp_path, capsys):
    """A map of equal shape would choose any heads; results and stderr say that it is of other weights."""
    seal_eval("heads", "--model", tiny_folder, "--out", tmp_path / "map", "--length", 450, "--samples", 1, "--no-sweep")
    other = shutil.copytree(tiny_folder, tmp_path / "other")
    tiny_model(seed=5).save_pretrained(other)
    for place, differs in ((tiny_folder, False), (other, True)):
        model, _ = load_model(str(place))
        for name in ("rule", "duo", "dysco"):
            method = method_of(f"{name},heads={tmp_path / 'map'}")
            capsys.readouterr()
            with method.apply(model):
                told, about = capsys.readouterr().err, method.about()
            assert ("was measured on other weights" in told) is differs
            said = {"base_weights_differ": True, "base_weights": weights_fingerprint(str(other))} if differs else {}
            assert about == said | {"heads_sha256": hashlib.sha256((tmp_path / "map" / "heads.json").read_bytes()).hexdigest()}


def test_merging_into_other_weights_is_said(tiny_folder, adapter, tmp_path):
    folder = shutil.copytree(adapter, tmp_path / "adapter")
    (folder / "seal_eval.json").write_text(json.dumps({"method": "seal", "model": "the-first", "model_weights": "0123456789abcdef"}))
    said = seal_eval("merge", "--model", tiny_folder, "--adapter", folder, "--out", tmp_path / "folded").stderr
    assert "was tuned on other weights: the-first (0123456789abcdef)" in said
    card = json.loads((tmp_path / "folded" / "seal_eval.json").read_text())
    assert card["base_weights_differ"] and card["base_weights"] == weights_fingerprint(str(tiny_folder))


def test_the_first_key_that_does_not_match(adapter, tmp_path):
    folder = shutil.copytree(adapter, tmp_path / "adapter")
    file = folder / "adapter_model.safetensors"
    save_file({key.replace("model.layers", "model.language_model.layers"): tensor for key, tensor in load_file(file).items()}, file)
    wanted = r"scales for model\.language_model\.layers\.0\.self_attn\.o_proj, the model's projection is model\.layers\.0\.self_attn"
    with pytest.raises(SealError, match=wanted):
        load_scales(str(folder), tiny_model())


def test_a_revision_of_the_hub_is_a_model_of_its_own(tiny_folder, adapter, tmp_path, monkeypatch):
    """An adapter of the newest revision is of other weights than `revision=v2`, and the other way round."""
    place = tmp_path / "hub" / "models--some--body"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.file_download.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    for commit, ref, seed in (("a" * 40, "main", 0), ("b" * 40, "v2", 5)):
        shutil.copytree(tiny_folder, place / "snapshots" / commit)
        tiny_model(seed=seed).save_pretrained(place / "snapshots" / commit)
        (place / "refs").mkdir(exist_ok=True)
        (place / "refs" / ref).write_text(commit)
    assert weights_fingerprint("some/body") != weights_fingerprint("some/body", "v2") == weights_fingerprint("some/body", "b" * 40) != ""
    folder = shutil.copytree(adapter, tmp_path / "adapter")
    (folder / "seal_eval.json").write_text(json.dumps({"method": "seal", "model_weights": weights_fingerprint("some/body")}))
    engine = SealLM(pretrained=str(tiny_folder), revision="v2", device="cpu")
    engine._model.name_or_path = "some/body"
    assert base_difference(str(folder), engine._model)["base_weights"] == weights_fingerprint("some/body", "v2")
    setattr(engine._model, REVISION, "")
    assert base_difference(str(folder), engine._model) == {}
