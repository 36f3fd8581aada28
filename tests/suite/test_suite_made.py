"""Adapters and maps of heads that a suite makes first: with the model's settings, for the models that need them, on its device."""

import json

import pytest
import yaml

from seal_eval.core.errors import SealError
from seal_eval.core.files import CARD, MAP, write_json
from seal_eval.suite import execute
from seal_eval.suite.cell_work import perform, placed
from seal_eval.suite.plan import plan
from seal_eval.suite.state import note, state_of

TUNED = {"channel": {"task": "seal_lines", "recipe": "fixed", "length": 420, "samples": 2}}
MAPPED = {"map": {"task": "seal_lines", "length": 500, "samples": 1, "sweep": False}}


def write(folder, models, **other):
    suite = {"name": "tiny", "models": models, "methods": ["plain"], "tasks": [{"task": "seal_lines", "sizes": [600], "num_samples": 4}]}
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite | other, sort_keys=False))
    return folder / "suite.yaml"


def test_a_map_has_the_prompts_of_its_model(tmp_path, tiny_folder):
    plain, chat = (str(tiny_folder), {"pretrained": str(tiny_folder), "apply_chat_template": True, "system_instruction": "Be brief."})
    (without, _), (made, _) = (plan(write(tmp_path, [model], heads=MAPPED), tmp_path / "out")[1] for model in (plain, chat))
    assert not {"chat", "system", "dtype"} & without.work["spec"].keys()  # as before there were such settings, so the ident is the same
    assert (made.work["spec"]["chat"], made.work["spec"]["system"]) == (True, "Be brief.") and made.ident != without.ident
    perform(made)
    found = json.loads((tmp_path / "out" / made.folder / MAP).read_text())
    assert (found["chat"], found["system"], found["dtype"]) == (True, "Be brief.", "auto")


def test_a_map_in_another_type(tmp_path, tiny_folder):
    own = {"map": MAPPED["map"] | {"dtype": "bfloat16"}}
    made = plan(write(tmp_path, [{"pretrained": str(tiny_folder), "dtype": "float32"}], heads=own), tmp_path / "out")[1][0]
    assert made.work["spec"]["dtype"] == "bfloat16"
    own["map"]["dtype"] = "int7"
    with pytest.raises(SealError, match="heads/map: a map of heads: dtype is 'int7', must be auto or float32"):
        plan(write(tmp_path, [str(tiny_folder)], heads=own), tmp_path / "out")


@pytest.mark.parametrize("args", [{"enable_thinking": False}, {"add_bos_token": True}])
def test_prompts_that_only_runs_would_have(tmp_path, tiny_folder, args):
    model, (key,) = {"pretrained": str(tiny_folder), "args": args}, args
    plan(write(tmp_path, [model]), tmp_path / "out")
    for made in ({"adapters": TUNED}, {"heads": MAPPED}):
        with pytest.raises(SealError, match=f"models/0: args: {key} holds for the runs alone, while the suite makes {next(iter(made))}"):
            plan(write(tmp_path, [model], **made), tmp_path / "out")


def test_the_device_of_the_suite(tmp_path, tiny_folder):
    file = write(tmp_path, [str(tiny_folder)], adapters=TUNED, heads=MAPPED, device="cuda:1")
    made = plan(file, tmp_path / "out")[1][:2]
    assert [placed(cell.work) for cell in made] == [{"device_map": '{"": "cuda:1"}'}] * 2
    idents = [cell.ident for cell in made]
    file = write(tmp_path, [str(tiny_folder)], adapters=TUNED, heads=MAPPED)
    assert [cell.ident for cell in plan(file, tmp_path / "out")[1][:2]] == idents
    model = {"pretrained": str(tiny_folder), "args": {"device_map": "auto"}}
    (made, *_) = plan(write(tmp_path, [model], adapters=TUNED, device="cuda:1"), tmp_path / "out")[1]
    assert placed(made.work) == {"device_map": "auto"}


def test_an_adapter_is_made_where_a_method_uses_it(tmp_path, tiny_folder):
    models = [{"pretrained": str(tiny_folder)}, {"pretrained": str(tiny_folder), "name": "reference", "methods": ["plain"]}]
    methods = ["plain", {"method": "seal", "adapter": "channel"}]
    cells = plan(write(tmp_path, models, adapters=TUNED, methods=methods), tmp_path / "out")[1]
    assert [cell.kind for cell in cells] == ["tune", "run", "run", "run"]
    cells = plan(write(tmp_path, models, adapters=TUNED), tmp_path / "out")[1]  # of no method: the adapter itself is wanted
    assert [cell.kind for cell in cells] == ["tune", "tune", "run", "run"]


def test_a_type_that_nothing_is_tuned_in(tmp_path, tiny_folder):
    model = {"pretrained": str(tiny_folder), "dtype": "float16"}
    with pytest.raises(SealError, match=r"adapters/channel: dtype 'float16' of .* is none to tune in; write dtype here: auto, float32"):
        plan(write(tmp_path, [model], adapters=TUNED), tmp_path / "out")
    (tune, _) = plan(write(tmp_path, [model], adapters={"channel": TUNED["channel"] | {"dtype": "float32"}}), tmp_path / "out")[1]
    assert tune.work["spec"]["dtype"] == "float32"


def test_other_settings_replace_an_adapter_that_diverged(tmp_path, tiny_folder, monkeypatch):
    out, seen = tmp_path / "out", []
    first = plan(write(tmp_path, [str(tiny_folder)], adapters=TUNED), out)[1][0]
    (out / first.folder).mkdir(parents=True)
    write_json(out / first.folder / CARD, {"diverged": "tuning diverged at step 3 of 9; lower --lr from 1"})
    note(out, first, "failed", error="tuning diverged")
    assert state_of(out, first)["state"] == "failed"  # the same settings fail again
    suite, cells = plan(write(tmp_path, [str(tiny_folder)], adapters={"channel": TUNED["channel"] | {"lr": 0.001}}), out)
    assert state_of(out, cells[0])["state"] == "waiting" and (out / first.folder).is_dir()

    def look(place, waiting, _):
        seen.extend((cell.kind, (place / cell.folder).exists()) for cell in waiting)
        return iter(())

    monkeypatch.setattr(execute, "_local", look)
    execute.run_suite(suite, cells, out)
    assert seen == [("tune", False), ("run", False)]
