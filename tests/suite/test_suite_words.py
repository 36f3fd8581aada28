"""What a suite file may say of batches, names, days and places of models, and what a dry run shows."""

import pytest
import yaml

from seal_eval.core.errors import SealError
from seal_eval.models.hub import resolve
from seal_eval.suite.commands import show_plan
from seal_eval.suite.estimate import cell_cost
from seal_eval.suite.plan import plan
from seal_eval.suite.state import note
from seal_eval.suite.yaml_lines import read_yaml

TUNED = {"task": "seal_lines", "recipe": "fixed", "length": 420, "samples": 2}
LINES = {"task": "seal_lines", "sizes": [900], "num_samples": 8, "questions_per_record": 8}


def write(folder, model, **other):
    suite = {"name": "tiny", "models": [model], "methods": ["plain"], "tasks": [LINES]}
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite | other, sort_keys=False))
    return folder / "suite.yaml"


def flags(cell):
    return dict(zip(cell.work["faster"][::2], cell.work["faster"][1::2], strict=True))


def test_batches(tmp_path, tiny_folder):
    suite, (auto,) = plan(write(tmp_path, str(tiny_folder), batch_size="auto"), tmp_path / "out")
    assert flags(auto) == {"--batch_size": "auto"}
    other, (two,) = plan(write(tmp_path, {"pretrained": str(tiny_folder), "batch_size": 2}, batch_size=4), tmp_path / "out")
    assert flags(two) == {"--batch_size": "2"} and two.ident == auto.ident
    assert cell_cost(other, two).seconds > cell_cost(suite, auto).seconds > 0  # auto is 8
    for wrong in (0, True, "8", "all"):
        with pytest.raises(SealError, match="batch_size: must be a whole number of at least 1, or auto"):
            plan(write(tmp_path, str(tiny_folder), batch_size=wrong), tmp_path / "out")
    with pytest.raises(SealError, match="models/0: batch_size has no effect with engine served"):
        plan(write(tmp_path, {"pretrained": "m", "batch_size": 2}, engine="served"), tmp_path / "out")


def test_a_number_as_a_name(tmp_path, tiny_folder):
    file = tmp_path / "suite.yaml"
    file.write_text(
        f"name: n\nmodels: [{tiny_folder}]\nadapters:\n  1: {TUNED}\nmethods:\n  - {{method: seal, adapter: 1}}\n"
        "tasks: [{task: seal_lines, sizes: [450], num_samples: 2}]\n"
    )
    tune, run = plan(file, tmp_path / "out")[1]
    assert run.needs == (tune.folder,)


def test_a_day_is_text(tmp_path, tiny_folder):
    file = tmp_path / "suite.yaml"
    file.write_text(
        f"name: n\nmodels: [{tiny_folder}]\nmethods: [plain]\n"
        "tasks: [{task: seal_lines, sizes: [450], num_samples: 2, date: 2026-11-28}]\n"
    )
    (cell,) = plan(file, tmp_path / "out")[1]
    assert cell.work["metadata"]["date"] == "2026-11-28"
    file.write_text("a: 2026-11-28 10:00:00\nb: 1e-3\nc: 2026")
    assert read_yaml(file)[0] == {"a": "2026-11-28 10:00:00", "b": 1e-3, "c": 2026}


def test_a_folder_that_is_not_there(tmp_path, tiny_folder, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "smollm2").symlink_to(tiny_folder)
    with pytest.raises(SealError, match=r"models/0: model 'models/smolm2' is neither a folder here.*did you mean 'models/smollm2'\?"):
        plan(write(tmp_path, "models/smolm2"), tmp_path / "out")
    with pytest.raises(SealError, match=r"models/0: model '\$SCRATCH/llama' is no folder here.*write \$… out"):
        plan(write(tmp_path, "$SCRATCH/llama"), tmp_path / "out")
    task = {**LINES, "tokenizer": str(tiny_folder)}
    assert plan(write(tmp_path, "owner/name", tasks=[task]), tmp_path / "out")[1]
    said = capsys.readouterr().err
    assert said.count("owner/name: taken as a name on the Hugging Face hub; not verified") == 1
    plan(write(tmp_path, "models/smollm2"), tmp_path / "out")
    assert "not verified" not in capsys.readouterr().err


@pytest.mark.parametrize("name", ["$SCRATCH/llama", "a b/c", "-a/b", "a//b"])
def test_no_hub_id(name):
    with pytest.raises(SealError, match="no hub id 'owner/name'"):
        resolve(name)


@pytest.mark.parametrize("name", ["meta-llama/Llama-3.1-8B", "01-ai/Yi-6B", "_x/y.z"])
def test_a_hub_id(name):
    assert resolve(name) == name


def test_a_dry_run_of_a_killed_suite(tmp_path, tiny_folder, capsys):
    out = tmp_path / "out"
    suite, cells = plan(write(tmp_path, str(tiny_folder)), out)
    note(out, cells[0], "running")
    show_plan(suite, cells, out)
    shown = capsys.readouterr().out
    assert "interrupted" in shown and "running" not in shown and [file.name for file in out.iterdir()] == ["cells"]


def test_a_folder_in_the_home_folder(tmp_path, tiny_folder, adapter, monkeypatch):
    """A run reads ~ as the home folder, so a plan does."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "scales").symlink_to(adapter)
    (tmp_path / "texts").mkdir()
    for n in range(20):
        (tmp_path / "texts" / f"{n}.txt").write_text("".join(f"Day {n} {i} was as warm as the one before it. " for i in range(99)))
    task = {"task": "seal_needle", "sizes": [450], "num_samples": 2, "haystack": "~/texts"}
    methods = [{"method": "seal", "adapter": "~/scales"}]
    assert plan(write(tmp_path, str(tiny_folder), tasks=[task], methods=methods), tmp_path / "out")[1]
