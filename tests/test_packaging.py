"""The wheel, the editable install and a Python started in the repository's root all find the same packages."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from conftest import program

ROOT = Path(__file__).parent.parent
CODE = """import seal_eval.tasks.lines as t, seal_eval.baselines.seal, seal_eval.leaderboard.build, seal_eval
print(t.__file__, seal_eval.__file__)"""


@pytest.fixture(scope="module")
def wheel(wheel_file, tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    with zipfile.ZipFile(wheel_file) as archive:
        archive.extractall(out / "unpacked")
    return out / "unpacked"


def test_wheel_holds_what_it_must_and_nothing_else(wheel):
    assert sorted(p.name for p in wheel.iterdir() if not p.name.endswith(".dist-info")) == ["lm_eval", "seal_eval"]
    assert sorted(p.name for p in (wheel / "lm_eval").rglob("*.yaml")) == sorted(p.name for p in (ROOT / "tasks" / "yaml").glob("*.yaml"))
    assert not list((wheel / "lm_eval").rglob("*.py"))  # the wheel must not add modules to lm-eval
    for inside, outside in (("tasks", "tasks"), ("baselines", "baselines"), ("leaderboard", "leaderboard"), ("", "seal_eval")):
        for file in (ROOT / outside).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts and "yaml" not in file.parts and "results" not in file.parts:
                assert (wheel / "seal_eval" / inside / file.relative_to(ROOT / outside)).is_file(), file


def test_pypi_would_take_it(wheel_file):
    """README is shown there as it is written, and the metadata are whole."""
    files = [wheel_file, *wheel_file.parent.glob("*.tar.gz")]
    done = subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.count("PASSED") == len(files) == 2, done.stdout


def test_types_of_an_installed_copy(wheel, tmp_path):
    """The wheel's packages pass the strict type checker."""
    command = [sys.executable, "-m", "mypy", "--config-file", ROOT / "pyproject.toml", "--cache-dir", tmp_path / "cache", "-p", "seal_eval"]
    env = {**os.environ, "MYPYPATH": str(wheel)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def where(cwd, path=None, flags=()):
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(path or "")}
    done = subprocess.run([sys.executable, *flags, "-c", CODE], cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_from_the_wheel(wheel, tmp_path):
    for found in where(tmp_path, wheel):
        assert found.startswith(str(wheel))


def test_from_a_python_in_the_root(wheel):
    """./seal_eval is imported there instead of an installed wheel, and finds tasks/, baselines/ and leaderboard/."""
    for found in where(ROOT, wheel):
        assert found.startswith(str(ROOT)) and not found.startswith(str(wheel))


def test_from_the_installed_project(tmp_path):
    assert all(Path(found).is_file() for found in where(tmp_path))


def test_lm_eval_finds_every_task():
    from lm_eval.tasks import TaskManager

    from seal_eval.tasks import task_names, tasks

    manager = TaskManager()
    assert set(manager.match_tasks(["seal_*"])) == {"seal_eval", *task_names()}
    in_tokens = [task for task in tasks().values() if task.unit == "tokens"]
    assert len(manager.match_tasks(["seal4096_*"])) == len(in_tokens)
    assert manager.match_tasks(["longeval_topics_5"]) == ["longeval_topics_5"]
    assert {"seal4096", "longeval_lines", "sealruler"} <= set(manager.all_groups)


def test_lm_eval_validates_the_tasks(tmp_path):
    from seal_eval.tasks import task_names

    command = [program("lm_eval"), "validate", "--tasks", ",".join([*task_names(), "seal1024_lines"])]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
