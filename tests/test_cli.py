"""The command line: help, and errors of usage."""

import pytest

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
    assert "--" in seal_eval(name, "--help", env={"COLUMNS": "100"}).stdout


@pytest.mark.parametrize("args", [(), ("tune",), ("compare",), ("suite",), ("models",)])
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
