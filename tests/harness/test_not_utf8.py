"""Names of files with bytes that are not UTF-8: refused before hours of work whose results could not record them."""

import os

import pytest

from seal_eval.core.errors import SealError
from seal_eval.harness.run import run
from seal_eval.models.hub import resolve

LATIN = os.fsdecode("résumé".encode("latin-1"))


def test_an_argument_of_a_run(tmp_path, tiny_folder):
    with pytest.raises(SealError, match=r"argument '.*r\\udce9sum\\udce9' is not UTF-8"):
        run(["--model_args", f"pretrained={tiny_folder}", "--tasks", "seal_lines", "--output_path", str(tmp_path / LATIN)])


def test_a_models_folder(tmp_path, monkeypatch):
    """Also one that is named from inside of such a folder: adapters record where their model is."""
    place = tmp_path / LATIN / "model"
    place.mkdir(parents=True)
    (place / "config.json").write_text("{}")
    with pytest.raises(SealError, match=r"model folder .* is not UTF-8"):
        resolve(str(place))
    monkeypatch.chdir(place.parent)
    with pytest.raises(SealError, match=r"model folder .* is not UTF-8"):
        resolve("model")
