"""The rooms of seal_eval import downwards only; checked in the source, including imports inside functions."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# rooms in the same row do not import each other
ROWS = (
    ("core",), ("stats",), ("prompts", "models"), ("tasks", "baselines"), ("tuning", "harness", "results"), ("suite",), ("leaderboard",),
    ("quickstart",), ("cli",), ("__main__",),
)  # fmt: skip
HEIGHT = {room: height for height, row in enumerate(ROWS) for room in row}
SIBLINGS = ("tasks", "baselines", "leaderboard")  # rooms that are next to seal_eval/ in a checkout
MOVED = ("seams", "rope", "attention")  # old names that re-export for one release


def files():
    """Yield (room, file) of every module."""
    for file in sorted((ROOT / "seal_eval").rglob("*.py")):
        inside = file.relative_to(ROOT / "seal_eval")
        if inside.parts != ("__init__.py",):
            yield inside.parts[0].removesuffix(".py"), file
    for room in SIBLINGS:
        for file in sorted((ROOT / room).rglob("*.py")):
            yield room, file


def imported(tree):
    """Yield (line, room) of every import from seal_eval."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "import_module" and isinstance(node.args[0], ast.Constant):
            names = [node.args[0].value]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "seal_eval" and len(parts) > 1 and not parts[1].startswith("__version__"):
                yield node.lineno, parts[1]


def upward(room, tree):
    """Return (line, room) of the imports in a module of `room` that are of a higher room or of another one in its row."""
    return [
        (line, other) for line, other in imported(tree) if other != room and HEIGHT.get(other, len(ROWS)) >= HEIGHT[room]
    ]  # fmt: skip


@pytest.mark.parametrize(("room", "file"), [p for p in files() if p[0] not in MOVED], ids=lambda p: str(p).removeprefix(f"{ROOT}/"))
def test_no_import_goes_up(room, file):
    assert room in HEIGHT, f"{file} stands in no known room"
    assert not upward(room, ast.parse(file.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "text",
    [
        "from seal_eval.suite.cells import plan",
        "def f():\n    from seal_eval import cli",
        "import seal_eval.harness.run",
        "from seal_eval.tuning.loop import learn",
        "import_module('seal_eval.leaderboard.build')",
        "from seal_eval.seams import head_projections",
    ],
)
def test_an_upward_import_is_seen(text):
    assert upward("results", ast.parse(text))


def test_relative_imports_are_not_used():
    """The test above would not see them."""
    for _, file in files():
        assert not [n for n in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(n, ast.ImportFrom) and n.level], file


def test_top_of_the_package():
    """At most eight rooms and exactly four modules, besides old names that are kept for one release."""
    top = ROOT / "seal_eval"
    assert sum((p / "__init__.py").is_file() for p in top.iterdir()) <= 8
    modules = {p.stem for p in top.glob("*.py")}
    assert modules - set(MOVED) == {"__init__", "__main__", "cli", "quickstart"}
