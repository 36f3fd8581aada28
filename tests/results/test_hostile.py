"""Readers of foreign files: any bytes result in a value or in one clear error."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from seal_eval.baselines.rule import read_map
from seal_eval.core.errors import SealError
from seal_eval.models.adapters import adapter_tensors, load_scales
from seal_eval.models.loading import load_model
from seal_eval.results.longeval_replies import rescore
from seal_eval.results.records import load_runs

from conftest import seal_eval, tiny_model

ODD = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats()
    | st.text(max_size=12)
    | st.just([])
    | st.just({})
    | st.just([[{}]])
)
FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def places(value, at=()):
    """Yield the path of every part of a JSON value (of a list, the first two items)."""
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for key, one in items:
        yield from places(one, (*at, key))


def changed(value, at, odd, drop):
    """Return a copy of the value with `odd` at the path `at`, or without that key if `drop`."""
    if not at:
        return odd
    copy = json.loads(json.dumps(value))
    inner = copy
    for key in at[:-1]:
        inner = inner[key]
    if drop and isinstance(inner, dict):
        del inner[at[-1]]
    else:
        inner[at[-1]] = odd
    return copy


def read_or_refused(read, name):
    try:
        read()
    except SealError as error:
        assert str(name) in str(error) and "\n" not in str(error).strip()


@pytest.fixture(scope="module")
def one_run(results, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile") / "run"
    shutil.copytree(results / "tiny-llama__seal", folder)
    return folder


@FUZZ
@given(data=st.data())
@pytest.mark.parametrize("foreign", [False, True])
def test_results_changed_anywhere(one_run, tmp_path_factory, foreign, data):
    folder = tmp_path_factory.mktemp("r") / "run"
    shutil.copytree(one_run, folder)
    kind = data.draw(st.sampled_from(["results_*.json", "samples_seal_lines_*.jsonl"]))
    (file,) = folder.glob(kind)
    lines = file.read_text().splitlines() if kind.startswith("samples") else [file.read_text()]
    value = json.loads(lines[0])
    at = data.draw(st.sampled_from(sorted(places(value), key=str)))
    lines[0] = json.dumps(changed(value, at, data.draw(ODD), data.draw(st.booleans())))
    file.write_text("\n".join(lines) + "\n")
    read_or_refused(lambda: load_runs(folder, foreign=foreign), folder)


@FUZZ
@given(where=st.floats(0, 1), raw=st.binary(max_size=8), kind=st.sampled_from(["results_*.json", "samples_seal_needle_*.jsonl"]))
def test_results_with_other_bytes(one_run, tmp_path_factory, where, raw, kind):
    folder = tmp_path_factory.mktemp("b") / "run"
    shutil.copytree(one_run, folder)
    (file,) = folder.glob(kind)
    whole = file.read_bytes()
    at = int(where * len(whole))
    file.write_bytes(whole[:at] + raw + whole[at + len(raw) :] if raw else whole[:at])
    read_or_refused(lambda: load_runs(folder), folder)


@FUZZ
@given(raw=st.binary(max_size=300), name=st.sampled_from(["adapter_model.safetensors", "adapter_config.json"]))
def test_adapters_of_any_bytes(adapter, tmp_path_factory, raw, name):
    folder = shutil.copytree(adapter, tmp_path_factory.mktemp("a") / "adapter")
    (folder / name).write_bytes(raw)
    read_or_refused(lambda: adapter_tensors(str(folder)), folder)


@FUZZ
@given(data=st.data())
def test_adapter_configurations_changed_anywhere(adapter, tmp_path_factory, data):
    folder = shutil.copytree(adapter, tmp_path_factory.mktemp("c") / "adapter")
    value = json.loads((folder / "adapter_config.json").read_text())
    at = data.draw(st.sampled_from(sorted(places(value), key=str)))
    (folder / "adapter_config.json").write_text(json.dumps(changed(value, at, data.draw(ODD), False)))
    read_or_refused(lambda: load_scales(str(folder), tiny_model()), folder)


@FUZZ
@given(
    value=st.dictionaries(
        st.sampled_from(["gradient", "pruned", "x"]), ODD | st.lists(st.lists(st.floats() | st.integers(), max_size=3), max_size=3)
    )
)
def test_maps_of_heads(tmp_path_factory, value):
    from seal_eval.baselines.rule import Rule

    folder = tmp_path_factory.mktemp("m")
    (folder / "heads.json").write_text(json.dumps(value))

    def use():
        with Rule(str(folder)).apply(tiny_model()):
            pass

    read_or_refused(lambda: read_map(str(folder)), folder)
    read_or_refused(use, folder)


@FUZZ
@given(raw=st.binary(max_size=200))
def test_responses_of_any_bytes(tmp_path_factory, raw):
    file = tmp_path_factory.mktemp("x") / "responses.txt"
    file.write_bytes(raw)
    read_or_refused(lambda: rescore(file), file)


@pytest.mark.parametrize("damage", ["nan", "inf", "shape", "pickle", "cut"])
def test_damaged_checkpoints(tiny_folder, tmp_path, damage):
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    file = folder / "model.safetensors"
    tensors = load_file(file)
    name = "model.layers.1.mlp.up_proj.weight"
    if damage in ("nan", "inf"):
        tensors[name][3, 4] = float(damage)
    if damage == "shape":
        tensors[name] = torch.zeros(5, 7)
    save_file(tensors, file, metadata={"format": "pt"})
    if damage == "pickle":
        torch.save(tensors, folder / "pytorch_model.bin")
        file.unlink()
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-100])
    args = ("--tasks", "seal_lines", "--metadata", '{"lengths": [450], "num_samples": 1}', "--device", "cpu")
    done = seal_eval("run", "--model_args", f"pretrained={folder}", *args, "--output_path", tmp_path / "out", code=1)
    errors = [line for line in done.stderr.splitlines() if line.startswith("seal-eval: ")]
    assert len(errors) == 1 and "Traceback" not in done.stderr and str(folder) in errors[0]
    assert {"nan": f"{name} are not finite", "inf": f"{name} are not finite", "shape": "size"}.get(damage, "could not be loaded") in errors[
        0
    ]
    with pytest.raises(SealError, match="model"):
        load_model(str(folder))


def test_links_out_of_the_results_folder(results, tmp_path):
    folder = shutil.copytree(results, tmp_path / "results")
    file = next(folder.rglob("samples_seal_lines_*.jsonl"))
    shutil.move(file, tmp_path / "secret.jsonl")
    file.symlink_to(tmp_path / "secret.jsonl")
    with pytest.raises(SealError, match="is a link to a place outside of"):
        load_runs(folder)
    with pytest.raises(SealError, match="is a link to a place outside of"):
        load_runs(folder, foreign=True)


@pytest.mark.parametrize("name", ["../../etc/passwd", "..", "/etc/passwd", "a/b", "seal_lines/../x", "con\x01"])
def test_names_that_are_paths(one_run, tmp_path, name):
    """A task, model or method may have any name; no file outside of the output folder is touched."""
    folder = shutil.copytree(one_run, tmp_path / "in" / "run")
    (file,) = folder.glob("results_*.json")
    data = json.loads(file.read_text())
    data["results"][name] = data["results"]["seal_lines"]
    data["config"]["seal_eval"] |= {"model": name, "method": name}
    file.write_text(json.dumps(data))
    read_or_refused(lambda: load_runs(folder, foreign=True), folder)
    data["results"].pop(name)
    file.write_text(json.dumps(data))
    before = {p for p in tmp_path.rglob("*") if "out" not in p.parts}
    try:
        seal_eval("site", folder, "--out", tmp_path / "out", "--baseline", name, code=0)
    except AssertionError as refused:  # a clear error is fine too
        assert "seal-eval: " in str(refused) and "Traceback" not in str(refused)
    assert {p for p in tmp_path.rglob("*") if "out" not in p.parts} == before
    assert not (Path("/etc") / "passwd.html").exists()
