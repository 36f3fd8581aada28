"""Mistakes of a plugin's author are found when the plugin is loaded or made, and named, not after a run."""

import sys
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import torch

from seal_eval.baselines import extended, get_method, take_method
from seal_eval.core import outside
from seal_eval.core.about import checked_about
from seal_eval.core.errors import SealError
from seal_eval.core.plugins import Method, checked_method
from seal_eval.core.reserved import ENGINE_ARGUMENTS
from seal_eval.core.settings import Count
from seal_eval.harness.model_args import known_arguments, naming, unknown_argument
from seal_eval.harness.run import FASTER

FUTURE = """
from __future__ import annotations
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar
from seal_eval.core.plugins import Method
from seal_eval.core.settings import Factor

with open({log!r}, "a") as log:
    log.write("x")

@dataclass(frozen=True)
class Louder(Method):
    summary: ClassVar[str] = "louder"
    by: Factor = {by}

    @contextmanager
    def apply(self, model):
        yield model
"""


def mine(annotations=None, **members):
    """A method's class with these members and annotated settings."""
    namespace = {"summary": "for tests", "__annotations__": annotations or {}, "apply": Method.apply, **members}
    return dataclass(frozen=True)(type("Mine", (Method,), namespace))


@pytest.mark.parametrize("name", ["dtype", "device", "max_length", "batch_size", "prefill_chunk", "selftest", "method", "timeout"])
def test_a_setting_with_the_name_of_an_engines_argument(name):
    with pytest.raises(SealError, match=rf"method 'mine': setting '{name}' has the name of an argument of the engine .* rename the field"):
        checked_method("mine", mine({name: int}, **{name: 1}))


def test_the_list_of_engine_arguments_is_whole():
    assert {*known_arguments(), "device", *FASTER} <= ENGINE_ARGUMENTS


@pytest.mark.parametrize(
    ("member", "function", "message"),
    [
        ("window", lambda self: 1, r"window\(self\) must be callable as window\(trained\)"),
        ("about", lambda self, trained: {}, r"about\(self, trained\) must be callable as about\(\)"),
        ("apply", lambda self: None, r"apply\(self\) must be callable as apply\(model\)"),
        ("resolved", lambda self: {}, r"resolved\(self\) must be callable as resolved\(trained\)"),
    ],
)
def test_members_that_take_other_arguments(member, function, message):
    with pytest.raises(SealError, match=f"method 'mine': {message}"):
        checked_method("mine", mine(**{member: function}))


def test_members_of_the_class_itself_are_fine():
    cls = checked_method("mine", mine(about=classmethod(lambda cls: {"a": 1}), window=staticmethod(lambda trained: 2 * trained)))
    assert checked_about("mine", cls()) == {"a": 1} and extended(cls(), 100) == 200


@pytest.mark.parametrize("window", [None, "4096", [1], True, 0, -5, float("nan"), float("inf")])
def test_windows_that_are_no_number(window):
    with pytest.raises(SealError, match=r"method '.*': window\(2048\) is .*, must be a number of tokens above 0"):
        extended(mine(window=lambda self, trained: window)(), 2048)


@pytest.mark.parametrize(
    ("about", "message"),
    [
        (["a"], r"about\(\) is \['a'\], must be a dictionary"),
        ({1: 2}, r"about\(\) is \{1: 2\}, must be a dictionary whose keys are text"),
        ({"model": 7}, r"about\(\): model is 7, must be text"),
        ({"trained_parameters": "1M"}, r"about\(\): trained_parameters is \"1M\", must be a number"),
        ({"at": Path("x")}, r"about\(\) is no JSON: Object of type PosixPath"),
        ({"loss": float("nan")}, r"about\(\) is no JSON: Out of range"),
    ],
)
def test_what_a_method_says_of_itself(about, message):
    made = mine(about=lambda self: about)()
    with pytest.raises(SealError, match=f"method 'mine': {message}"):
        checked_about("mine", made)


def test_the_engine_checks_it_before_any_reply(tiny_folder, tmp_path):
    from seal_eval.harness.seal_lm import SealLM

    text = FUTURE.format(log=str(tmp_path / "log"), by=1.5) + "\n    def about(self):\n        return {'model': 7}\n"
    (tmp_path / "m.py").write_text(text)
    with pytest.raises(SealError, match=r"method '.*m\.py:Louder': about\(\): model is 7"):
        SealLM(str(tiny_folder), method=f"{tmp_path}/m.py:Louder", device="cpu", selftest=False)


def test_a_file_with_postponed_annotations_is_executed_once_for_each_content(tmp_path):
    file, log = tmp_path / "louder.py", tmp_path / "log"
    file.write_text(FUTURE.format(log=str(log), by=1.1))
    for _ in range(3):
        made = take_method({"method": f"{file}:Louder", "by": 2.0})[1]
    assert made.by == 2.0 and log.read_text() == "x"
    with pytest.raises(SealError, match=r"method 'louder': by is 0\.5, must be a finite number of at least 1"):
        take_method({"method": f"{file}:Louder", "by": 0.5})
    file.write_text(FUTURE.format(log=str(log), by=1.3))
    assert get_method(f"{file}:Louder")().by == 1.3 and log.read_text() == "xx"
    (tmp_path / "copy.py").write_text(file.read_text())
    assert get_method(f"{tmp_path}/copy.py:Louder") is not get_method(f"{file}:Louder")
    file.write_text("import nothing_like_it")
    before = set(sys.modules)
    with pytest.raises(SealError, match=r"louder\.py fails on import: ModuleNotFoundError"):
        get_method(f"{file}:Louder")
    assert not {name for name in set(sys.modules) - before if name.startswith(outside.PREFIX)}


def test_a_plugin_that_refuses_its_settings_is_named(tmp_path):
    text = FUTURE.format(log=str(tmp_path / "log"), by=1.1)
    (tmp_path / "m.py").write_text(text + "\n    def __post_init__(self):\n        raise ValueError(f'by {self.by} is odd')\n")
    with pytest.raises(SealError, match=r"method '.*m\.py:Louder' cannot be made with by=3\.0: ValueError: by 3\.0 is odd"):
        take_method({"method": f"{tmp_path}/m.py:Louder", "by": 3.0})
    with pytest.raises(SealError, match=r"cannot be made with its defaults: ValueError: by 1\.1 is odd"):
        take_method({"method": f"{tmp_path}/m.py:Louder"})


def test_a_file_whose_path_has_the_sign_of_compositions(tmp_path, monkeypatch):
    (tmp_path / "c++").mkdir()
    (tmp_path / "c++" / "m.py").write_text(FUTURE.format(log=str(tmp_path / "log"), by=1.1))
    with pytest.raises(SealError, match=r"m\.py:Louder': the \+ in the file's path would be read as a composition; rename the folder"):
        take_method({"method": f"{tmp_path}/c++/m.py:Louder"})
    monkeypatch.chdir(tmp_path / "c++")
    assert take_method({"method": "m.py:Louder"})[1].by == 1.1 and take_method({"method": "yarn+m.py:Louder", "factor": 2.0})[2] == {}


def test_a_method_that_raises_while_the_model_runs_is_named(tmp_path):
    (tmp_path / "m.py").write_text(FUTURE.format(log=str(tmp_path / "log"), by=1.1))
    name = f"{tmp_path}/m.py:Louder"
    theirs, ours = take_method({"method": name})[1], take_method({"method": "yarn", "factor": 2.0})[1]
    with pytest.raises(SealError, match=r"fails with method '.*m\.py:Louder' \(KeyError: 'layer 3'\); mend"), naming(name, theirs):
        raise KeyError("layer 3")
    for method, error in ((ours, KeyError), (theirs, torch.OutOfMemoryError), (theirs, FileNotFoundError), (theirs, SealError)):
        with pytest.raises(error), naming(name, method):
            raise error("as it is")


class Colour(Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        (tuple[int, ...], r"annotated tuple\[int, \.\.\.\], which no value of --model_args fits; write list"),
        (Path, r"annotated Path, which .* write str"),
        (set[str], r"annotated set\[str\], which .* write list"),
        (Path | None, r"annotated Path, which .* write str"),
        (Annotated[tuple, "x"], "annotated tuple, which .* write list"),
        (list[Path], "annotated Path, which .* write str"),
        (Colour, "annotated Colour, which .* write Literal"),
        (complex, "annotated complex, which .* write int, float, bool, str, list or dict"),
        ("Nowhere", "annotations of its settings cannot be read"),
    ],
)
def test_annotations_that_no_value_fits(annotation, message):
    with pytest.raises(SealError, match=f"method 'mine': .*{message}"):
        checked_method("mine", mine({"layers": annotation}, layers=None))


def test_annotations_that_values_fit():
    for annotation in (int, float | None, Count, Literal["a", "b"], list[int], dict[str, list[float]], Any, list, "int"):
        checked_method("mine", mine({"layers": annotation}, layers=None))


def test_a_default_that_is_no_json(tmp_path):
    text = FUTURE.format(log=str(tmp_path / "log"), by="1.0\n    file: Any = Path('x')")
    (tmp_path / "m.py").write_text(
        text.replace("from typing import ClassVar", "from typing import Any, ClassVar\nfrom pathlib import Path")
    )
    with pytest.raises(SealError, match=r"method '.*Louder': a setting is no JSON value \(Object of type PosixPath"):
        take_method({"method": f"{tmp_path}/m.py:Louder"})


class Candidate:
    """Stands for an entry point of a package that is not installed."""

    def __init__(self, name, load):
        self.name, self.value, self.load = name, "theirs:Method", load
        self.dist = type("Dist", (), {"name": "their-package", "version": "1"})()


def broken():
    raise ImportError("no module named 'flash'\nand more")


@pytest.fixture
def installed(monkeypatch):
    points = [Candidate("aaa_broken", broken), Candidate("yarn", dict), Candidate("zzz_fine", lambda: mine({"loudness": int}, loudness=1))]
    monkeypatch.setattr(outside.metadata, "entry_points", lambda group: points)


def test_a_broken_plugin_is_listed_with_its_error(installed, capsys):
    from seal_eval.cli import baselines_command

    baselines_command()
    shown = capsys.readouterr().out
    assert (
        "aaa_broken\n  cannot be used: method 'aaa_broken' of their-package fails on import: ImportError: no module named 'flash'\n"
        in shown
    )
    assert "yarn\n  cannot be used: method 'yarn' is claimed by seal-eval, their-package" in shown
    assert "settings: loudness=1" in shown and "summary" not in shown and "\ntemperature\n" in shown


def test_a_broken_plugin_does_not_hide_who_owns_an_argument(installed):
    error = unknown_argument(TypeError("__init__() got an unexpected keyword argument 'loudness'"), "plain")
    assert "loudness is a setting of zzz_fine, not of method 'plain'" in str(error)
    error = unknown_argument(TypeError("__init__() got an unexpected keyword argument 'dtyp'"), "plain")
    assert "nothing takes 'dtyp'; did you mean 'dtype'" in str(error)
