"""Entries of a suite file: nothing that a user wrote is dropped or overridden, and no cell's end is taken for another's."""

import json

import pytest
import yaml

from seal_eval.core.errors import SealError
from seal_eval.core.files import CARD, write_json
from seal_eval.suite import execute
from seal_eval.suite.cell_work import perform
from seal_eval.suite.commands import show_plan
from seal_eval.suite.plan import plan
from seal_eval.suite.state import state_of
from seal_eval.suite.status import status
from seal_eval.suite.yaml_lines import read_yaml

TUNED = {"channel": {"task": "seal_lines", "recipe": "fixed", "length": 420, "samples": 2}}


def write(folder, model, **other):
    suite = {"name": "tiny", "models": [model], "methods": ["plain"], "tasks": [{"task": "seal_lines", "sizes": [450], "num_samples": 8}]}
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite | other, sort_keys=False))
    return folder / "suite.yaml"


@pytest.mark.parametrize(("key", "value", "remedy"), [
    ("revision", "v2", "hf download"), ("dtype", "float32", "write dtype beside args"), ("tokenizer", "other", "name its folder"),
])  # fmt: skip
def test_arguments_that_only_runs_would_obey(tmp_path, tiny_folder, key, value, remedy):
    model = {"pretrained": str(tiny_folder), "args": {key: value}}
    with pytest.raises(
        SealError, match=f"line 3: models/0: args: {key} holds for the runs alone, while the suite makes adapters"
    ) as caught:
        plan(write(tmp_path, model, adapters=TUNED), tmp_path / "out")
    assert remedy in str(caught.value)
    if key != "tokenizer":
        plan(write(tmp_path, model), tmp_path / "out")


def test_arguments_that_making_an_adapter_obeys(tmp_path, tiny_folder):
    model = {"pretrained": str(tiny_folder), "args": {"trust_remote_code": True, "device_map": "auto"}}
    tune, run = plan(write(tmp_path, model, adapters=TUNED), tmp_path / "out")[1]
    assert tune.work["load"] == model["args"] and '"trust_remote_code": true' in run.work["argv"][3]


@pytest.mark.parametrize(("key", "value"), [("lengths", [500]), ("chat_template", True), ("system_instruction", "Be brief.")])
def test_a_tasks_settings_that_the_suite_decides(tmp_path, tiny_folder, key, value):
    task = {"task": "seal_lines", "sizes": [450], "num_samples": 8, key: value}
    with pytest.raises(SealError, match=f"tasks/0: {key} is not set here but by"):
        plan(write(tmp_path, str(tiny_folder), tasks=[task]), tmp_path / "out")


@pytest.mark.parametrize(("method", "said"), [
    ({"method": "linear", "factor": 2.0, "sizes": [540]}, "methods/0: sizes: no task has the size 540"),
    ({"method": "linear", "factor": 2.0, "sizes": []}, "methods/0/sizes: "),
    ({"method": "linear", "factor": [2.0]}, r"factor is \[2.0\], must be a single value"),
])  # fmt: skip
def test_a_method_that_would_vanish(tmp_path, tiny_folder, method, said):
    with pytest.raises(SealError, match=said):
        plan(write(tmp_path, str(tiny_folder), methods=[method]), tmp_path / "out")


def test_a_window_is_checked_before_tuning(tmp_path, tiny_folder):
    adapters = {"long": {"task": "seal_lines", "length": 90_000}}
    with pytest.raises(SealError, match="adapters/long: samples of 90000 tokens do not fit the window"):
        plan(write(tmp_path, str(tiny_folder), adapters=adapters), tmp_path / "out")


def test_folders_with_the_names_of_methods_and_tasks(tmp_path, tiny_folder, monkeypatch):
    """They are no part of a cell: a clone of this project in the working folder does not stop a suite."""
    monkeypatch.chdir(tmp_path)
    file = write(tmp_path, str(tiny_folder), methods=["plain", {"method": "seal", "adapter": "channel"}], adapters=TUNED)
    before = [cell.ident for cell in plan(file, tmp_path / "out")[1]]
    for name in ("seal", "plain", "seal_lines", "auto", "fixed", "cpu"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    assert [cell.ident for cell in plan(file, tmp_path / "out")[1]] == before


def test_an_engine_that_we_know_nothing_about(tmp_path, tiny_folder):
    """`tokenizer` is needed for the lengths of our tasks only."""
    with pytest.raises(SealError, match="pass --metadata tokenizer=FOLDER_OR_HUB_ID"):
        plan(write(tmp_path, "some-model", engine="dummy"), tmp_path / "out")
    task = {"task": "seal_lines", "sizes": [450], "num_samples": 8, "tokenizer": str(tiny_folder)}
    (cell,) = plan(write(tmp_path, "some-model", engine="dummy", tasks=[task]), tmp_path / "out")[1]
    assert cell.work["argv"][:2] == ["--model", "dummy"]


@pytest.mark.parametrize(("text", "value"), [("1e-3", 1e-3), ("5E2", 500.0), ("2.e1", 20.0), ("1e", "1e"), ("e5", "e5"), ("0x1e3", 483)])
def test_numbers_with_exponents(tmp_path, text, value):
    (tmp_path / "a.yaml").write_text(f"lr: {text}")
    assert read_yaml(tmp_path / "a.yaml")[0] == {"lr": value}


def test_a_plan_whose_cost_is_unknown(tmp_path, tiny_folder, capsys, monkeypatch):
    suite, cells = plan(write(tmp_path, str(tiny_folder)), tmp_path / "out")
    monkeypatch.setattr("seal_eval.suite.estimate.shape", lambda model: 1 / 0)
    show_plan(suite, cells, tmp_path / "out")
    assert "without 1 that cannot be estimated" in " ".join(capsys.readouterr().out.split())


def leaves(cell):
    raise SystemExit(2)


def test_a_cell_that_exits_has_failed(tmp_path, tiny_folder, monkeypatch):
    (cell,) = plan(write(tmp_path, str(tiny_folder)), tmp_path)[1]
    monkeypatch.setattr(execute, "perform", leaves)
    assert "it ended with status 2; see" in execute.work(tmp_path, cell)
    assert state_of(tmp_path, cell)["state"] == "failed"


def test_a_system_prompt_that_looks_like_a_flag(tmp_path, tiny_folder):
    model = {"pretrained": str(tiny_folder), "apply_chat_template": False, "system_instruction": "-Antworte kurz"}
    (cell,) = plan(write(tmp_path, model), tmp_path / "out")[1]
    assert "--system_instruction=-Antworte kurz" in cell.work["argv"]


def fails_to_tune(out, cell):
    error = "tuning diverged" if cell.kind == "tune" else ""
    execute.note(out, cell, "failed" if error else "done", error=error)
    return error


def test_what_needs_a_failed_adapter_does_not_run(tmp_path, tiny_folder, monkeypatch, capsys):
    file = write(tmp_path, str(tiny_folder), methods=["plain", {"method": "seal", "adapter": "channel"}], adapters=TUNED)
    suite, cells = plan(file, tmp_path / "out")
    monkeypatch.setattr(execute, "work", fails_to_tune)
    assert execute.run_suite(suite, cells, tmp_path / "out") == 2
    assert "not run, because 'tiny-llama · tune channel' failed" in capsys.readouterr().err
    assert [cell.state for cell in status(tmp_path / "out")[1]].count("failed") == 2


def test_a_diverged_adapter_is_not_made_by_asking_again(tmp_path, tiny_folder):
    tune = plan(write(tmp_path, str(tiny_folder), adapters=TUNED), tmp_path / "out")[1][0]
    folder = tmp_path / "out" / tune.folder
    folder.mkdir(parents=True)
    write_json(folder / CARD, {"diverged": "tuning diverged at step 3 of 9; lower --lr from 1"})
    with pytest.raises(SealError, match=r"diverged at step 3 of 9; lower --lr from 1; remove .* before you tune again"):
        perform(tune)


@pytest.mark.parametrize(("key", "value", "others"), [("batch_size", 1, ["--device", "cpu"]), ("device", "cuda:1", ["--batch_size", "8"])])
def test_flags_among_a_models_arguments(tmp_path, tiny_folder, key, value, others):
    """lm-eval takes them as flags only. The suite's own value holds for the other models, unless it is given too."""
    model = {"pretrained": str(tiny_folder), "args": {key: value}}
    more = {"device": "cpu"} if key == "batch_size" else {}
    (cell,) = plan(write(tmp_path, model, **more), tmp_path / "out")[1]
    assert key not in json.loads(cell.work["argv"][3])
    assert sorted(cell.work["faster"]) == sorted([f"--{key}", str(value), *others])
    (plain,) = plan(write(tmp_path, str(tiny_folder), **more), tmp_path / "out")[1]
    assert plain.ident == cell.ident  # they change no result
    with pytest.raises(SealError, match=f"args: {key} is {value}, and the suite's {key} is .*; give one of them"):
        plan(write(tmp_path, model, **{key: {"batch_size": 4, "device": "cpu"}[key]}), tmp_path / "out")


@pytest.mark.parametrize("engine", ["hf", "vllm"])
def test_types_of_weights_that_the_engine_has(tmp_path, tiny_folder, engine):
    for entry in ({"dtype": "4bit"}, {"args": {"dtype": "8bit"}}):
        plan(write(tmp_path, {"pretrained": str(tiny_folder), **entry}), tmp_path / "out")
        with pytest.raises(SealError, match=f"models/0: --model {engine}: dtype .bit is a type of --model seal alone"):
            plan(write(tmp_path, {"pretrained": str(tiny_folder), "engine": engine, **entry}), tmp_path / "out")
