"""The cells' ids, and mistakes in a suite's adapters and maps of heads."""

import pytest
import yaml

from seal_eval.core.errors import SealError
from seal_eval.suite.plan import plan
from seal_eval.suite.state import note, state_of


def write(folder, model, **other):
    suite = {
        "name": "tiny", "models": [str(model)], "methods": ["plain", {"method": "seal", "adapter": "channel"}],
        "adapters": {"channel": {"task": "seal_lines", "recipe": "fixed", "length": 420, "samples": 2}},
        "tasks": [{"task": "seal_lines", "sizes": [450], "num_samples": 8}],
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite | other, sort_keys=False))
    return folder / "suite.yaml"


def ids(file, out):
    return [cell.ident for cell in plan(file, out)[1]]


@pytest.mark.parametrize("name", ["jürgen", 'a "b"', "日本\\x"])
def test_a_folder_of_any_name_can_be_moved(tmp_path, tiny_folder, name):
    file = write(tmp_path, tiny_folder)
    assert ids(file, tmp_path / name / "out") == ids(file, tmp_path / "plain")


def test_a_chat_template_is_what_it_says(tmp_path, tiny_folder, monkeypatch):
    """Ids do not depend on how the suite's file is addressed; editing the template changes those of all cells that use it."""
    model = {"pretrained": str(tiny_folder), "apply_chat_template": True, "chat_template": "t/turns.jinja"}
    file, out = write(tmp_path / "a", tiny_folder, models=[model]), tmp_path / "out"
    template = tmp_path / "a" / "t" / "turns.jinja"
    template.parent.mkdir()
    template.write_text("{% for m in messages %}[{{ m.content }}]{% endfor %}")
    before = ids(file, out)
    monkeypatch.chdir(tmp_path / "a")
    assert ids(file.relative_to(tmp_path / "a"), out) == before
    (first, *_) = cells = plan(file, out)[1]
    assert [cell.kind for cell in cells] == ["template", "tune", "run", "run"] and first.work["template"] == str(template)
    note(out, first, "done")
    template.write_text("{% for m in messages %}({{ m.content }}){% endfor %}")
    assert not {*ids(file, out)} & {*before}
    with pytest.raises(SealError, match="was run with other settings"):
        state_of(out, plan(file, out)[1][0])


@pytest.mark.parametrize(
    ("key", "entry", "message"),
    [
        ("adapters", {"task": "seal_linse"}, "task 'seal_linse' not found in seal_eval.tasks; did you mean 'seal_lines'?"),
        ("adapters", {"on": "yran,factor=4"}, "method 'yran' not found in seal_eval.baselines; did you mean 'yarn'?"),
        ("adapters", {"on": "yarn,factr=4"}, "did you mean 'factor'?"),
        ("adapters", {"on": 4}, "tuning: on is 4, must be text"),
        ("heads", {"task": "nope"}, "task 'nope' not found in seal_eval.tasks"),
        ("heads", {"samples": 0}, "samples is 0, must be a whole number of at least 1"),
        ("heads", {"length": "abc"}, "length is 'abc', must be a whole number of at least 1"),
        ("heads", {"lenght": 4}, "a map of heads has no setting 'lenght'; did you mean 'length'?"),
        ("heads", {"sweep": "no"}, "sweep is 'no', must be true or false"),
    ],
)
def test_what_is_made_first_is_checked(tmp_path, tiny_folder, key, entry, message):
    """Reported with all other mistakes, and with its line."""
    file = write(tmp_path, tiny_folder, methods=["plain", "sael"], **{key: {"one": entry}})
    with pytest.raises(SealError) as caught:
        plan(file, tmp_path / "out")
    line = 1 + file.read_text().splitlines().index("  one:")
    assert "did you mean 'seal'?" in str(caught.value)
    assert any(f"line {line}: {key}/one: " in said and message in said for said in str(caught.value).splitlines())


def test_a_bare_error_of_a_setting_has_its_line(tmp_path, tiny_folder):
    file = write(tmp_path, tiny_folder, models=[{"pretrained": str(tiny_folder), "args": {"max_length": "abc"}}])
    with pytest.raises(SealError, match=r"suite.yaml, line \d+: tasks/0: .*abc"):
        plan(file, tmp_path / "out")


def test_an_unknown_engine_hides_no_other_mistake(tmp_path):
    file = tmp_path / "suite.yaml"
    file.write_text(
        "name: bad\nengine: vllmm\nmodels: [no-such-model]\nmethods: [plain]\n"
        "tasks:\n  - {task: seal_lines, sizes: [600], num_samples: 2}\n"
    )
    with pytest.raises(SealError) as error:
        plan(file, tmp_path / "out")
    engine, model = str(error.value).splitlines()
    assert "line 2: engine: engine 'vllmm' is not a model class" in engine
    assert "line 3: models/0: model 'no-such-model' is no folder" in model


def test_a_device_that_no_machine_has(tmp_path, tiny_folder):
    """One that only this machine lacks is fine: the cells may run on another."""
    file = write(tmp_path, tiny_folder, device="gpu")
    with pytest.raises(SealError, match=r"suite.yaml, line \d+: device: device 'gpu' is not known; write one of cpu, cuda"):
        plan(file, tmp_path / "out")
    assert plan(write(tmp_path, tiny_folder, device="cuda:7"), tmp_path / "out")[1]
