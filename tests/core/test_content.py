"""Fingerprints: files are known by what they hold; the cached hash of a large file is never that of another file."""

import os
import threading
import time

import pytest

from seal_eval.core import content
from seal_eval.core.content import cached_sha256, fingerprint, named_files
from seal_eval.core.files import sha256
from seal_eval.tasks import files_read


@pytest.fixture
def hashes(tmp_path, monkeypatch):
    """The cache of hashes, in a folder of its own; files above 10 bytes are large, and change times are read as an hour old."""
    monkeypatch.setenv("SEAL_EVAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(content, "SMALL", 10)
    real = time.time_ns
    monkeypatch.setattr(content.time, "time_ns", lambda: real() + 3600 * 10**9)
    return tmp_path / "cache" / "hashes"


def large(file, byte, time_ns=1_000_000_000):
    file.write_bytes(byte * 100)
    os.utime(file, ns=(time_ns, time_ns))
    return file


def test_one_size_and_time_are_not_one_file(tmp_path, hashes):
    """As from an archive with fixed times: two files, and then another file at the path of the first."""
    a, b = large(tmp_path / "a", b"x"), large(tmp_path / "b", b"y")
    assert cached_sha256(a) == sha256(a) != cached_sha256(b) == sha256(b)
    a.unlink()
    large(a, b"z")  # perhaps with the inode of the first
    assert cached_sha256(a) == sha256(a)
    with a.open("r+b") as file:  # in place, and the time set back
        file.write(b"w")
    os.utime(a, ns=(1_000_000_000, 1_000_000_000))
    assert cached_sha256(a) == sha256(a)
    assert len(list(hashes.iterdir())) == 4


def test_a_known_file_is_not_read_again(tmp_path, hashes, monkeypatch):
    file = large(tmp_path / "a", b"x")
    first = fingerprint(tmp_path / "a")
    monkeypatch.setattr(content.hashlib, "file_digest", None)
    assert fingerprint(file) == first


def test_a_file_that_changed_just_now_is_not_cached(tmp_path, hashes, monkeypatch):
    """Within one tick of the clock it can change again without another time."""
    file = large(tmp_path / "a", b"x")
    for lag in (0, 1_900_000_000, -5_000_000_000):  # the last: its time lies ahead of this clock
        monkeypatch.setattr(content.time, "time_ns", lambda lag=lag: file.stat().st_ctime_ns + lag)
        assert cached_sha256(file) == sha256(file)
        assert not hashes.exists()
    monkeypatch.setattr(content.time, "time_ns", lambda: file.stat().st_ctime_ns + 2_100_000_000)
    cached_sha256(file)
    assert len(list(hashes.iterdir())) == 1


def test_a_file_that_changes_while_it_is_read_is_not_cached(tmp_path, hashes, monkeypatch):
    file = large(tmp_path / "a", b"x")
    real = content.hashlib.file_digest

    def slow(opened, name):
        found = real(opened, name)
        large(file, b"y", 2_000_000_000)
        return found

    monkeypatch.setattr(content.hashlib, "file_digest", slow)
    cached_sha256(file)
    assert not hashes.exists()
    monkeypatch.undo()
    assert cached_sha256(file) == sha256(file)


@pytest.mark.parametrize("damage", [b"", b"0" * 63, b"0" * 65, b"\xff" * 64, b"G" * 64, b"0" * 64 + b"\n"])
def test_a_damaged_entry_is_ignored(tmp_path, hashes, damage):
    file = large(tmp_path / "a", b"x")
    right = cached_sha256(file)
    (entry,) = hashes.iterdir()
    entry.write_bytes(damage)
    assert cached_sha256(file) == right == sha256(file) and entry.read_text() == right


def test_a_cache_that_cannot_be_written(tmp_path, hashes):
    hashes.parent.mkdir()
    hashes.write_text("a file where the folder should be")
    file = large(tmp_path / "a", b"x")
    assert cached_sha256(file) == sha256(file)


def test_many_writers(tmp_path, hashes):
    """Threads that write one entry at the same time all have the hash: each has a temporary file of its own."""
    files, found = [large(tmp_path / str(i), b"%d" % i) for i in range(4)], []
    together = threading.Barrier(32)

    def read(file):
        together.wait()
        found.append(cached_sha256(file) == sha256(file))

    threads = [threading.Thread(target=read, args=(file,)) for file in files * 8]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 32 and all(cached_sha256(f) == sha256(f) for f in files)


def test_names_and_places_count(tmp_path):
    """A file's content, name and place in the folder count, times and hidden files do not."""
    (tmp_path / "f" / "g").mkdir(parents=True)
    (tmp_path / "f" / "g" / "a").write_text("one")
    before = fingerprint(tmp_path / "f")
    (tmp_path / "f" / ".lock").touch()
    os.utime(tmp_path / "f" / "g" / "a", ns=(1, 1))
    assert fingerprint(tmp_path / "f") == before
    (tmp_path / "f" / "g" / "a").rename(tmp_path / "f" / "a")
    assert fingerprint(tmp_path / "f") != before


def test_what_programs_rewrite_does_not_count(tmp_path):
    """Such as the times that `hf download --local-dir` notes in .cache, and what Python compiles of a folder's code."""
    folder = tmp_path / "f"
    (folder / "g").mkdir(parents=True)
    (folder / "g" / "a.py").write_text("one")
    before = fingerprint(folder)
    for place in (".cache/huggingface/download/a.metadata", "g/.hidden/b", "g/__pycache__/a.cpython-312.pyc"):
        (folder / place).parent.mkdir(parents=True)
        (folder / place).write_text("1764439765.1")
    assert fingerprint(folder) == before
    hidden = tmp_path / ".hidden"
    folder.rename(hidden)
    assert fingerprint(hidden) == before  # the folder's own place may be hidden
    (hidden / "g" / "a.py").write_text("two")
    assert fingerprint(hidden) != before
    assert fingerprint(hidden / "g" / ".hidden" / "b") != fingerprint(hidden / "g" / "a.py")


def test_settings_that_name_files(tmp_path):
    (tmp_path / "a").write_text("one")
    (tmp_path / "m.py").write_text("class Mine: ...")
    inside, path = tmp_path / "out" / "made", str(tmp_path / "a")
    inside.mkdir(parents=True)
    settings = {
        "x": {"y": [path]}, "system_instruction": path, "method": f"{tmp_path / 'm.py'}:Mine", "out": str(inside), "n": 3, "z": "x" * 9999,
        "w": "a\0b", "v": "", "u": None,
    }  # fmt: skip
    assert named_files(settings, but=tmp_path / "out").keys() == {"x/y/0", "method"}


@pytest.mark.parametrize(("key", "name"), [
    ("texts", "sub/a.TXT"), ("haystack", "a.txt"), ("squad", "dev-v1.1.json"), ("hotpot", "hotpotqa.json"),
    ("longeval_data", "t/9_lines.jsonl"),
])  # fmt: skip
def test_only_the_files_that_are_read_make_another_run(tmp_path, key, name):
    """A list of sources, a PDF or the other task's file may come and go; another text may not."""
    file = tmp_path / "f" / name
    file.parent.mkdir(parents=True)
    file.write_text("one")
    settings = {"metadata": {key: str(tmp_path / "f")}}
    before = named_files(settings, read=files_read())
    assert before == named_files(settings)  # as runs before this rule recorded it
    (tmp_path / "f" / "SOURCES.md").write_text("from the library")
    (tmp_path / "f" / "other.json").write_text("{}")
    assert named_files(settings, read=files_read()) == before
    (file.parent / f"more-{file.name}" if key in ("texts", "haystack") else file).write_text("two")
    assert named_files(settings, read=files_read()) != before
