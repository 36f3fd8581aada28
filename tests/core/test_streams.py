"""Standard output: any encoding, a full disk, a pipe whose reader is gone, names with control characters."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from seal_eval.core.names import visible
from seal_eval.core.progress import console

from conftest import program, seal_eval

PRINT = "import sys; from seal_eval.core import streams; streams.prepare(); print('− – … × ≥ → é 😀 \\ufffd'); sys.stdout.flush()"


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("ascii", rb"- - ... x >= -> \xe9 \U0001f600 ?"),
        ("cp1252", "- – … × >= -> é \\U0001f600 ?".encode("cp1252")),
        ("latin-1", b"- - ... \xd7 >= -> \xe9 \\U0001f600 ?"),
        ("utf-8", "− – … × ≥ → é 😀 \ufffd".encode()),
    ],
)
def test_any_encoding(encoding, shown):
    done = subprocess.run([sys.executable, "-c", PRINT], env={**os.environ, "PYTHONIOENCODING": encoding}, capture_output=True, check=True)
    assert done.stdout.rstrip() == shown


@pytest.mark.parametrize("flags", [(), ("--json",), ("--csv",), ("--markdown",), ("--latex",)])
def test_tables_in_ascii(results, flags):
    done = subprocess.run(
        [program("seal-eval"), "compare", results, *flags], env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True, check=True
    )
    assert done.stdout.isascii() and b"tiny-llama" in done.stdout and not done.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_outputs_that_cannot_be_written(unbuffered):
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([program("seal-eval"), "tasks"], env=environment, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert done.stderr.startswith("seal-eval: standard output cannot be written (No space left on device)")
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([program("seal-eval"), "tasks"], env=environment, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "standard output cannot be written (Broken pipe)" in done.stderr


def test_errors_and_tables_without_control_characters(tmp_path, capsys):
    done = seal_eval("compare", tmp_path / "x\x1b]0;PWNED\x07\u202e", code=1)
    assert "PWNED" in done.stderr and visible(done.stderr) == done.stderr
    console().print("a\x1b[2Jb\x07\u202ec")
    assert capsys.readouterr().out == "a\ufffd[2Jb\ufffd\ufffdc\n"


def test_the_process_ends_at_once_and_whole(tmp_path):
    """After torch is loaded: threads end, exit functions run, output is written, the status is the command's, no module is torn down."""
    text = """
        import atexit, os, sys, threading, time, weakref
        import seal_eval.cli as cli
        class Late:
            def __del__(self): os.write(1, b"torn down ")
        sys.modules["torch"] = late = Late()
        said = threading.Event()
        threading.Thread(target=lambda: (said.wait(), time.sleep(0.2), print("thread", end=" "))).start()
        atexit.register(lambda: print("registered", end=" "))
        cli.main = lambda: (print("said", end=" "), said.set(), sys.exit(CODE))
        cli.script()
    """
    for code, status in (("3", 3), ("None", 0), ("0", 0)):
        program = textwrap.dedent(text).replace("CODE", code)
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (status, "said thread registered ", "")
