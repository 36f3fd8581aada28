"""Every script that a page of docs/ names can start, and the table of recipes is what its script would tune today."""

import importlib.util
import json
from dataclasses import asdict
from pathlib import Path

import pytest

from seal_eval.tuning.config import TuneSpec

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = [*sorted((ROOT / "benchmarks").glob("*.py")), ROOT / "tests" / "witness" / "train.py", ROOT / "tests" / "kills.py"]


def loaded(file):
    spec = importlib.util.spec_from_file_location(f"script_{file.stem}", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: file.name)
def test_a_script_can_start(file):
    """What it imports exists."""
    assert loaded(file).__doc__


def test_the_recipes_of_the_table_are_those_of_the_script():
    """Early rows have other names for the same recipe and its lengths, so only what was learned from is compared."""
    script = loaded(ROOT / "benchmarks" / "recipes.py")
    rows = [json.loads(line) for line in (ROOT / "docs" / "recipes.jsonl").read_text(encoding="utf-8").splitlines()]
    tuned = [row for row in rows if row["recipe"] != "plain"]
    assert len(tuned) >= 12
    for row in tuned:
        spec = asdict(TuneSpec(**script.RECIPES[row["recipe"]] | script.METHODS[row["method"]]))
        for name in ("samples", "questions", "lr", "method", "granularity", "kl"):
            assert row["settings"].get(name, spec[name]) == spec[name], (row["recipe"], name)
