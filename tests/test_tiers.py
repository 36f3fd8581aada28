"""The table of variants that run nightly names tests that exist, and leaves the number that it says."""

import ast
from pathlib import Path

from tiers import FEW, left_to_the_night

HERE = Path(__file__).parent


def test_every_test_of_the_table_exists():
    for name in FEW:
        file, _, test = name.partition("::")
        tree = ast.parse((HERE / file).read_text(encoding="utf-8"))
        assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, name


def test_what_is_left():
    name, n = next((name, n) for name, n in FEW.items() if n == 3)
    assert left_to_the_night(["other", *[name] * 9, "other"]) == {1, 3, 4, 6, 7, 9}
    assert left_to_the_night([name] * n) == set() and left_to_the_night([name]) == set()
    assert min(FEW.values()) > 0
