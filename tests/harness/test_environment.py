"""What results say of machine and checkout equals what pip and git say, and a run outside of a repository says nothing of git."""

import json
import subprocess
import sys

from torch.utils import collect_env

from seal_eval.harness.environment import commit, described_quietly, freeze

from conftest import seal_eval


def test_packages_are_pips():
    listed = subprocess.run([sys.executable, "-m", "pip", "list", "--format=freeze"], capture_output=True, text=True, check=True).stdout
    assert freeze() == listed.strip()
    theirs = collect_env.get_pip_packages(collect_env.run)
    with described_quietly():
        assert collect_env.get_pip_packages(lambda command: (1, "", "pip is not started")) == theirs and "torch==" in theirs[1]
    assert collect_env.get_pip_packages(collect_env.run) == theirs


def test_the_commit(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert commit() is None
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@b.c")
    for command in (("init", "-q"), ("commit", "-q", "--allow-empty", "-m", "first")):
        subprocess.run([*git, *command], check=True)
    assert commit() == subprocess.run(["git", "describe", "--always"], capture_output=True, text=True, check=True).stdout.strip()


def test_a_run_outside_of_a_repository(tiny_folder, tmp_path):
    metadata = json.dumps({"lengths": [450], "num_samples": 1})
    command = ("run", "--model_args", f"pretrained={tiny_folder}", "--tasks", "seal_lines", "--metadata", metadata, "--device", "cpu")
    assert "git" not in seal_eval(*command, cwd=tmp_path, start=True).stderr
    (results,) = (tmp_path / "results").rglob("results_*.json")
    found = json.loads(results.read_text())
    assert found["git_hash"] is None and "PyTorch version" in found["pretty_env_info"] and "[pip3] torch==" in found["pretty_env_info"]
