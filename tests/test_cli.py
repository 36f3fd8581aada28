"""The command line: help, and errors of usage."""

import os

import pytest
import typer

from seal_eval.cli import _names_vllm, app

from conftest import seal_eval

COMMANDS = [
    "quickstart",
    "run",
    "tune",
    "merge",
    "compare",
    "power",
    "site",
    "submit",
    "check",
    "export",
    "push",
    "tasks",
    "score",
    "models",
]


def test_help_lists_every_command():
    out = seal_eval("--help", env={"COLUMNS": "100"}).stdout
    assert all(name in out for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name):
    """It begins with the command's usage and names each option, or each command below it."""
    said = seal_eval(name, "--help", env={"COLUMNS": "100"}).stdout
    command = typer.main.get_command(app).commands[name]
    named = [p.opts[0] for p in command.params if p.opts[0].startswith("--")] + list(getattr(command, "commands", ()))
    assert said.lower().startswith(f"usage: seal-eval {name} ") and all(one in said for one in named), named


@pytest.mark.parametrize("args", [(), ("tune",), ("compare",), ("suite",), ("models",), ("score",)])
def test_help_reads_well_at_80_columns(args):
    """No line is wider, no summary of a command is cut, and a help text has at least 40 columns."""
    _, *lines = seal_eval(*args, "--help", env={"COLUMNS": "80"}).stdout.splitlines()  # the first ends in [ARGS]...
    assert all(len(line) <= 80 and not line.endswith("...") for line in lines)
    assert not any("[b]" in line or "[/b]" in line for line in lines)
    if args == ("tune",):
        (started,) = (line for line in lines if "--cost-limit" in line)
        assert len(started) > 60


def test_completion():
    assert "_SEAL_EVAL_COMPLETE" in seal_eval("--show-completion", "bash", env={"SHELL": "/bin/bash"}).stdout


def test_run_help_is_lm_evals():
    out = seal_eval("run", "--help").stdout
    assert "--tasks" in out and "--model_args" in out and "seal-eval run" in out


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("quikstart",), "Did you mean 'quickstart'"),
        (("tune", "--granularty", "head"), "--granularity"),
        (("tune",), "Missing option '--model'"),
    ],
)
def test_wrong_usage(args, message):
    done = seal_eval(*args, code=2, env={"COLUMNS": "200"})
    assert message in done.stderr and "Traceback" not in done.stderr


def test_tune_refuses_before_it_loads(tmp_path):
    done = seal_eval("tune", "--model", "smollm2-135m", "--out", tmp_path / "a", code=1)
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("seal-eval: model 'smollm2-135m' is no folder here") and "did you mean 'smollm2-135m-instruct'?" in line
    assert (
        "task 'seal_lins' not found" in seal_eval("tune", "--model", "x/y", "--task", "seal_lins", "--out", tmp_path / "b", code=1).stderr
    )


def test_version():
    from seal_eval import __version__

    assert seal_eval("--version").stdout.strip() == __version__


def test_run_help_says_what_is_ours():
    """lm-eval's help would name another default, another kind of output and flags that this project's tasks refuse."""
    lines = seal_eval("run", "--help", env={"COLUMNS": "80"}).stdout.splitlines()
    text = " ".join(" ".join(lines).split())
    assert all(len(line) <= 80 for line in lines[:40]) and lines[0].startswith("usage: seal-eval run")
    assert "seal (default), or a model class" in text and "default: hf" not in text and "Folder of the results" in text
    said = seal_eval("run", "--no-such-flag", code=2).stderr
    assert "usage: seal-eval run" in said and "unrecognized arguments: --no-such-flag" in said


def test_lists_fit_the_terminal(monkeypatch, capsys):
    from seal_eval import cli

    monkeypatch.setattr("shutil.get_terminal_size", lambda *_, **__: os.terminal_size((60, 20)))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    cli._say_about(("name", "word " * 40, "settings: " + ", ".join(["setting"] * 20)))
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 60


@pytest.mark.parametrize(("words", "vllm"), [
    (["run", "--model", "vllm"], True), (["run", "--model=vllm"], True), (["run", "--config", "{}/vllm.yaml"], True),
    (["run", "--config={}/vllm.yaml"], True), (["run", "--config", "{}/other.yaml", "--model", "hf"], False),
    (["run", "--model_args", "pretrained=" + "x" * 5000], False), (["run", "a\0b", ""], False),
])  # fmt: skip
def test_progress_bars_stay_with_vllm(tmp_path, words, vllm):
    """However the engine is named: with its bar switched off, vLLM divides by zero after the first batch."""
    (tmp_path / "vllm.yaml").write_text("model: vllm\n")
    (tmp_path / "other.yaml").write_text("model: hf\n")
    assert _names_vllm([word.format(tmp_path) if "{}" in word else word for word in words]) is vllm
