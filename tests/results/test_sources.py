"""Runs of one name had one model: its card, its weights and its files are all compared, as far as two runs record them."""

import json
from dataclasses import replace

import pytest
import torch

from seal_eval.core.errors import SealError
from seal_eval.core.files import CARD, write_json
from seal_eval.models.hub import content, source
from seal_eval.results.paired import paired_scores
from seal_eval.results.records import load_runs
from seal_eval.results.sources import check_sources, other_files

from conftest import tiny_model


@pytest.fixture
def runs(results):
    return load_runs(results)


def told(run, sha=None, **own):
    """The run with other records of its model."""
    config = {**run.config, "seal_eval": {**run.config["seal_eval"], "model_content": None, **own}}
    return replace(run, config=config | ({"model_sha": sha} if sha else {}))


def made(folder, tokenizer, seed):
    """A model folder with a card that says nothing of its weights, as `models template` makes it; what a run records of it."""
    tiny_model(seed=seed).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    write_json(folder / CARD, {"model": "org/m", "chat_template": "chatml.jinja", "chat_template_sha256": "a" * 64})
    return {"model_source": source(str(folder)), "model_content": content(str(folder))}


def test_a_folder_that_was_made_once_more_with_other_weights(runs, tokenizer, tmp_path):
    first, second = (made(tmp_path / "m", tokenizer, seed) for seed in (0, 1))
    assert {**first["model_source"], "model_weights": ""} == {**second["model_source"], "model_weights": ""}  # the cards are equal
    with pytest.raises(SealError, match=r"tiny-llama came from model_weights=\w+ in run .* and from model_weights=\w+ in run"):
        paired_scores([told(runs[0], **first), told(runs[1], **second)])
    for own in (first, second):  # runs of earlier versions record no fingerprint of the weights
        del own["model_source"]["model_weights"]
    with pytest.raises(SealError, match=r"came from content=\w+ in run .* and from content=\w+ in run"):
        paired_scores([told(runs[0], **first), told(runs[1], **second)])


def test_other_files_next_to_equal_weights_are_said(runs, tokenizer, tmp_path):
    first = made(tmp_path / "m", tokenizer, 0)
    (tmp_path / "m" / "notes.json").write_text("{}")
    second = {"model_source": source(str(tmp_path / "m")), "model_content": content(str(tmp_path / "m"))}
    (paired,) = paired_scores([told(runs[0], **first), told(runs[1], **second)])
    (said,) = paired.remarks
    assert said.startswith("tiny-llama has other files in run") and said.endswith("its configuration or tokenizer may differ.")


def test_a_pulled_model_is_known_by_its_file(runs):
    """Another version of transformers writes another configuration; then the two are not refused."""
    source_ = {"source": "wheel", "wheel": "w==1", "sha256": "b" * 64}
    one, two = (told(run, model_source=source_, model_content=text * 16) for run, text in zip(runs, "01", strict=True))
    check_sources([one, two])
    assert len(other_files([one, two])) == 1


@pytest.mark.parametrize(
    ("ours", "theirs", "refused"),
    [
        ({"source": "hub", "revision": "1"}, {"source": "hub", "revision": "2"}, True),
        ({"source": "hub", "revision": "1"}, {"model": "m", "chat_template": "c"}, True),
        ({"base_model": "/a/m", "model_weights": "1"}, {"base_model": "/b/m", "model_weights": "1"}, False),
        ({"base_model": "/a/m", "on": "", "model_weights": "1"}, {"base_model": "/a/m", "on": "yarn,factor=2", "model_weights": "1"}, True),
        (
            {"base_model": "/a/m", "folded": {"method": "seal", "log": [1]}, "on": ""},
            {"base_model": "/a/m", "folded": "seal", "on": ""},
            False,
        ),
        ({}, {"base_model": "/a/m"}, False),
    ],
)
def test_sources(runs, ours, theirs, refused):
    """Of a folder that was moved and of one that an earlier version described, too."""
    pair = [told(run, model_source=own) for run, own in zip(runs, (ours, theirs), strict=True)]
    if not refused:
        return check_sources(pair)
    with pytest.raises(SealError, match="tiny-llama came from"):
        check_sources(pair)


def test_a_run_that_says_nothing_hides_no_other(runs):
    three = [told(runs[0]), told(runs[0], model_content="0" * 16), told(runs[1], model_content="1" * 16)]
    with pytest.raises(SealError, match="came from content=0000000000000000"):
        check_sources(three)


def test_another_commit_on_the_hub_is_said(runs):
    one, two = (told(run, sha=sha * 40) for run, sha in zip(runs, "ab", strict=True))
    assert "another commit on the hub" in other_files([one, two])[0] and not other_files([one, told(two, sha="a" * 40)])


def test_a_source_is_flat(tmp_path):
    """A folded checkpoint's card holds the adapter's card, with its log; results hold texts."""
    torch.manual_seed(0)
    card = {"folded": {"method": "seal", "log": [{"step": 1}]}, "on": "", "base_model": "org/m", "base_weights_differ": True, "n": [1]}
    write_json(tmp_path / CARD, card | {"adapter_sha256": "c" * 64})
    found = source(str(tmp_path))
    assert found == {"folded": "seal", "on": "", "base_model": "org/m", "base_weights_differ": "True", "adapter_sha256": "c" * 64}
    assert json.dumps(found) and source(str(tmp_path / "none")) == {}
