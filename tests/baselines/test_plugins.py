"""Methods from outside the project: the example package in a new environment, a file, and faulty plugins."""

from pathlib import Path

import pytest

from seal_eval.baselines import get_method, take_method
from seal_eval.core import outside
from seal_eval.core.errors import SealError
from seal_eval.results.records import load_runs

from conftest import seal_eval

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "plugin"


def flags(tiny_folder, out, method):
    return (
        "run", "--model_args", f"pretrained={tiny_folder},{method}", "--tasks", "seal_passkey", "--metadata",
        '{"lengths": [450], "num_samples": 3}', "--output_path", out, "--device", "cpu",
    )  # fmt: skip


def test_where_it_is_not_installed(tmp_path, tiny_folder):
    """The name is unknown; test_wheel.py installs it."""
    done = seal_eval(*flags(tiny_folder, tmp_path / "other", "method=first_heads"), code=1)
    assert "method 'first_heads' not found in seal_eval.baselines; known: dora, dual_chunk" in done.stderr


def test_a_file(tmp_path, tiny_folder):
    seal_eval(*flags(tiny_folder, tmp_path, f"method={EXAMPLE}/first_heads.py:FirstHeads,by=3.0"))
    (run,) = load_runs(tmp_path)
    assert run.settings == {"by": 3.0} and run.method.endswith("first_heads.py:FirstHeads")
    name, both, _ = take_method({"method": f"ntk+{EXAMPLE}/first_heads.py:FirstHeads", "by": 2.0})
    assert [type(part).__name__ for _, part in both.parts] == ["Ntk", "FirstHeads"] and name.startswith("ntk+")


class Candidate:
    """Stands for an entry point of a package that is not installed."""

    def __init__(self, name, load, dist="their-package"):
        self.name, self.value, self.load = name, "theirs:Method", load
        self.dist = type("Dist", (), {"name": dist})()


def broken():
    raise ImportError("no module named 'flash'")


@pytest.mark.parametrize(
    ("points", "name", "message"),
    [
        ([Candidate("yarn", dict)], "yarn", "method 'yarn' is claimed by seal-eval, their-package; rename the plugin's"),
        ([Candidate("new", dict, "a"), Candidate("new", dict, "b")], "new", "method 'new' is claimed by a, b"),
        ([Candidate("new", broken)], "new", "method 'new' of their-package fails on import: ImportError: no module named 'flash'"),
        ([Candidate("new", lambda: dict)], "new", "method 'new': <class 'dict'> is no dataclass with apply"),
    ],
)
def test_plugins_that_are_wrong(monkeypatch, points, name, message):
    monkeypatch.setattr(outside.metadata, "entry_points", lambda group: points)
    with pytest.raises(SealError, match=message):
        get_method(name)


def test_files_that_are_wrong(tmp_path):
    with pytest.raises(SealError, match="no file"):
        get_method(f"{tmp_path}/a.py:A")
    (tmp_path / "a.py").write_text("import nothing_like_it")
    with pytest.raises(SealError, match=r"a\.py fails on import: ModuleNotFoundError"):
        get_method(f"{tmp_path}/a.py:A")
    with pytest.raises(SealError, match="has no FirstHead; did you mean 'FirstHeads'"):
        get_method(f"{EXAMPLE}/first_heads.py:FirstHead")


def test_window_follows_the_method(tmp_path, tiny_folder):
    """A method that extends the window allows longer lengths, and the engine accepts such prompts."""
    args = (
        "run",
        "--tasks",
        "seal_passkey",
        "--metadata",
        '{"lengths": [3000], "num_samples": 1}',
        "--output_path",
        tmp_path,
        "--device",
        "cpu",
    )
    done = seal_eval(*args, "--model_args", f"pretrained={tiny_folder}", code=1)
    assert "length 3000 is above the model's window of 2048" in done.stderr
    seal_eval(*args, "--model_args", f"pretrained={tiny_folder},method=self_extend,group=2,neighbours=512")
    (run,) = load_runs(tmp_path)
    assert run.config["seal_eval"]["max_length"] == (2048 - 512) * 2 + 512 and run.records[0].n_tokens > 2900


def test_the_plugin_in_the_readme(tmp_path):
    import re

    import torch

    from conftest import tiny_model

    readme = (EXAMPLE.parent.parent / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python title=\"louder.py\"\n(.*?)```", readme, re.DOTALL)
    (tmp_path / "louder.py").write_text(code)
    model, ids = tiny_model(), torch.arange(2, 40)[None]
    plain = model(ids).logits
    with take_method({"method": f"{tmp_path}/louder.py:Louder", "by": 0.9})[1].apply(model):
        assert not torch.allclose(model(ids).logits, plain, atol=1e-3)
    assert torch.equal(model(ids).logits, plain)


def test_a_methods_settings_are_no_misspelt_metadata(tmp_path, tiny_folder):
    """lm-eval merges model_args into the metadata: a method's setting 'key' is accepted, but without it 'key' is a misspelt 'keys'."""
    from seal_eval.harness.dataset import documents

    code = (EXAMPLE / "first_heads.py").read_text().replace("by: float", "key: float").replace("self.by", "self.key")
    (tmp_path / "mine.py").write_text(code)
    method = f"{tmp_path}/mine.py:FirstHeads"
    common = {"pretrained": str(tiny_folder), "lengths": [700], "num_samples": 1, "method": method}
    assert len(documents("seal_needle", **common, key=2.0, keys=3)["test"]) == 1
    with pytest.raises(SealError, match="unknown metadata key 'key'; did you mean 'keys'"):
        documents("seal_needle", **{**common, "method": "plain"}, key=3)
