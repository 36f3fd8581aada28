"""The code of an installed plugin belongs to what a run depends on; that of methods of this project is seal-eval's version."""

import json
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest

from seal_eval.baselines import get_method, installed_code
from seal_eval.core.errors import SealError
from seal_eval.harness.resume import spec_id
from seal_eval.harness.run import spec_of
from seal_eval.suite.identity import ident_of
from seal_eval.tuning.config import TuneSpec
from seal_eval.tuning.tune import tune

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "plugin"
NUMBERS = count()
CODE = (EXAMPLE / "first_heads.py").read_text(encoding="utf-8")


@pytest.fixture(params=["module", "package"])
def installed(request, tmp_path, monkeypatch):
    """Install the example as `pip install -e` does: a distribution whose code lies elsewhere. Returns the file to edit."""
    where, info = tmp_path / "site", tmp_path / "site" / "first_heads-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: first-heads\nVersion: 0.1.0\n")
    module = f"{request.param}_of_heads_{next(NUMBERS)}"  # a module that was imported once is not looked for again
    target = module if request.param == "module" else f"{module}.inside"
    (info / "entry_points.txt").write_text(f"[seal_eval.baselines]\nheads_of_{request.param} = {target}:FirstHeads\n")
    source = tmp_path / "source"
    file = source / f"{module}.py" if request.param == "module" else source / module / "helpers.py"
    file.parent.mkdir(parents=True)
    file.write_text(CODE)
    if request.param == "package":
        (file.parent / "__init__.py").write_text("")
        (file.parent / "inside.py").write_text(f"from {module}.helpers import FirstHeads\n")
    for folder in (where, source):
        monkeypatch.syspath_prepend(str(folder))
    return file, f"heads_of_{request.param}"


def spec(method):
    args = {"model": "seal", "metadata": {}, "include_path": None, "tasks": ["seal_needle"]}
    return spec_of(SimpleNamespace(**args, model_args={"pretrained": "m", "method": method}))


def test_an_edited_plugin_is_another_run(installed):
    file, name = installed
    assert get_method(name)().by == 1.1
    before, composed, ours = (spec(method) for method in (name, f"ntk+{name}", "ntk"))
    assert before["versions"][f"method {name}"].startswith("first-heads 0.1.0 ") and f"method {name}" in composed["versions"]
    assert spec_id(spec(name)) == spec_id(before)
    file.write_text(CODE.replace("by: float = 1.1", "by: float = 1.2"))
    assert spec_id(spec(name)) != spec_id(before) and spec_id(spec(f"ntk+{name}")) != spec_id(composed)
    assert spec_id(spec("ntk")) == spec_id(ours)


def test_an_edited_plugin_makes_other_cells_of_a_suite(installed, tmp_path):
    file, name = installed

    def ident(method, kind="run"):
        argv = ["--model", "seal", "--model_args", json.dumps({"pretrained": "m", "method": method}), "--tasks", "seal_needle"]
        return ident_of(kind, {"argv": argv} if kind == "run" else {"spec": {"on": method}}, "", "", tmp_path)

    def idents():
        return [ident(name), ident(f"{name},by=2", "tune"), ident("ntk")]

    before = idents()
    assert idents() == before
    file.write_text(CODE.replace("by: float = 1.1", "by: float = 1.2"))
    after = idents()
    assert after[2] == before[2] and after[0] != before[0] and after[1] != before[1]


def test_runs_with_methods_of_ours_keep_their_identity():
    assert not any(key.startswith("method ") for key in spec("yarn+seal")["versions"])
    assert installed_code("yarn+seal") == installed_code("plain") == installed_code(f"{EXAMPLE}/first_heads.py:FirstHeads") == {}


def test_tuning_on_an_edited_plugin_is_another_run(installed, tmp_path, tiny_folder, monkeypatch):
    from seal_eval.tuning import tune as module

    file, name = installed
    seen = []

    def stop(_, run_settings):
        seen.append(run_settings["files"])
        raise SealError("far enough")

    monkeypatch.setattr(module, "load_state", stop)
    for code in (CODE, CODE.replace("1.1", "1.2")):
        file.write_text(code)
        with pytest.raises(SealError, match="far enough"):
            tune(str(tiny_folder), TuneSpec(recipe="fixed", task="seal_passkey", length=450, on=f"{name},by=1.5"), tmp_path / "out")
    assert seen[0].keys() == seen[1].keys() == {f"method {name}"} and seen[0] != seen[1]
