"""A suite's cells are known by what their files hold: other weights, adapters, maps or texts at the same path are other cells."""

import json
import os
import shutil

import pytest
import yaml

from seal_eval.core.errors import SealError
from seal_eval.core.files import write_json
from seal_eval.suite import cell_work
from seal_eval.suite.execute import work
from seal_eval.suite.plan import plan
from seal_eval.suite.state import note, note_of, state_of

from conftest import seal_eval, tiny_model


@pytest.fixture
def model(tmp_path, tiny_folder):
    """A copy of the tiny model that a test may change."""
    return shutil.copytree(tiny_folder, tmp_path / "model")


@pytest.fixture
def texts(tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "a.txt").write_text("The river is wide. Boats cross it at night. " * 400)
    return folder


def write(folder, model, **other):
    suite = {
        "name": "tiny", "models": [str(model)], "device": "cpu", "methods": ["plain"],
        "tasks": [{"task": "seal_lines", "sizes": [450], "num_samples": 2}],
    }  # fmt: skip
    file = folder / "suite.yaml"
    file.write_text(yaml.safe_dump(suite | other, sort_keys=False))
    return file


def ids(file, out):
    return [cell.ident for cell in plan(file, out)[1]]


def other_weights(model):
    tiny_model(seed=7).save_pretrained(model)


def change(name, old, new):
    def edit(model):
        file = model / name
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    return edit


@pytest.mark.parametrize(
    "edit",
    [
        other_weights,
        change("config.json", '"rms_norm_eps": 1e-06', '"rms_norm_eps": 1e-05'),
        change("tokenizer_config.json", '"eos_token": "</s>"', '"eos_token": "<s>"'),
        change("chat_template.jinja", "assistant", "helper"),
        lambda model: (model / "generation_config.json").unlink(),
    ],
)
def test_another_model_at_the_same_path(tmp_path, model, edit):
    file, out = write(tmp_path, model), tmp_path / "out"
    (before,) = ids(file, out)
    (model / "README.md").write_text("no reply depends on this")
    for part in model.iterdir():
        os.utime(part, ns=(1, 1))
    assert ids(file, out) == [before]
    edit(model)
    assert ids(file, out) != [before]


def test_files_that_settings_name(tmp_path, model, adapter, texts):
    """An adapter and a map given as folders, a haystack, a method's Python file: their content decides; that of a made adapter does not."""
    own, heads, code = shutil.copytree(adapter, tmp_path / "own"), tmp_path / "map", tmp_path / "mine.py"
    heads.mkdir()
    write_json(heads / "heads.json", {"gradient": [[0.1] * 4] * 3, "pruned": None})
    code.write_text(
        "from contextlib import nullcontext\nfrom dataclasses import dataclass\nfrom seal_eval.core.plugins import Method\n"
        "@dataclass(frozen=True)\nclass Mine(Method):\n    summary = 'mine'\n    citation = ''\n"
        "    def apply(self, model):\n        return nullcontext()\n"
    )
    entries = [{"method": "seal", "adapter": str(own)}, {"method": "rule", "heads": str(heads)}, f"{code}:Mine"]
    needle = {"task": "seal_needle", "sizes": [450], "num_samples": 2, "haystack": str(texts)}
    adapters = {"channel": {"task": "seal_lines", "recipe": "fixed", "length": 420, "samples": 2}}
    file, out = write(tmp_path, model, methods=[*entries, "plain"], tasks=[needle], adapters=adapters), tmp_path / "out"
    before = ids(file, out)
    (out / "made" / "model__channel").mkdir(parents=True)  # below the suite's folder: known by the ident of the cell that makes it
    assert ids(file, out) == before
    (own / "note.json").write_text("{}")
    assert [a == b for a, b in zip(ids(file, out), before, strict=True)] == [True, False, True, True, True]
    (heads / "heads.json").write_text("{}")
    code.write_text(code.read_text().replace("'mine'", "'ours'"))
    assert [a == b for a, b in zip(ids(file, out), before, strict=True)] == [True, False, False, False, True]
    (texts / "a.txt").write_text("The river is deep. Boats cross it at noon. " * 400)
    assert [a == b for a, b in zip(ids(file, out), before, strict=True)] == [True, False, False, False, False]


def test_files_below_the_home_folder(tmp_path, model, adapter, texts, monkeypatch):
    """They are known by what they hold too, wherever a suite names them: also inside of `on`."""
    monkeypatch.setenv("HOME", str(tmp_path))
    own = shutil.copytree(adapter, tmp_path / "own")
    shutil.copytree(model, tmp_path / "words")
    (tmp_path / "map").mkdir()
    write_json(tmp_path / "map" / "heads.json", {"gradient": [[0.1] * 4] * 3, "pruned": None})
    needle = {"task": "seal_needle", "sizes": [450], "num_samples": 2, "haystack": "~/texts"}
    adapters = {"channel": {"task": "seal_lines", "recipe": "fixed", "length": 420, "samples": 2, "on": "rule,heads=~/map"}}
    models = [{"pretrained": "~/model", "args": {"tokenizer": "~/words"}}]
    methods = ["plain", {"method": "seal", "adapter": "~/own"}]
    out = tmp_path / "out"
    runs = write(tmp_path, model, models=models, methods=methods, tasks=[needle])
    before = ids(runs, out)
    for edited, same in (
        (own, [True, False]),
        (texts, [False, False]),
        (tmp_path / "words", [False, False]),
        (tmp_path / "model", [False, False]),
    ):
        (edited / "more.txt").write_text("more")
        assert [a == b for a, b in zip(ids(runs, out), before, strict=True)] == same
        before = ids(runs, out)
    tunes = write(tmp_path, model, models=["~/model"], adapters=adapters)
    before = ids(tunes, out)
    (tmp_path / "map" / "more.txt").write_text("other")
    assert [a == b for a, b in zip(ids(tunes, out), before, strict=True)] == [False, True]


def test_what_a_run_needs_is_part_of_it(tmp_path, model):
    """Other settings of an adapter that the suite makes change the runs that use it, and no others."""
    out, methods = tmp_path / "out", ["plain", {"method": "seal", "adapter": "channel"}]

    def planned(samples):
        file = write(
            tmp_path,
            model,
            methods=methods,
            adapters={"channel": {"task": "seal_lines", "recipe": "fixed", "length": 420, "samples": samples}},
        )
        return {cell.label.split(" · ")[1]: cell.ident for cell in plan(file, out)[1]}

    one, two = planned(2), planned(3)
    assert {name for name in one if one[name] != two[name]} == {"tune channel", "seal,adapter=channel"}


def test_other_versions_of_the_tasks_are_other_cells(tmp_path, model, monkeypatch):
    file, out = write(tmp_path, model), tmp_path / "out"
    before = ids(file, out)
    monkeypatch.setattr("seal_eval.suite.identity.VERSION", -1)
    assert ids(file, out) != before


def test_other_weights_are_refused_after_a_run(tmp_path, model):
    file, out = write(tmp_path, model), tmp_path / "out"
    (cell,) = plan(file, out)[1]
    out.mkdir()
    assert work(out, cell) == ""
    assert "1 done" in seal_eval("suite", file, "--out", out).stdout
    (samples,) = out.rglob("samples_*.jsonl")
    first = samples.read_bytes()
    other_weights(model)
    said = seal_eval("suite", file, "--out", out, code=1).stderr
    assert "was run with another model" in said and str(model) in said and "give --out a new folder" in said
    assert samples.read_bytes() == first and len(list(out.rglob("samples_*.jsonl"))) == 1


def test_what_earlier_versions_ran_is_refused(tmp_path, model):
    file, out = write(tmp_path, model), tmp_path / "out"
    (cell,) = plan(file, out)[1]
    note(out, cell, "done")
    place = note_of(out, cell.folder)
    recorded = json.loads(place.read_text())
    del recorded["identity"]
    write_json(place, recorded | {"ident": "0123456789ab"})
    with pytest.raises(SealError, match="was run by an earlier version, which did not record what the files of the model held"):
        state_of(out, cell)


def test_lost_results_are_made_again(tmp_path, model):
    """A note says done, and its files are gone."""
    (cell,) = plan(write(tmp_path, model), tmp_path / "out")[1]
    note(tmp_path / "out", cell, "done")
    assert state_of(tmp_path / "out", cell)["state"] == "waiting"


@pytest.fixture
def tuned(tmp_path, model, adapter, monkeypatch):
    """(suite's folder, cell) of a tuned adapter that was made; the tuning itself is a copy."""
    file = write(tmp_path, model, adapters={"channel": {"task": "seal_lines", "recipe": "fixed", "length": 420, "samples": 2}})
    monkeypatch.setattr(cell_work, "_make", lambda _kind, _work, out: shutil.copytree(adapter, out))
    (cell, _), out = plan(file, tmp_path / "out")[1], tmp_path / "out"
    out.mkdir()
    assert work(out, cell) == "" and state_of(out, cell)["state"] == "done"
    return out, cell


def test_a_changed_adapter_is_refused(tuned):
    out, cell = tuned
    (out / cell.folder / "adapter_config.json").write_text("{}")
    with pytest.raises(SealError, match="was changed after the suite made it"):
        state_of(out, cell)


def test_an_adapter_of_other_settings_is_not_taken_over(tuned):
    """Its cell failed or was stopped after it was written; or its note is gone."""
    from dataclasses import replace

    out, cell = tuned
    note(out, cell, "failed", error="diverged", content=cell.content)
    with pytest.raises(SealError, match="was run with other settings"):
        state_of(out, replace(cell, ident="0123456789ab"))
    note_of(out, cell.folder).unlink()
    with pytest.raises(SealError, match="was not made by this suite"):
        state_of(out, cell)


def test_a_worker_with_another_model_fails(tmp_path, model):
    """As on a machine with another copy, or when the files change while the suite runs."""
    cells = plan(write(tmp_path, model), tmp_path / "out")[1]
    other_weights(model)
    (tmp_path / "out").mkdir()
    assert "are not those that the suite was planned with" in work(tmp_path / "out", cells[0])


def test_a_hub_id_is_known_by_its_commit(tmp_path, model, monkeypatch):
    """A new commit of the same id is another model, and refused in the same folder."""
    place = tmp_path / "hub" / "models--some--body"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))

    def publish(commit):
        shutil.copytree(model, place / "snapshots" / commit)
        (place / "refs").mkdir(exist_ok=True)
        (place / "refs" / "main").write_text(commit)

    from seal_eval.models.hub import content

    assert content("some/body") == ""
    publish("a" * 40)
    assert content("some/body") == "a" * 40
    publish("b" * 40)
    assert content("some/body") == "b" * 40 and content("some/body", "a" * 40) == "a" * 40
