"""Read and write files: written completely or not at all; a damaged one is named with its line."""

import gzip
import hashlib
import itertools
import json
import os
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


def read_json(path: Path, nan: bool = False) -> Any:
    """Parse a JSON file; nan: NaN and infinity are allowed, as other programs write them.

    Raises SealError naming the file, line and column of a syntax error, and the field of what JSON does not allow; see `strict_json.loads`
    for what is refused beyond syntax.
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
        return strict_json.loads(text, nan)
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


def card_of(folder: str | Path) -> dict[str, Any]:
    """Return the card of a model's or an adapter's folder; {} without one. Raises SealError as `read_object`."""
    file = Path(folder) / CARD
    return read_object(file) if file.is_file() else {}


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
