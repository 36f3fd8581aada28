"""A full disk: one error that names the file, and the earlier site stays as it was."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from seal_eval.core.errors import SealError
from seal_eval.core.files import write_text
from seal_eval.core.folders import new_folder
from seal_eval.leaderboard.build import build


def hold(folder):
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def fill(monkeypatch, after):
    """From now on, writing text fails after `after` files, as on a full disk: the error names no file."""
    real, left = Path.write_text, [after]

    def write(self, text, encoding=None):
        left[0] -= 1
        if left[0] < 0:
            real(self, text[:10], encoding=encoding)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(self, text, encoding=encoding)

    monkeypatch.setattr(Path, "write_text", write)


@pytest.mark.parametrize("after", [0, 3, 30])
def test_site(results, site, tmp_path, monkeypatch, after):
    earlier = shutil.copytree(site, tmp_path / "site")
    before = hold(earlier)
    fill(monkeypatch, after)
    with pytest.raises(SealError, match=r"cannot be written \(No space left on device\)"):
        build(results, earlier)
    assert hold(earlier) == before and not (earlier / ".part").exists()
    with pytest.raises(SealError, match="No space left"):
        build(results, tmp_path / "new")
    assert {*hold(tmp_path / "new")} <= {".lock"}
    monkeypatch.undo()
    build(results, tmp_path / "new")
    assert (tmp_path / "new" / "index.html").read_bytes() == before["index.html"]


def test_files_and_folders(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("old")
    fill(monkeypatch, 0)
    with pytest.raises(SealError, match=r"a.txt cannot be written \(No space left"):
        write_text(tmp_path / "a.txt", "new text")
    assert hold(tmp_path) == {"a.txt": b"old"}
    with pytest.raises(SealError, match=r"out cannot be written \(No space left"), new_folder(tmp_path / "out") as scratch:
        (scratch / "x").write_text("some text")
    assert not (tmp_path / "out").exists()
