"""Two entries of a suite with one model or one task: distinguished by names, and refused without them, with both places."""

import json
import shutil

import pytest
import yaml

from seal_eval.core.errors import SealError
from seal_eval.suite.plan import plan

NEEDLE = {"task": "seal_needle", "sizes": [1024], "num_samples": 4}


def write(folder, models, tasks=(NEEDLE,), **other):
    suite = {"name": "tiny", "models": models, "methods": ["plain"], "tasks": list(tasks)}
    (folder / "suite.yaml").write_text(yaml.safe_dump(json.loads(json.dumps(suite | other)), sort_keys=False))
    return folder / "suite.yaml"


def refused(file, out):
    with pytest.raises(SealError) as caught:
        plan(file, out)
    return str(caught.value)


def test_two_entries_of_a_task(tmp_path, tiny_folder):
    tasks = [NEEDLE, NEEDLE | {"values": 4}]
    said = refused(write(tmp_path, [str(tiny_folder)], tasks), tmp_path / "out")
    assert "line 11: tasks/1: its files would go where those of tasks/0 go (runs/seal_needle-1024/" in said
    assert "give one of them a name of its own" in said
    one, four = plan(write(tmp_path, [str(tiny_folder)], [tasks[0], tasks[1] | {"name": "four"}]), tmp_path / "out")[1]
    assert one.folder == f"runs/seal_needle-1024/plain/{tiny_folder.name}__plain"
    assert four.folder == f"runs/four/seal_needle-1024/plain/{tiny_folder.name}__plain" and " · four · seal_needle · " in four.label
    assert [cell.work["suite"]["cells"] for cell in (one, four)] == [[("plain", "seal_needle", 1024)]] * 2
    assert "name" not in four.work["metadata"]


def test_the_same_entry_twice(tmp_path, tiny_folder):
    assert "tasks/1: the same entry as tasks/0; leave one out" in refused(
        write(tmp_path, [str(tiny_folder)], [NEEDLE, NEEDLE]), tmp_path / "out"
    )
    sizes = NEEDLE | {"sizes": [1024, 1024]}
    assert "tasks/0: it has the size 1024 twice; leave one out" in refused(write(tmp_path, [str(tiny_folder)], [sizes]), tmp_path / "out")
    assert "models/1: the same entry as models/0; leave one out" in refused(write(tmp_path, [str(tiny_folder)] * 2), tmp_path / "out")


def test_one_model_with_and_without_its_template(tmp_path, tiny_folder):
    adapters = {"channel": {"task": "seal_lines", "recipe": "fixed", "length": 420, "samples": 2}}
    models = [{"pretrained": str(tiny_folder)}, {"pretrained": str(tiny_folder), "apply_chat_template": True}]
    said = refused(write(tmp_path, models, adapters=adapters), tmp_path / "out")
    assert "line 4: models/1: its files would go where those of models/0 go" in said and "give one of them a name of its own" in said
    models[1]["name"] = "chat"
    methods = ["plain", {"method": "seal", "adapter": "channel"}]
    cells = plan(write(tmp_path, models, adapters=adapters, methods=methods), tmp_path / "out")[1]
    tuned = [cell.folder for cell in cells if cell.kind == "tune"]
    assert tuned == [f"made/{tiny_folder.name}__channel", "made/chat__channel"]
    runs = {cell.folder: cell.needs for cell in cells if cell.kind == "run" and "seal" in cell.planned[0]}
    assert runs == {
        f"runs/seal_needle-1024/seal--adapter--channel/{tiny_folder.name}__seal": (tuned[0],),
        f"runs/chat/seal_needle-1024/seal--adapter--channel/{tiny_folder.name}__seal": (tuned[1],),
    }


def test_two_folders_of_one_name(tmp_path, tiny_folder):
    for place in ("a", "b"):
        shutil.copytree(tiny_folder, tmp_path / place / "final")
    models = [str(tmp_path / "a" / "final"), str(tmp_path / "b" / "final")]
    assert "models/1: its files would go where those of models/0 go" in refused(write(tmp_path, models), tmp_path / "out")
    named = [{"pretrained": path, "name": path.split("/")[-2]} for path in models]
    cells = plan(write(tmp_path, named), tmp_path / "out")[1]
    assert [cell.folder for cell in cells] == [f"runs/{name}/seal_needle-1024/plain/final__plain" for name in ("a", "b")]
    assert [json.loads(cell.work["argv"][3])["pretrained"] for cell in cells] == models


def test_a_name_is_a_part_of_a_path(tmp_path, tiny_folder):
    said = refused(write(tmp_path, [{"pretrained": str(tiny_folder), "name": "../x"}]), tmp_path / "out")
    assert "models/0/name: may hold letters, digits" in said


def test_two_adapters_of_one_name(tmp_path, tiny_folder, adapter):
    for place in ("a", "b"):
        shutil.copytree(adapter, tmp_path / place / "same")
    methods = [{"method": "seal", "adapter": str(tmp_path / place / "same")} for place in ("a", "b")]
    said = refused(write(tmp_path, [str(tiny_folder)], methods=methods), tmp_path / "out")
    assert "methods/1: its files would go where those of methods/0 go" in said and "rename the folder" in said


def test_an_adapter_and_a_map_of_one_name(tmp_path, tiny_folder):
    made = {"adapters": {"one": {"length": 700, "samples": 2}}, "heads": {"one": {"length": 700}}}
    said = refused(write(tmp_path, [str(tiny_folder)], **made), tmp_path / "out")
    assert "heads/one: its files would go where those of adapters/one go" in said and said.endswith("rename one of them")
