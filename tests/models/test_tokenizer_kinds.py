"""Tokenizers of checkpoints that have mistral-common's file too, and tokenizers that name no end."""

import json
import shutil
from types import SimpleNamespace

import pytest
import transformers
from transformers.models.auto import tokenization_auto

from seal_eval.core.errors import SealError
from seal_eval.harness.seal_lm import SealLM
from seal_eval.models.loading import load_tokenizer


@pytest.fixture
def mistral_common(monkeypatch):
    """As if mistral-common were installed, and tekken.json in every checkpoint: its tokenizer has no is_fast."""
    plain = transformers.AutoTokenizer.from_pretrained

    def from_pretrained(place, *args, mistral_format=None, **options):
        return SimpleNamespace() if mistral_format is None else plain(place, *args, **options)

    monkeypatch.setattr(tokenization_auto, "_use_mistral_format", lambda *_, mistral_format=None, **__: mistral_format is not False)
    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", from_pretrained)
    load_tokenizer.cache_clear()
    yield
    load_tokenizer.cache_clear()


def test_a_checkpoint_with_the_file_of_mistral_common(mistral_common, tiny_folder):
    assert load_tokenizer(str(tiny_folder)).is_fast
    engine = SealLM(pretrained=str(tiny_folder), device="cpu")
    assert engine.tokenizer.is_fast and engine.tok_encode("a") == load_tokenizer(str(tiny_folder))("a").input_ids


def test_a_tokenizer_that_is_not_fast(monkeypatch, tmp_path):
    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", lambda *_, **__: SimpleNamespace())
    with pytest.raises(SealError, match=r"is not a fast one; token positions need tokenizer.json"):
        load_tokenizer(str(tmp_path))


def without_end(tiny_folder, out, generation=None, config=None):
    shutil.copytree(tiny_folder, out)
    named = json.loads((out / "tokenizer_config.json").read_text())
    (out / "tokenizer_config.json").write_text(json.dumps({key: v for key, v in named.items() if key not in ("eos_token", "pad_token")}))
    for name, ends in (("generation_config.json", generation), ("config.json", config)):
        written = json.loads((out / name).read_text())
        (out / name).write_text(json.dumps({**written, "eos_token_id": ends, "pad_token_id": None}))
    return str(out)


@pytest.mark.parametrize(("generation", "config"), [(1, None), (None, 1), ([1, 7], None), ([99999, 1], 5)])
def test_an_end_that_the_checkpoint_names_elsewhere(tiny_folder, tmp_path, generation, config):
    folder = without_end(tiny_folder, tmp_path / "m", generation, config)
    assert load_tokenizer(folder).eos_token == "</s>"
    assert SealLM(pretrained=folder, device="cpu").tokenizer.eos_token_id == 1


def test_no_end_at_all_is_refused_before_the_model_is_loaded(tiny_folder, tmp_path, monkeypatch):
    folder = without_end(tiny_folder, tmp_path / "m")
    monkeypatch.setattr(SealLM, "_create_model", lambda *_, **__: pytest.fail("the model was loaded"))
    with pytest.raises(
        SealError, match=r"m' has no end token, and neither generation_config.json nor config.json names one; add eos_token"
    ):
        SealLM(pretrained=folder, device="cpu")
    assert load_tokenizer(folder).eos_token is None  # of no concern where only tokens are counted
