"""An adapter that was tuned on a method and is applied without it is said: when it is merged, when it is run, and in what both record."""

import json
import shutil

import pytest

from seal_eval.baselines import method_of
from seal_eval.models.loading import load_model
from seal_eval.tuning.merge import export

from conftest import seal_eval


@pytest.fixture
def tuned(adapter, tmp_path):
    """An adapter whose card says that it was tuned on YaRN."""
    folder = shutil.copytree(adapter, tmp_path / "tuned")
    (folder / "seal_eval.json").write_text(json.dumps({"method": "seal", "trained_parameters": 192, "on": "yarn,factor=4"}))
    return folder


@pytest.mark.parametrize(
    ("on", "applied"), [("", "plain"), ("yarn,factor=2", "yarn,factor=2"), ("ntk,factor=4", "ntk,factor=4"), ("yarn,factor=4.0", None)]
)
def test_merging_without_it(tiny_folder, tuned, tmp_path, capsys, on, applied):
    export(str(tiny_folder), tmp_path / "out", str(tuned), on)
    said, card = capsys.readouterr().err, json.loads((tmp_path / "out" / "seal_eval.json").read_text())
    assert said.count("warning: adapter") == (applied is not None)
    assert (card.get("on_differs"), card.get("applied")) == ((True, applied) if applied else (None, None))
    if applied:
        assert (
            f"was tuned on yarn,factor=4, and is applied to {applied}; use method=yarn+seal,factor=4, or merge --on yarn,factor=4" in said
        )


@pytest.mark.parametrize(
    ("method", "applied"),
    [("seal", "plain"), ("yarn+seal,factor=2", "yarn,factor=2"), ("yarn+seal,factor=4", None), ("yarn+logn+seal,factor=4", None)],
)
def test_running_without_it(tiny_folder, tuned, capsys, method, applied):
    model, _ = load_model(str(tiny_folder))
    made = method_of(f"{method},adapter={tuned}")
    capsys.readouterr()
    for _ in range(2):  # the self-test, then the run
        with made.apply(model):
            about = made.about()
    assert capsys.readouterr().err.count("warning: adapter") == (applied is not None)
    assert (about.get("on_differs"), about.get("applied")) == ((True, applied) if applied else (None, None))


def test_a_checkpoint_that_holds_it(tiny_folder, tuned, tmp_path, capsys):
    export(str(tiny_folder), tmp_path / "long", on="yarn,factor=4")
    model, _ = load_model(str(tmp_path / "long"))
    made = method_of(f"seal,adapter={tuned}")
    with made.apply(model):
        assert "on_differs" not in made.about()
    assert "was tuned on" not in capsys.readouterr().err


def test_one_that_was_tuned_on_the_plain_model_runs_on_any(tiny_folder, adapter, capsys):
    """That is how methods are combined."""
    model, _ = load_model(str(tiny_folder))
    made = method_of(f"yarn+seal,factor=2,adapter={adapter}")
    with made.apply(model):
        assert "on_differs" not in made.about()
    assert "was tuned on" not in capsys.readouterr().err


def test_a_run_says_so_once(tiny_folder, tuned, tmp_path):
    done = seal_eval(
        "run", "--model_args", f"pretrained={tiny_folder},method=seal,adapter={tuned}", "--tasks", "seal_lines", "--device", "cpu",
        "--metadata", '{"lengths": [450], "num_samples": 1}', "--output_path", tmp_path / "r",
    )  # fmt: skip
    assert done.stderr.count("was tuned on yarn,factor=4") == 1
    (file,) = (tmp_path / "r").rglob("results_*.json")
    assert json.loads(file.read_text())["config"]["seal_eval"]["about"]["on_differs"] is True
