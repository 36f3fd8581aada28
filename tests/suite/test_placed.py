"""Folders of cells: names that readers of a suite accept, the same as ever unless they would be too long; and machines of a cluster."""

from pathlib import Path

import pytest
import yaml

from seal_eval.core.errors import SealError
from seal_eval.core.names import safe
from seal_eval.results.absent import LONGEST_FOLDER, LONGEST_NAME, note_of, plan_in
from seal_eval.suite import execute
from seal_eval.suite.execute import _check_nodes
from seal_eval.suite.placed import method_name
from seal_eval.suite.plan import plan
from seal_eval.suite.schema import MethodEntry, Suite
from seal_eval.suite.status import status


def write(folder, model, **other):
    suite = {"name": "tiny", "models": [model], "methods": ["plain"], "tasks": [{"task": "seal_lines", "sizes": [450], "num_samples": 8}]}
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite | other, sort_keys=False))
    return folder / "suite.yaml"


def test_a_long_name_is_cut_and_read_again(tmp_path, tiny_folder, monkeypatch):
    """Two methods that differ in their last setting only keep a folder each; a short one keeps the folder that it had."""
    model = tmp_path / ("m" * 60)
    model.symlink_to(tiny_folder)
    long = {"method": "self_extend", "group": 4, "neighbours": 64, "flash": "x" * 90}
    names = ["x" * 90, "x" * 89 + "y"]
    monkeypatch.setattr("seal_eval.suite.plan.check_method", lambda *_: None)
    monkeypatch.setattr("seal_eval.suite.run_cells._settings", lambda *_: {})
    methods = ["plain", *({**long, "flash": name} for name in names)]
    suite, cells = plan(write(tmp_path, str(model), methods=methods), tmp_path / "out")
    assert cells[0].folder == f"runs/seal_lines-450/plain/{'m' * 60}__plain"
    assert len({cell.folder for cell in cells}) == 3 and all(len(cell.folder.encode()) <= LONGEST_FOLDER for cell in cells)
    assert Path(cells[1].work["out"]) == (tmp_path / "out" / cells[1].folder).parent
    monkeypatch.setattr(execute, "_local", lambda out, cells, workers: ((cell, "") for cell in cells))
    assert execute.run_suite(suite, cells, tmp_path / "out") == 0
    assert [c["planned"][0] for c in plan_in(tmp_path / "out")["cells"]] == [cell.planned[0] for cell in cells]
    assert len(status(tmp_path / "out")[1]) == 3


def test_names_in_other_scripts_are_cut_by_their_bytes(tmp_path, tiny_folder, monkeypatch):
    monkeypatch.setattr("seal_eval.suite.plan.check_method", lambda *_: None)
    monkeypatch.setattr("seal_eval.suite.run_cells._settings", lambda *_: {})
    (tmp_path / "模型").symlink_to(tiny_folder)
    methods = [{"method": "self_extend", "group": 4, "neighbours": 64, "flash": "適配器" * 30 + end} for end in "甲乙"]
    cells = plan(write(tmp_path, str(tmp_path / "模型"), methods=methods), tmp_path / "out")[1]
    assert len({cell.folder for cell in cells}) == 2 and all(len(cell.folder.encode()) <= LONGEST_FOLDER for cell in cells)
    assert all(cell.folder.startswith("runs/seal_lines-450/self_ex") and cell.folder.endswith("/模型__self_extend") for cell in cells)


def test_names_of_methods():
    assert safe("x" * 300) == "x" * 300  # no path has a part as long
    assert method_name(MethodEntry(method="seal", adapter="/a/b/model__channel", n=2)) == "seal,adapter=channel,n=2"
    long = [method_name(MethodEntry(method="m", text=("x" * 400) + end)) for end in "ab"]
    assert long[0] != long[1] and {len(name) for name in long} == {LONGEST_NAME}
    with pytest.raises(SealError, match="cannot be printed; write the settings in one line"):
        method_name(MethodEntry(method="m", text="a\nb"))


def test_a_model_whose_name_is_too_long_is_refused_in_the_plan(tmp_path, tiny_folder):
    model = tmp_path / ("m" * 180)
    model.symlink_to(tiny_folder)
    with pytest.raises(
        SealError, match=r"its folder runs/.* would have a name of \d+ bytes, at most 200 are read; give the model's folder"
    ):
        plan(write(tmp_path, str(model)), tmp_path / "out")


def test_a_cell_that_cannot_note_its_state_has_failed(tmp_path, tiny_folder, monkeypatch):
    """The others go on."""
    (cell,) = plan(write(tmp_path, str(tiny_folder)), tmp_path / "out")[1]
    note_of(tmp_path / "out", cell.folder).mkdir(parents=True)
    monkeypatch.setattr(execute, "perform", lambda cell: {})
    assert execute.work(tmp_path / "out", cell).startswith("its state cannot be written: ")


def node(cpus, gpus=0, alive=True):
    return {"Alive": alive, "Resources": {"CPU": cpus, **({"GPU": gpus} if gpus else {}), "memory": 1.0}}


def suite_of(**reserved):
    return Suite(name="s", models=["m"], methods=["plain"], tasks=[{"task": "seal_lines"}], **reserved)


def test_cells_that_no_machine_can_hold(capsys):
    """Each machine counts alone: two of them hold no cell together."""
    nodes = [node(4.0), node(2.0, 1.0), node(64.0, 8.0, alive=False)]
    for reserved in ({"cpus": 5}, {"gpus": 2}, {"cpus": 3, "gpus": 1}):
        with pytest.raises(SealError, match=r"no machine of the Ray cluster can hold a cell of cpus: .*2 CPUs with 1 GPUs and 4 CPUs"):
            _check_nodes(nodes, suite_of(**reserved))
    assert not capsys.readouterr().err
    _check_nodes(nodes, suite_of(gpus=0.5))
    _check_nodes([node(4.0)], suite_of())
    assert not capsys.readouterr().err
    _check_nodes(nodes, suite_of())
    assert "the suite's cells reserve none; write gpus: 1 in its file" in capsys.readouterr().err
