"""Identify files and folders by what they hold, not by their name or time."""

import hashlib
import os
import re
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path, PurePath
from typing import Any

from seal_eval.core.errors import SealError
from seal_eval.core.files import write_text
from seal_eval.core.folders import cache

SMALL = 1 << 26  # bytes; the hashes of larger files are cached
SETTLED_NS = 2_000_000_000  # a file that changed this recently could change again within one tick of the file system's clock
TEXTS = ("method", "system_instruction", "answer_prefix", "dtype", "device")  # settings that name no file, except a method's file.py:Class
# further settings whose bare values are names; so are bare words of a command
NAMES = frozenset({
    "on", "task", "tasks", "device_map", "recipe", "by", "granularity", "wordings", "kind", "name", "engine",
    "backend", "value", "spacing", "operation",
})  # fmt: skip
_CLASS = re.compile(r"(\.py):\w+$")
_HASH = re.compile(r"[0-9a-f]{64}")


def fingerprint(path: Path, leave_out: tuple[str, ...] = (), but: Collection[Path] = (), only: tuple[str, ...] = ()) -> str:
    """Return 16 hex digits that identify a file, or the files below a folder, by name and content.

    In a folder, files that are not `in_sight` do not count, nor do those that match a pattern of leave_out or lie below one of the folders
    `but`, nor, if `only` has patterns, those that match none of them. Raises OSError for what cannot be read.
    """
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        name = file.relative_to(path) if path.is_dir() else file.name
        if not in_sight(name if file != path else "") or any(file.match(pattern) for pattern in leave_out):
            continue
        if file != path and only and not any(file.match(pattern) for pattern in only):
            continue
        if file.is_file() and not any(file.is_relative_to(folder) for folder in but):
            n_bytes = file.stat().st_size
            digest.update(f"{name} {n_bytes}\n".encode(errors="surrogateescape"))
            digest.update(file.read_bytes() if n_bytes <= SMALL else cached_sha256(file).encode())
    return digest.hexdigest()[:16]


def in_sight(name: PurePath | str) -> bool:
    """Whether a file counts by its path within a folder: not if a part is hidden, or holds what Python compiles; programs rewrite those."""
    return not any(part.startswith(".") or part == "__pycache__" for part in PurePath(name).parts)


def cached_sha256(file: Path) -> str:
    """The SHA-256 of a file's bytes, in hex. A file that has not changed since it was last read is not read again.

    A cache entry belongs to one path, device, inode, size, modification time and change time; no program can set the last. Nothing is
    cached for a file that changed while it was read or in the two seconds before. A damaged entry is ignored.
    """
    with file.open("rb") as opened:
        before = _status(file, opened.fileno())
        entry = cache() / "hashes" / hashlib.sha256(repr(before).encode()).hexdigest()
        with suppress(OSError, ValueError):
            if _HASH.fullmatch(known := entry.read_text(encoding="ascii")):
                return known
        now = time.time_ns()
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
        after = _status(file, opened.fileno())
    if before == after and max(before[-2:]) < now - SETTLED_NS:
        with suppress(OSError, SealError):  # a cache that cannot be written, or another writer with the same bytes
            entry.parent.mkdir(parents=True, exist_ok=True)
            write_text(entry, digest)
    return digest


def _status(file: Path, handle: int) -> tuple[str, int, int, int, int, int]:
    s = os.fstat(handle)
    return str(file.resolve()), s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns


def named_files(
    settings: Mapping[str, Any], but: Path | None = None, read: Mapping[str, tuple[str, ...]] | None = None
) -> dict[str, str]:  # fmt: skip
    """The fingerprints of the files and folders that settings name: key, with the keys around it → fingerprint.

    A value may be nested, and a Python file may be followed by the name of a class (file.py:Class). A bare word where a name is meant, such
    as a method's, is no path, even if a folder here has that name. but: paths below it do not count. read: setting that names a folder →
    patterns of the files that are read in it; only these count.
    """
    found = {}
    for key, value in texts_in(settings):
        last, bare = key.rpartition("/")[2], "/" not in value and os.sep not in value and not Path(value).suffix
        if not value or (last in TEXTS and not _CLASS.search(value)) or (bare and (last in NAMES or last.isdecimal())):
            continue
        path = Path(_CLASS.sub(r"\1", value))
        with suppress(OSError, ValueError):  # not a path: too long, or with a zero byte
            if path.exists() and not (but and path.is_relative_to(but)):
                found[key] = fingerprint(path, only=(read or {}).get(last, ()))
    return found


def texts_in(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield (key with the keys around it, text) of every text inside a value of JSON's types."""
    if isinstance(value, str):
        yield key, value
        return
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, (list, tuple)) else ()
    for name, item in items:
        yield from texts_in(item, f"{key}/{name}" if key else str(name))
