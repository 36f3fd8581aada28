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

from seal_eval.core.errors import SealError

LOCK = ".lock"
WORK = ("part", "tuning")  # what stands in hidden folders while a new folder is made, see `workplace`
MAP = "heads.json"  # a map of heads, in the folder that seal-eval heads wrote
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

    A new folder appears whole. An empty one that is there already, or that a link leads to, stays (it may be a mount point): the finished
    files are moved into it one by one, the card last. What cannot be moved stays in the scratch folder, which the error names.
    What a killed process left is cleared away. Raises SealError when `out` exists or another process is making it.
    """
    refuse_taken(out)
    scratch = workplace(out, "part")
    with only_writer(scratch, out):
        refuse_taken(out)  # another process may have made it before this one had the lock
        try:
            for remains in scratch.iterdir():
                if remains.is_dir() and not remains.is_symlink():
                    shutil.rmtree(remains)
                elif remains.name != LOCK:
                    remains.unlink()
            yield scratch
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise
        try:
            _settle(scratch, out)
        except OSError as error:
            why = error.strerror or error
            raise SealError(f"what was made cannot be moved to {out} ({why}); it is in {scratch} until you repeat the command") from error


def _settle(scratch: Path, out: Path) -> None:
    """Make the finished scratch folder, or what it holds, `out`."""
    place = _real(out)
    if _taken(place):
        raise FileExistsError("somebody else made it meanwhile")
    if not place.is_dir():
        scratch.replace(place)
        (place / LOCK).unlink(missing_ok=True)  # only now: without it another process would clear the scratch folder
        return
    for file in sorted(scratch.iterdir(), key=lambda file: (file.name == CARD, file.name)):
        if file.name != LOCK:
            shutil.move(file, place / file.name)
    shutil.rmtree(scratch, ignore_errors=True)


def refuse_taken(out: Path) -> None:
    """Raise SealError unless `out` can become a new folder: it is absent, or a folder with nothing in it but our own work on it."""
    try:
        taken, scratch = _taken(_real(out)), workplace(out, "part")
    except OSError as error:
        raise SealError(f"cannot look into {out}: {error.strerror or error}; name another folder") from error
    if taken:
        left = f"; {scratch} holds what a stopped process left" if scratch.is_dir() else ""
        raise SealError(f"{out} already exists; name a new folder, nothing is overwritten{left}")


def _taken(place: Path) -> bool:
    return place.exists() and (not place.is_dir() or any(file.name not in {f".{what}" for what in WORK} for file in place.iterdir()))


def workplace(out: Path, what: str) -> Path:
    """The hidden folder for work on `out`, on its file system: beside it, or in it where it exists, as only there we may surely write."""
    place = _real(out)
    beside = place.parent / f".{place.name}.{what}"
    return place / f".{what}" if place.is_dir() and not beside.exists() else beside


def _real(out: Path) -> Path:
    """Where `out` is or will be, links followed."""
    try:
        return out.resolve()
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        raise SealError(f"{out} cannot be followed ({error}); name another folder") from error


@contextmanager
def only_writer(folder: Path, name: Path | None = None) -> Iterator[None]:
    """Hold the folder's lock; a second process is refused at once. The lock dies with its process.

    Raises SealError also when the folder cannot be made or written.
    """
    from filelock import FileLock, Timeout

    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK, timeout=0)
        lock.acquire()
    except Timeout as error:
        raise SealError(f"another process is writing to {name or folder}; wait for it or name another folder") from error
    except OSError as error:
        raise SealError(f"cannot write to {folder}: {error.strerror or error}; name a folder where that is possible") from error
    try:
        yield
    finally:
        lock.release()


def cache() -> Path:
    """Folder of converted models: $SEAL_EVAL_CACHE, else $XDG_CACHE_HOME/seal-eval, else ~/.cache/seal-eval."""
    if own := os.environ.get("SEAL_EVAL_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seal-eval"
