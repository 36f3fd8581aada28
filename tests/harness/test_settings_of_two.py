"""Settings that a method and a task both have: what is said of one never decides the other."""

import pytest

from seal_eval.core.errors import SealError
from seal_eval.harness.dataset import documents
from seal_eval.harness.engines import get_engine
from seal_eval.harness.task_config import read_spec

from method_cases import made

SEEDED = """
from contextlib import contextmanager
from dataclasses import dataclass
from seal_eval.core.plugins import Method

@dataclass(frozen=True)
class Seeded(Method):
    summary = "with a seed, and a window that grows with it"
    seed: int = 0
    num_samples: int = 0
    date: str = ""

    def window(self, trained):
        return trained + self.seed

    @contextmanager
    def apply(self, model):
        yield model
"""


@pytest.fixture
def common(tiny_folder):
    return {"pretrained": str(tiny_folder), "lengths": [450], "num_samples": 2}


def test_a_tasks_key_is_no_setting_of_the_method(common, tmp_path):
    """`keys` of --metadata is the needle's; `dysco.keys` is DySCO's."""
    common |= {"method": "dysco", **made("dysco", "llama", 1.0, tmp_path / "map")}
    inputs = [documents("seal_needle", **common, **more)["test"]["input"] for more in ({}, {"dysco.keys": 512}, {"keys": 2})]
    assert inputs[0] == inputs[1] != inputs[2]
    both = read_spec("seal_needle", {**common, "keys": 2, "dysco.keys": 512})
    assert both.task.keys == 2


def test_a_plugins_seed_changes_no_sample(common, tmp_path):
    (tmp_path / "m.py").write_text(SEEDED)
    name = f"{tmp_path}/m.py:Seeded"
    spec = read_spec("seal_lines", {**common, "method": name, f"{name}.seed": 7, f"{name}.num_samples": 9, f"{name}.date": "x"})
    assert (spec.seed, spec.num_samples, spec.window) == (0, 2, 2055)
    assert read_spec("seal_lines", {**common, "method": name, "seed": 7}).seed == 7
    for key, value in (("seed", 7), ("num_samples", 9), ("date", "2020-01-01")):
        with pytest.raises(
            SealError, match=rf"model_args: {key} is a setting of method '.*:Seeded' and of tasks; write .*:Seeded\.{key}=…"
        ):
            get_engine("seal").prepare({"pretrained": "m", "method": name, key: value})


def test_the_engine_refuses_it_too(tiny_folder, tmp_path):
    """Stock lm_eval and Python make the engine without `prepare`."""
    from seal_eval.harness.seal_lm import SealLM

    own = {"method": "ntk+dysco", **made("dysco", "llama", 1.0, tmp_path / "map")}
    with pytest.raises(SealError, match=r"keys is a setting of method 'dysco' and of tasks; write dysco\.keys=…"):
        SealLM(str(tiny_folder), device="cpu", keys=512, **own)
    get_engine("seal").prepare({"pretrained": str(tiny_folder), "dysco.keys": 512, **own})
