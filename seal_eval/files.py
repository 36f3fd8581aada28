"""Files that are whole or absent, and folders with one writer."""

import gzip
import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from seal_eval.errors import SealError

LOCK = ".lock"
CARD = "seal_eval.json"  # what a folder of ours says of itself: a pulled model, an adapter, a folded checkpoint


def write_json(path: Path, value: Any) -> None:
    """Write `value` so that a reader sees the old file or the whole new one."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write `text` through a temporary file in the same folder and rename it into place."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def read_json(path: Path) -> Any:
    """Parse a JSON file; a damaged one is a SealError naming file, line and column."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SealError(f"cannot read {path}: {error}") from error
    if not text.strip():
        raise SealError(f"{path} is empty; remove it or run again")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise SealError(f"{path}, line {error.lineno}, column {error.colno}: not JSON ({error.msg})") from error


@contextmanager
def reading(file: Path) -> Iterator[None]:
    """Inside the block, what a file holds is taken apart: a part of another kind than it should be is an error naming the file."""
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, ArithmeticError, RuntimeError, RecursionError) as error:
        what = f"no {error}" if isinstance(error, KeyError) else (str(error).splitlines() or [type(error).__name__])[0]
        raise SealError(f"{file}: not as it should be ({what}); the file is damaged or was edited") from error


@contextmanager
def open_lines(file: Path) -> Iterator[IO[bytes]]:
    """A sample file's lines, compressed or not. Raises SealError in the block when it cannot be decompressed."""
    try:
        with cast(IO[bytes], gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb")) as lines:
            yield lines
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise SealError(f"{file}: cannot be decompressed ({error}); the file is cut or damaged, copy it again") from error


def sha256(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Yield a scratch folder that becomes `out` when the block succeeds and vanishes when it does not.

    What a killed process left is cleared away. Raises SealError when `out` exists or another process is making it.
    """
    scratch = out.parent / f".{out.name}.part"
    with only_writer(scratch, out):
        try:
            if out.exists() and (not out.is_dir() or any(out.iterdir())):
                raise SealError(f"{out} already exists; name a new folder, nothing is overwritten")
            for remains in scratch.iterdir():
                if remains.is_dir():
                    shutil.rmtree(remains)
                elif remains.name != LOCK:
                    remains.unlink()
            yield scratch
            (scratch / LOCK).unlink()
            if out.exists():
                out.rmdir()
            scratch.replace(out)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def only_writer(folder: Path, name: Path | None = None) -> Iterator[None]:
    """Hold the folder's lock; a second process is refused at once. The lock dies with its process."""
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise SealError(f"another process is writing to {name or folder}; wait for it or name another folder") from error
    try:
        yield
    finally:
        lock.release()
