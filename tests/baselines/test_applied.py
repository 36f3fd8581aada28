"""What `apply` yields: the model itself, or the method is refused wherever it is applied."""

import copy
import re
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from seal_eval.baselines import Composed
from seal_eval.core.applied import method_applied
from seal_eval.core.errors import SealError
from seal_eval.core.plugins import Method
from seal_eval.harness.seal_lm import SealLM
from seal_eval.models.selftest import check_method

from conftest import tiny_model
from method_cases import method

ROOT = Path(__file__).resolve().parents[2]
YIELDS = {"copy": copy.deepcopy, "wrapper": lambda model: torch.nn.Sequential(model), "nothing": lambda model: None}
MESSAGE = "method '{}': apply yields {}, must yield the model it was given, changed in place"


@dataclass(frozen=True)
class Yields(Method):
    summary = "yields another object than the model"
    what: str = "copy"

    @contextmanager
    def apply(self, model):
        yield YIELDS[self.what](model)


@pytest.mark.parametrize(
    ("what", "kind"), [("copy", "another object (LlamaForCausalLM)"), ("wrapper", "another object (Sequential)"), ("nothing", "None")]
)
def test_another_object_is_refused(what, kind):
    model, own = tiny_model(), Yields(what)
    for method_given in (own, Composed((("ntk", method("ntk")), ("mine", own)))):
        with pytest.raises(SealError, match=re.escape(MESSAGE.format("mine", kind))), method_applied("mine", method_given, model):
            raise AssertionError("inside")
        with pytest.raises(SealError, match=re.escape(MESSAGE.format("mine", kind))):
            check_method("mine", method_given, model)


def test_an_apply_that_is_no_context_manager():
    @dataclass(frozen=True)
    class Forgot(Method):
        summary = "lacks the decorator"

        def apply(self, model):
            yield model

    with pytest.raises(SealError, match="apply returns generator, must be a context manager"), method_applied("f", Forgot(), tiny_model()):
        pass


def test_without_the_self_test(tiny_folder, tmp_path):
    code = (ROOT / "examples" / "plugin" / "first_heads.py").read_text().replace("yield model", "yield __import__('copy').copy(model)")
    (tmp_path / "m.py").write_text(code)
    with pytest.raises(SealError, match="apply yields another object"):
        SealLM(str(tiny_folder), method=f"{tmp_path}/m.py:FirstHeads", device="cpu", selftest=False)


def test_nothing_enters_apply_on_its_own():
    files = [f for room in ("seal_eval", "baselines", "tasks", "leaderboard", "benchmarks") for f in (ROOT / room).rglob("*.py")]
    found = [f.name for f in files if re.search(r"(?<!super\(\))(?<!fn)\.apply\(", f.read_text(encoding="utf-8"))]
    assert found == ["applied.py"]
