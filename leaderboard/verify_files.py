"""The files of a submission: which may be there, how large, with which hash. Nothing is read before its size is known."""

import json
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seal_eval.core.errors import SealError
from seal_eval.core.files import open_lines, read_json, read_text, sha256
from seal_eval.core.folders import LOCK
from seal_eval.core.strict_json import dotted, short
from seal_eval.leaderboard import limits
from seal_eval.leaderboard.submissions import MANIFEST, PATH, PATH_KEYS, SCHEMA, scrubbed, scrubbed_command

STAMP = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}-[0-9]{2}-[0-9]{2}(?:\.[0-9]{6})?"  # lm-eval's, in the names of a run's files
RESULTS = re.compile(rf"results_({STAMP})\.json")
RUN_FOLDER = re.compile(r"[0-9a-f]{12}")


def check_files(folder: Path) -> Any:
    """Check which files a submission holds, their sizes and hashes; return its manifest.

    A submission is a manifest and a folder for each run: one results file, one command, and a compressed sample file for each task. Raises
    SealError for anything else in it (links, devices, hidden files, empty folders, lock files that are not empty), and for what is above
    the limits, before it is read.
    """
    there = _walk(folder)
    manifest = _manifest(folder / MANIFEST)
    listed: dict[str, str] = {}
    for run in manifest["runs"]:
        for name in run["files"]:
            if not name.startswith(f"{run['run_id']}/"):
                raise SealError(f"{folder / MANIFEST}: {name} is listed under run {run['run_id']} but is in another run's folder")
        listed |= run["files"]
    if there.keys() != listed.keys():
        name = min(there.keys() ^ listed.keys())
        what = "not listed" if name in there else "missing"
        raise SealError(
            f"{folder}: {_shown(name)} is {what}; the manifest must list exactly the files: pack the results again with seal-eval submit"
        )
    for run in manifest["runs"]:
        _check_names(folder, run)
    for name, digest in sorted(listed.items()):
        file = folder / name
        most = limits.RESULTS_BYTES if file.suffix == ".json" else limits.PACKED_BYTES if file.suffix == ".gz" else limits.COMMAND_BYTES
        _at_most(file, there[name], most, "bytes")
        if sha256(file) != digest:
            raise SealError(f"{file}: its SHA-256 differs from the manifest's; pack the results again with seal-eval submit")
        if path := _path_in(file):
            raise SealError(f"{file}: contains {path}; pack the results again with seal-eval submit")
    return manifest


def measure(file: Path, most: int) -> tuple[int, int]:
    """(lines, bytes when decompressed) of a sample file. Raises SealError once a line is too long, or the file above `most` bytes."""
    n_lines = n_bytes = begun = 0
    with open_lines(file) as lines:
        while piece := lines.read(limits.MB):
            n_bytes += len(piece)
            if n_bytes > most:
                raise SealError(
                    f"{file}: decompressed, the sample files of this submission have more bytes than the limit of {limits.BYTES} for each "
                    "of --most-tokens; publish less in one submission"
                )
            ends = piece.count(b"\n")
            longest = max(map(len, piece.split(b"\n"))) if ends else 0
            first = piece.find(b"\n") if ends else len(piece)
            _at_most(file, max(longest, begun + first), limits.LINE_BYTES, "bytes in one line")
            begun = len(piece) - piece.rfind(b"\n") - 1 if ends else begun + len(piece)
            n_lines += ends
            _at_most(file, n_lines, limits.LINES, "lines")
    return n_lines + (begun > 0), n_bytes


def _walk(folder: Path) -> dict[str, int]:
    """'FOLDER/FILE' → bytes of every file but the manifest. Raises SealError for what no submission holds, and for too many files."""
    found: dict[str, int] = {}
    n = 0
    for place, name, status in _entries(folder):
        n += 1
        if n > limits.FILES:
            raise SealError(f"{folder} holds more than {limits.FILES:,} files and folders, the limit of a submission; split it")
        shown = f"{place / _shown(name)}"
        if stat.S_ISLNK(status.st_mode):
            raise SealError(f"{shown} is a link; a submission holds files only")
        if stat.S_ISDIR(status.st_mode):
            if place != folder or not RUN_FOLDER.fullmatch(name):
                raise SealError(f"{shown} is a folder that no run has; remove it")
            if not any(os.scandir(place / name)):
                raise SealError(f"{shown} is an empty folder; remove it")
        elif not stat.S_ISREG(status.st_mode):
            raise SealError(f"{shown} is a pipe, socket or device; a submission holds files only")
        elif place == folder and name == LOCK and status.st_size == 0:
            continue
        elif name.startswith("."):
            raise SealError(f"{shown} is a hidden file{' with content' * (name == LOCK)}; remove it")
        elif place != folder or name != MANIFEST:
            found[str((place / name).relative_to(folder))] = status.st_size
    _at_most(folder, sum(found.values()), limits.ALL_BYTES, "bytes in all files")
    return found


def _entries(folder: Path) -> Iterator[tuple[Path, str, os.stat_result]]:
    """Yield (folder, name, status) of everything in a folder and its subfolders, links not followed."""
    todo = [folder]
    while todo:
        place = todo.pop()
        with os.scandir(place) as entries:
            for entry in entries:
                yield place, entry.name, entry.stat(follow_symlinks=False)
                if entry.is_dir(follow_symlinks=False):
                    todo.append(place / entry.name)


def _shown(name: str) -> str:
    """A file's name for a message: as it is if it is printable, else escaped."""
    return name if name.isprintable() else ascii(name)


def _at_most(file: Path, n: int, most: int, what: str) -> None:
    if n > most:
        raise SealError(f"{file} has {n:,} {what}, the limit of a submission is {most:,}; publish less in one submission")


def _manifest(file: Path) -> Any:
    """Read a manifest. Raises SealError naming the first place that does not follow the schema."""
    from jsonschema import Draft202012Validator

    _at_most(file, file.stat().st_size, limits.MANIFEST_BYTES, "bytes")
    manifest = read_json(file)
    error = next(iter(sorted(Draft202012Validator(read_json(SCHEMA)).iter_errors(manifest), key=lambda e: list(map(str, e.path)))), None)
    if error:
        place = "/".join(map(str, error.path))
        place = place if place.isprintable() else dotted(list(error.path))
        raise SealError(f"{file}, {place or 'the whole file'}: {_shown(error.message[:300])}; pack the results again with seal-eval submit")
    return manifest


def _check_names(folder: Path, run: Any) -> None:
    """Raise SealError unless a run has one results file, its command, and otherwise compressed sample files of the same run."""
    names = [name.partition("/")[2] for name in run["files"]]
    stamps = [match[1] for name in names if (match := RESULTS.fullmatch(name))]
    if len(stamps) != 1:
        raise SealError(f"{folder / MANIFEST}: must list every run once, with one results file each; look at {run['run_id']}")
    samples = re.compile(rf"samples_[A-Za-z0-9_]+_{re.escape(stamps[0])}\.jsonl\.gz")
    command = f"command_{stamps[0]}.txt"
    for name in names:
        if not (name in (command, f"results_{stamps[0]}.json") or samples.fullmatch(name)):
            raise SealError(
                f"{folder / run['run_id'] / name}: no file of this run; a run has its results, its command and its samples only"
            )
    if command not in names or len(names) < 3:
        what = command if command not in names else f"samples_TASK_{stamps[0]}.jsonl.gz"
        raise SealError(f"{folder / run['run_id'] / what} is missing; pack the results again with seal-eval submit")


def _path_in(file: Path) -> str:
    """The first path in a results or command file, in words; '' when there is none. Sample files are not searched, they are rebuilt."""
    if file.suffix == ".json":
        recorded = read_json(file)
        before, after = (json.dumps(value, ensure_ascii=False) for value in (recorded, scrubbed(recorded)))
        if before == after:
            return ""
        named = next((match[0] for match in PATH.finditer(before) if match[0] != match[1]), None)
        return f"the absolute path {short(named)[1:-1]!r}" if named else f"a path under one of {', '.join(PATH_KEYS)}"
    text = read_text(file) if file.suffix == ".txt" else ""
    if scrubbed_command(text.removesuffix("\n")) == text.removesuffix("\n"):
        return ""
    named = next((match[0] for match in PATH.finditer(text) if match[0] != match[1]), None)
    return f"the absolute path {short(named)[1:-1]!r}" if named else ""
