"""New folders: they appear complete or not at all, empty ones are filled, and finished files are never lost."""

import errno
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from seal_eval.core.errors import SealError
from seal_eval.core.folders import LOCK, new_folder, only_writer
from seal_eval.tuning.checkpoint import STATE_FILE, unfinished_run

CARD = "seal_eval.json"


def make(out):
    """Write files into `out` as tuning does."""
    with unfinished_run(out) as state, new_folder(out) as scratch:
        state.write_text("half")
        (scratch / "weights").write_text("work")
        (scratch / "inner").mkdir()
        (scratch / "inner" / "more").write_text("work")
        (scratch / CARD).write_text("{}")


def holds(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def names(folder):
    return sorted(p.name for p in folder.iterdir())


MADE = ["inner", "inner/more", CARD, "weights"]


def test_new(tmp_path):
    make(tmp_path / "deep" / "a")
    assert holds(tmp_path / "deep" / "a") == MADE and names(tmp_path / "deep") == ["a"]


@pytest.mark.parametrize("target", ["there", "absent", "deep/absent"])
def test_link(tmp_path, target):
    (tmp_path / "there").mkdir()
    (tmp_path / "a").symlink_to(target)
    make(tmp_path / "a")
    assert (tmp_path / "a").is_symlink() and holds(tmp_path / target) == MADE
    with pytest.raises(SealError, match=r"a already exists; name a new folder, nothing is overwritten$"):
        make(tmp_path / "a")
    assert holds(tmp_path / target) == MADE and not list(tmp_path.glob(".*"))


def test_empty_folder_is_filled_not_replaced(tmp_path, monkeypatch):
    """It is the same folder afterwards, so it may be a mount point or the working directory."""
    (tmp_path / "a").mkdir()
    before = (tmp_path / "a").stat().st_ino
    monkeypatch.chdir(tmp_path / "a")
    make(Path())
    assert holds(Path()) == MADE and Path().stat().st_ino == before and names(tmp_path) == ["a"]


def test_mount_point(tmp_path):
    """The folder is a mount point, as a container's volume is."""
    (tmp_path / "out").mkdir()
    isolated = ["unshare", "--mount", "--map-root-user", "sh", "-ec"]
    mounted = f"mount -t tmpfs none {tmp_path}/out"
    if not shutil.which("unshare") or subprocess.run([*isolated, mounted], capture_output=True, check=False).returncode:
        pytest.skip("may not mount here")
    code = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_files import MADE, holds, make
out = Path({str(tmp_path / "out")!r})
make(out)
assert holds(out) == MADE, holds(out)
"""
    (tmp_path / "code.py").write_text(code)
    command = f"{mounted}; {sys.executable} {tmp_path}/code.py"
    done = subprocess.run([*isolated, command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert names(tmp_path) == ["code.py", "out"]


@pytest.mark.parametrize("there", [False, True])
def test_a_last_move_that_fails_loses_nothing(tmp_path, monkeypatch, there):
    """The error names the folder that holds all files; the state from which a run continues is kept too."""
    if there:
        (tmp_path / "a").mkdir()

    def fails(*_):
        raise OSError(errno.EBUSY, "Device or resource busy")

    with monkeypatch.context() as broken, pytest.raises(SealError) as error:
        broken.setattr(*((shutil, "move") if there else (Path, "replace")), fails)
        make(tmp_path / "a")
    scratch, state = (tmp_path / (f"a/.{what}" if there else f".a.{what}") for what in ("part", "tuning"))
    assert str(error.value) == (
        f"the finished files cannot be moved to {tmp_path}/a (Device or resource busy); they stay in {scratch} until you repeat the command"
    )
    assert [p for p in holds(scratch) if p != LOCK] == MADE and (state / STATE_FILE).is_file()
    make(tmp_path / "a")
    assert holds(tmp_path / "a") == MADE and names(tmp_path) == ["a"]


def test_stopped_between_two_moves(tmp_path, monkeypatch):
    """The files not yet moved stay where they are; a repeat is refused before any work, and the error says where they are."""
    (tmp_path / "a").mkdir()
    move, done = shutil.move, []

    def stops(*args):
        if done:
            raise KeyboardInterrupt
        done.append(move(*args))

    with monkeypatch.context() as stopped, pytest.raises(KeyboardInterrupt):
        stopped.setattr(shutil, "move", stops)
        make(tmp_path / "a")
    before = holds(tmp_path / "a")
    assert "inner/more" in before and ".part/weights" in before and f".part/{CARD}" in before and f".tuning/{STATE_FILE}" in before
    with pytest.raises(SealError, match=r"a already exists; .*; .*a/\.part holds files left by a stopped process"):
        make(tmp_path / "a")
    assert holds(tmp_path / "a") == before


def test_made_by_another_process_at_the_same_time(tmp_path):
    with (
        pytest.raises(SealError, match=r"\(another process made it at the same time\); they stay in .*\.a\.part"),
        new_folder(tmp_path / "a") as scratch,
    ):
        (scratch / "weights").write_text("work")
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "weights").write_text("theirs")
    assert (tmp_path / "a" / "weights").read_text() == "theirs" and (tmp_path / ".a.part" / "weights").read_text() == "work"


def test_an_error_leaves_the_empty_folder(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(ValueError), new_folder(tmp_path / "a") as scratch:
        (scratch / "weights").write_text("half")
        raise ValueError
    assert holds(tmp_path) == ["a"]


def test_refused_before_any_work(tmp_path):
    """Refuse a place that cannot be written, an existing file, circular links and a second writer."""
    (tmp_path / "file").write_text("")
    (tmp_path / "circle").symlink_to("circle")
    for out, message in [
        (Path("/proc/nowhere/a"), r"cannot write to /proc/nowhere/\.a\.part: .*; name a folder you can write to"),
        (tmp_path / "file" / "a", r"cannot write to .*/file/\.a\.part: Not a directory"),
        (tmp_path / "file", "file already exists"), (tmp_path / "circle", "circle"),
    ]:  # fmt: skip
        with pytest.raises(SealError, match=message), new_folder(out):
            pytest.fail("let in")
    (tmp_path / "a").mkdir()
    with new_folder(tmp_path / "a"), pytest.raises(SealError, match=r"another process is writing to .*/a;"), new_folder(tmp_path / "a"):
        pytest.fail("let in")
    assert names(tmp_path) == ["a", "circle", "file"]
    with pytest.raises(SealError, match="cannot write to /proc/nowhere"), only_writer(Path("/proc/nowhere")):
        pytest.fail("let in")
