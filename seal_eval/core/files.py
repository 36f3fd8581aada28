"""Read and write files and folders: written completely or not at all, and by one process at a time."""

import gzip
import hashlib
import itertools
import json
import os
import shutil
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, cast

from seal_eval.core import strict_json
from seal_eval.core.errors import SealError

MB = 2**20
LONGEST = 64 * MB  # of one line and of a JSON file: a prompt of a million tokens takes some 5 MB, and JSON may grow twentyfold when parsed
LOCK = ".lock"
WORK = ("part", "tuning")  # kinds of hidden work folders used while a new folder is made, see `workplace`
MAP = "heads.json"  # the map of heads, in a folder written by seal-eval heads
CARD = "seal_eval.json"  # the card: describes a folder written by seal-eval (a pulled or changed model, an adapter)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as JSON. A reader sees the old file or the complete new one. NaN and infinity raise ValueError."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 to a temporary file in the same folder, then rename it into place. Raises SealError when that fails."""
    part = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_native_id()}.part")
    try:
        with writing(path):
            part.write_text(text, encoding="utf-8")
            part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Context manager: turns an OSError inside it, such as that of a full disk, into a SealError that names the file."""
    try:
        yield
    except OSError as error:
        raise SealError(f"{path} cannot be written ({error.strerror or error}); make room or name another place, and repeat") from error


def read_json(path: Path) -> Any:
    """Parse a JSON file. Raises SealError naming the file, line and column of a syntax error, and the field of what JSON does not allow.

    See `strict_json.loads` for what is refused beyond syntax.
    """
    try:
        if path.stat().st_size > LONGEST:
            raise SealError(f"{path} is larger than {LONGEST // MB} MB, which no file of this kind is; remove it or copy it again")
        text = path.read_bytes()
    except OSError as error:
        raise SealError(f"cannot read {path}: {error.strerror or error}") from error
    if not text.strip():
        raise SealError(f"{path} is empty; remove it or run again")
    try:
        return strict_json.loads(text)
    except json.JSONDecodeError as error:
        raise SealError(f"{path}, line {error.lineno}, column {error.colno}: not JSON ({error.msg})") from error
    except ValueError as error:
        raise SealError(f"{path}: {error}; the file is damaged or was edited") from error


def read_object(path: Path) -> dict[str, Any]:
    """Parse a JSON file that holds an object. Raises SealError as `read_json`, and for anything but an object."""
    value = read_json(path)
    if not isinstance(value, dict):
        raise SealError(f"{path}: must hold a JSON object, not {strict_json.short(value)}; the file is damaged or was edited")
    return value


def read_text(path: Path) -> str:
    """A file's text. Raises SealError naming a file that cannot be read, is too large or not UTF-8."""
    try:
        if path.stat().st_size > LONGEST:
            raise SealError(f"{path} is larger than {LONGEST // MB} MB; remove it or copy it again")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SealError(f"{path}: not UTF-8 (byte {error.start}); save it as UTF-8") from error
    except OSError as error:
        raise SealError(f"cannot read {path}: {error.strerror or error}") from error


def numbered_lines(file: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (number from 1, bytes) of each line of a file, decompressed if its name ends in .gz.

    Raises SealError for damaged gzip data and for a line longer than LONGEST, before it fills the memory.
    """
    with open_lines(file) as lines:
        for number in itertools.count(1):
            line = lines.readline(LONGEST + 1)
            if len(line) > LONGEST:
                raise SealError(f"{file}, line {number}: longer than {LONGEST // MB} MB; the file is damaged or was edited")
            if not line:
                return
            yield number, line


PARSING = (ValueError, TypeError, KeyError, AttributeError, IndexError, ArithmeticError, RuntimeError, RecursionError)


@contextmanager
def reading(file: Path) -> Iterator[None]:
    """Context manager: turns parsing errors inside it (KeyError, ValueError, …) into a SealError that names the file."""
    try:
        yield
    except PARSING as error:
        raise damaged(file, error) from error


def damaged(file: Path, error: Exception, line: int = 0) -> SealError:
    """The SealError for an error of PARSING that the content of a file, or of one of its lines, led to."""
    problem = f"no {error}" if isinstance(error, KeyError) else (str(error).splitlines() or [type(error).__name__])[0][:300]
    place = f"{file}, line {line}" if line else str(file)
    return SealError(f"{place}: unexpected content ({problem}); the file is damaged or was edited")


@contextmanager
def open_lines(file: Path) -> Iterator[IO[bytes]]:
    """Context manager: the lines (bytes) of a file, decompressed if its name ends in .gz. Damaged gzip data raises SealError."""
    try:
        with cast(IO[bytes], gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb")) as lines:
            yield lines
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise SealError(f"{file}: cannot be decompressed ({error}); the file is cut or damaged, copy it again") from error


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Context manager: yields a scratch folder that becomes `out` if the block succeeds and is deleted if it raises.

    If `out` does not exist, the scratch folder is renamed to it in one step. If `out` is an empty folder (perhaps a mount point, or reached
    through a link), it is kept and the files are moved into it one by one, the card last. Files that cannot be moved stay in the scratch
    folder, which the error names. Files left there by a killed process are deleted first. Raises SealError when `out` exists and is not
    empty, cannot be written, or is being made by another process.
    """
    refuse_taken(out)
    scratch = workplace(out, "part")
    with only_writer(scratch, out):
        refuse_taken(out)  # another process may have made it before this one had the lock
        try:
            for leftover in scratch.iterdir():
                if leftover.is_dir() and not leftover.is_symlink():
                    shutil.rmtree(leftover)
                elif leftover.name != LOCK:
                    leftover.unlink()
            yield scratch
        except BaseException as error:
            shutil.rmtree(scratch, ignore_errors=True)
            if isinstance(error, OSError) and error.filename is None:  # writing to an open file: a full disk
                with writing(out):
                    raise
            raise
        try:
            _settle(scratch, out)
        except OSError as error:
            why = error.strerror or error
            raise SealError(
                f"the finished files cannot be moved to {out} ({why}); they stay in {scratch} until you repeat the command"
            ) from error


def _settle(scratch: Path, out: Path) -> None:
    """Rename the finished scratch folder to `out`, or move its files into an existing `out`."""
    place = _real(out)
    if _taken(place):
        raise FileExistsError("another process made it at the same time")
    if not place.is_dir():
        scratch.replace(place)
        (place / LOCK).unlink(missing_ok=True)  # only now: without the lock another process would clear the scratch folder
        return
    for file in sorted(scratch.iterdir(), key=lambda file: (file.name == CARD, file.name)):
        if file.name != LOCK:
            shutil.move(file, place / file.name)
    shutil.rmtree(scratch, ignore_errors=True)


def refuse_taken(out: Path) -> None:
    """Raise SealError unless `out` can become a new folder: absent, or a folder that is empty except for hidden work folders."""
    try:
        taken, scratch = _taken(_real(out)), workplace(out, "part")
    except OSError as error:
        raise SealError(f"cannot look into {out}: {error.strerror or error}; name another folder") from error
    if taken:
        left = f"; {scratch} holds files left by a stopped process" if scratch.is_dir() else ""
        raise SealError(f"{out} already exists; name a new folder, nothing is overwritten{left}")


def _taken(place: Path) -> bool:
    """Whether `place` is a file, or a folder with anything but hidden work folders in it."""
    return place.exists() and (not place.is_dir() or any(file.name not in {f".{kind}" for kind in WORK} for file in place.iterdir()))


def workplace(out: Path, what: str) -> Path:
    """The hidden folder for work on `out`, on the same file system; `what` is one of WORK.

    It is inside `out` if that folder exists, because its parent may be read-only or another file system. Otherwise it is next to `out`;
    one already next to it is used again.
    """
    place = _real(out)
    next_to_it = place.parent / f".{place.name}.{what}"
    return place / f".{what}" if place.is_dir() and not next_to_it.exists() else next_to_it


def _real(out: Path) -> Path:
    """The path of `out` with links followed; it need not exist."""
    try:
        return followed(out)
    except OSError as error:
        raise SealError(f"{out} cannot be followed ({error}); name another folder") from error


def followed(path: Path) -> Path:
    """The path with links followed; it need not exist. Raises OSError for circular links, which Python 3.13 no longer does by itself."""
    try:
        real = path.resolve()
    except RuntimeError as error:  # before Python 3.13
        raise OSError(f"{path}: circular links") from error
    if real.is_symlink():
        raise OSError(f"{path}: circular links")
    return real


@contextmanager
def only_writer(folder: Path, name: Path | None = None) -> Iterator[None]:
    """Context manager: makes the folder and holds its lock, which ends with the process.

    Raises SealError at once when another process holds the lock (the message shows `name`, or else the folder), and when the folder cannot
    be made or written.
    """
    from filelock import FileLock, Timeout

    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK, timeout=0)
        lock.acquire()
    except Timeout as error:
        raise SealError(f"another process is writing to {name or folder}; wait for it or name another folder") from error
    except OSError as error:
        raise SealError(f"cannot write to {folder}: {error.strerror or error}; name a folder you can write to") from error
    try:
        yield
    finally:
        lock.release()


def cache() -> Path:
    """The cache folder (models, built samples, haystacks): $SEAL_EVAL_CACHE, else $XDG_CACHE_HOME/seal-eval, else ~/.cache/seal-eval."""
    if folder := os.environ.get("SEAL_EVAL_CACHE"):
        return Path(folder)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seal-eval"
