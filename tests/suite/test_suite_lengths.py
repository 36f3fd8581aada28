"""Lengths in a suite that no sample has or that no window holds: found while it is planned, before anything is tuned."""

import json
import shutil

import pytest
import yaml

from seal_eval.core.errors import SealError
from seal_eval.suite import first_samples
from seal_eval.suite.plan import plan


def write(folder, model, task=(), **other):
    tasks = [{"task": "seal_lines", "sizes": [700], "num_samples": 4, **dict(task)}]
    suite = {"name": "tiny", "models": [model], "methods": ["plain"], "tasks": tasks}
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite | other, sort_keys=False))
    return folder / "suite.yaml"


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ({"sizes": [64]}, "length 64 cannot be filled with this tokenizer"),
        ({"sizes": [700, 64, 65]}, "length 65 cannot be filled with this tokenizer"),
        ({"sizes": [600], "thinking_tokens": 600, "think_end_token": "</think>"}, "length 600 cannot be filled"),
        ({"sizes": [600], "thinking_tokens": 30}, "neither the tokenizer nor its chat template has a token that ends the thinking"),
        ({"task": "seal_longeval_lines", "sizes": [10, 400]}, "400 lines make a prompt of "),
        ({"task": "seal_documents", "sizes": [500]}, "500 documents make a prompt of "),
        ({"task": "seal_longeval_topics", "sizes": [5000]}, "5000 topics are asked for"),
        ({"task": "seal_needle", "haystack": "nowhere"}, "haystack 'nowhere' is no folder"),
    ],
)
def test_lengths_of_tasks(tmp_path, tiny_folder, task, said):
    with pytest.raises(SealError, match="tasks/0: ") as caught:
        plan(write(tmp_path, str(tiny_folder), task), tmp_path / "out")
    assert said in str(caught.value)


def test_a_haystack_that_is_too_small_for_the_longest(tmp_path, tiny_folder):
    (tmp_path / "texts").mkdir()
    for n in range(6):
        (tmp_path / "texts" / f"{n}.txt").write_text("".join(f"Day {n} {i} was as warm as the one before it. " for i in range(24)))
    task = {"task": "seal_needle", "sizes": [400, 1900], "num_samples": 2, "haystack": str(tmp_path / "texts")}
    with pytest.raises(SealError, match="1900") as caught:
        plan(write(tmp_path, str(tiny_folder), task), tmp_path / "out")
    assert "400" not in str(caught.value).replace("1900", "")


@pytest.mark.parametrize(
    ("made", "entry", "said"),
    [
        ("heads", {"length": 90_000}, "samples of 90000 tokens do not fit the window"),
        ("heads", {"length": 50}, "length 50 cannot be filled"),
        ("heads", {"task": "seal_longeval_lines", "length": 400}, "do not fit the window of 2048"),
        ("adapters", {"recipe": "fixed", "length": 50}, "length 50 cannot be filled"),
        ("adapters", {"task": "seal_longeval_lines", "recipe": "fixed", "length": 400}, "do not fit the window of 2048"),
        ("adapters", {"on": "linear,factor=2", "length": 9000}, "samples of 9000 tokens do not fit the window"),
    ],
)
def test_lengths_of_what_is_made_first(tmp_path, tiny_folder, made, entry, said):
    with pytest.raises(SealError, match=f"{made}/one: ") as caught:
        plan(write(tmp_path, str(tiny_folder), **{made: {"one": entry}}), tmp_path / "out")
    assert said in str(caught.value)


def test_lengths_that_fit(tmp_path, tiny_folder):
    adapters = {
        "longer": {"on": "linear,factor=2", "length": 4000, "samples": 2},
        "parts": {"task": "seal_lines", "length": 700, "samples": 2},  # a quarter of it is too short, and tuning leaves it out
    }
    assert len(plan(write(tmp_path, str(tiny_folder), adapters=adapters), tmp_path / "out")[1]) == 3


def test_a_window_that_only_our_engine_knows(tmp_path, tiny_folder):
    """FastChat's models name it in max_sequence_length; a run uses it, so a plan does."""
    folder = tmp_path / "model"
    shutil.copytree(tiny_folder, folder)
    config = json.loads((folder / "config.json").read_text()) | {"max_position_embeddings": 1000, "max_sequence_length": 4000}
    (folder / "config.json").write_text(json.dumps(config))
    (cell,) = plan(write(tmp_path, str(folder), {"sizes": [1500]}), tmp_path / "out")[1]
    assert "max_length" not in cell.work["argv"][3]
    with pytest.raises(SealError, match="length 1500 is above the model's window of 1000 tokens"):
        plan(write(tmp_path, str(folder), {"sizes": [1500]}, engine="hf"), tmp_path / "out")


def test_a_template_of_the_suite_counts(tmp_path, tiny_folder):
    """Samples are built with it, although the model's folder has another."""
    (tmp_path / "long.jinja").write_text("{% for m in messages %}" + "A chat. " * 300 + "{{ m.content }}{% endfor %}")
    model = {"pretrained": str(tiny_folder), "apply_chat_template": True, "chat_template": "long.jinja"}
    with pytest.raises(SealError, match="tasks/0: seal_lines: length 700 cannot be filled"):
        plan(write(tmp_path, model), tmp_path / "out")


def test_a_template_that_cannot_be_read_is_named_where_it_stands(tmp_path, tiny_folder):
    (tmp_path / "latin.jinja").write_bytes("{{ 'grüß dich' }}".encode("latin-1"))
    model = {"pretrained": str(tiny_folder), "apply_chat_template": True, "chat_template": "latin.jinja"}
    with pytest.raises(SealError, match=r"^[^\n]*, line \d+: models/0: [^\n]*latin\.jinja: not UTF-8[^\n]*$"):
        plan(write(tmp_path, model), tmp_path / "out")


def test_first_samples_are_built_with_the_models_revision(tmp_path, tiny_folder, monkeypatch):
    """As its runs build theirs: another revision may have another tokenizer."""
    seen, load = [], first_samples.load_tokenizer
    monkeypatch.setattr(first_samples, "load_tokenizer", lambda name, **options: seen.append(options) or load(name, **options))
    models = [str(tiny_folder), {"pretrained": str(tiny_folder), "name": "other", "args": {"revision": "v1"}}]
    plan(write(tmp_path, "", models=models), tmp_path / "out")
    assert [options.get("revision") for options in seen] == ["", "v1"]
