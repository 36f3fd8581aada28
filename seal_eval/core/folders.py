"""Make folders: written completely or not at all, and by one process at a time."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seal_eval.core.errors import SealError
from seal_eval.core.files import CARD, writing

LOCK = ".lock"
WORK = ("part", "tuning")  # kinds of hidden work folders used while a new folder is made, see `workplace`


def refuse_inside(out: Path, results: Path) -> None:
    """Raise SealError when `out` lies in the folder of results that it is made from: a later command would read each run twice."""
    if out.resolve().is_relative_to(results.resolve()):
        raise SealError(f"{out} lies inside {results}, where every run would then be found twice; name an --out outside of it")


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
