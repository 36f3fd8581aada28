"""A task of the user's own is known by all that its YAML file names: what it includes, its functions' modules, its data."""

import json
from types import SimpleNamespace

import pytest

from seal_eval.harness.run import spec_of
from seal_eval.harness.task_files import task_files
from seal_eval.harness.task_yaml import yaml_files


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Folders with a task, the parts that it is made of, and a file that it does not name."""
    (tmp_path / "tasks" / "parts").mkdir(parents=True)
    (tmp_path / "rows").mkdir()
    monkeypatch.chdir(tmp_path)
    own = """include: ../common.yaml
task: own
dataset_path: json
dataset_kwargs: {data_files: {test: [rows/*.jsonl, "hf://owner/name/a.jsonl"]}}
process_docs: !function parts.utils.clean
doc_to_text: "{{question}}"
process_results: !function seal_eval.harness.metrics.process_results
"""
    for name, text in {
        "tasks/own.yaml": own, "common.yaml": "include: more.yaml\ntest_split: test\n", "more.yaml": "include: common.yaml\n",
        "tasks/parts/utils.py": "import os\nfrom helper import strip\n\ndef clean(docs):\n    return docs\n",
        "tasks/helper.py": "strip = str.strip\n", "rows/a.jsonl": json.dumps({"question": "1"}), "unrelated.py": "",
    }.items():  # fmt: skip
        (tmp_path / name).write_text(text)
    return tmp_path


def spec(tasks, include_path=None):
    args = {"model": "hf", "model_args": {"pretrained": "owner/model"}, "metadata": {}}
    return spec_of(SimpleNamespace(**args, include_path=include_path, tasks=tasks))["files"]


PARTS = ("common.yaml", "more.yaml", "tasks/parts/utils.py", "tasks/helper.py", "rows/a.jsonl")


def test_every_part_is_named(place):
    assert task_files(place / "tasks" / "own.yaml").keys() == {
        "../common.yaml", "../more.yaml", "parts/utils.py", "helper.py", "../rows/a.jsonl",
    }  # fmt: skip
    assert task_files(place / "tasks").keys() == {"../common.yaml", "../more.yaml", "../rows/a.jsonl"}
    assert task_files(place / "nowhere.yaml") == {}


@pytest.mark.parametrize("named", [(["tasks/own.yaml"],), (["tasks/o*.yaml"],), (["tasks"],), (["own"], "tasks")])
@pytest.mark.parametrize("part", PARTS)
def test_an_edited_part_makes_another_run(place, part, named):
    before = spec(*named)
    assert spec(*named) == before
    (place / "unrelated.py").write_text("1")
    (place / "tasks" / "__pycache__").mkdir()
    (place / "tasks" / "__pycache__" / "helper.pyc").write_text("1")
    assert spec(*named) == before
    (place / part).write_text((place / part).read_text() + "\n")
    assert spec(*named) != before


def test_a_task_in_one_file_stays_what_it_was(place):
    (place / "one.yaml").write_text("task: one\ndataset_path: owner/name\n")
    assert spec(["one.yaml"]).keys() == {"tasks/one.yaml"}


def test_data_of_a_group_and_a_local_data_set(place):
    (place / "group.yaml").write_text("group: g\ntask: [{task: a, dataset_path: ./rows}, {task: b, dataset_kwargs: {data_dir: rows}}]\n")
    assert task_files(place / "group.yaml").keys() == {"rows"}


@pytest.mark.parametrize(
    "text", ["include: [", "- a", "include: {a: 1}", "x: !other y", "dataset_kwargs: {data_files: 3}", "include: nowhere"]
)
def test_what_cannot_be_read_is_lm_evals_to_name(place, text):
    (place / "odd.yaml").write_text(text)
    assert task_files(place / "odd.yaml") == {}


def test_our_own_tasks_name_nothing(tmp_path):
    for name, text in yaml_files().items():
        (tmp_path / name).write_text(text)
    assert task_files(tmp_path) == {}
