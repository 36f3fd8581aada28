"""A run's folder while it is under way: a killed run goes on from it, and its results appear whole or not at all."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from seal_eval.core.errors import SealError
from seal_eval.core.files import only_writer, read_json, write_json, write_text
from seal_eval.harness.reply_log import Journal, recording

WHOLE = "whole"  # in a run's folder once everything in `out` is on disk
SMALL = 1 << 26  # bytes up to which a file is known by its content, above by its size and time of change


def spec_id(spec: dict[str, Any]) -> str:
    """Twelve hex digits of everything that the replies depend on."""
    return hashlib.sha256(json.dumps(spec, sort_keys=True, default=str).encode()).hexdigest()[:12]


def fingerprint(path: Path) -> str:
    """Of a file or a folder's files."""
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file() and not file.name.startswith("."):
            about = file.stat()
            digest.update(f"{file.name} {about.st_size}\n".encode())
            digest.update(file.read_bytes() if about.st_size <= SMALL else str(about.st_mtime_ns).encode())
    return digest.hexdigest()[:16]


def finished(folder: Path, ident: str) -> Path | None:
    """The results file of a run that was completed in `folder`, None when there is none."""
    for file in sorted(folder.glob("spec_*.json")):
        results = file.with_name(file.name.replace("spec_", "results_", 1))
        if results.is_file() and read_json(file).get("spec_id") == ident:
            return results
    return None


def complete(folder: Path, spec: dict[str, Any], command: str, evaluate: Callable[[Path], Any]) -> tuple[Path, str]:
    """Run `evaluate(out)`, which writes lm-eval's files into the folder `out`, and move them into `folder`, once.

    Returns (the results file, what was found of an earlier attempt). Replies are recorded meanwhile, see `Journal`; repeated after any
    death it goes on where it was. Raises SealError when another process is at it or nothing was written.
    """
    ident = spec_id(spec)
    scratch = folder / f".run-{ident}"
    rank = int(os.environ.get("RANK", "0"))
    if rank:  # beside the first process of a data-parallel run, which has the lock and writes the results
        if (scratch / WHOLE).is_file() or finished(folder, ident):
            return scratch, ""
        scratch.mkdir(parents=True, exist_ok=True)
        with recording(scratch, rank) as journal:
            evaluate(scratch / "out")
        return scratch, found(journal)
    with only_writer(scratch, folder):
        out = scratch / "out"
        if (scratch / WHOLE).is_file():
            _publish(scratch, folder)
        if earlier := finished(folder, ident):
            shutil.rmtree(scratch, ignore_errors=True)
            return earlier, "this run was finished before; nothing was run again"
        shutil.rmtree(out, ignore_errors=True)  # lm-eval was writing; every reply is in the journal
        with recording(scratch) as journal:
            evaluate(out)
        results = next(iter(out.glob("results_*.json")), None)
        if results is None:  # lm-eval only warns when it cannot write
            raise SealError(f"lm-eval wrote no results into {out}; is the disk full or the folder read-only?")
        stamp = results.stem.removeprefix("results_")
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            for samples in out.glob("samples_*.jsonl"):
                in_order(samples)
        write_text(out / f"command_{stamp}.txt", command + "\n")
        write_json(out / f"spec_{stamp}.json", {"spec_id": ident, **spec})
        for file in out.iterdir():
            _flush(file)
        (scratch / WHOLE).touch()
        _flush(scratch)
        _publish(scratch, folder)
        shutil.rmtree(scratch, ignore_errors=True)
    return folder / results.name, found(journal)


def found(journal: Journal) -> str:
    """What an earlier attempt left, in words."""
    return f"{journal.n_found} replies of an earlier attempt were found and not asked again" if journal.n_found else ""


def in_order(samples: Path) -> None:
    """Lines in order of documents: several processes leave them one process after the other."""
    lines = samples.read_bytes().splitlines(keepends=True)
    ids = [json.loads(line)["doc_id"] for line in lines]
    if ids != sorted(ids):
        ordered = sorted(range(len(lines)), key=lambda i: (ids[i], i))
        samples.write_bytes(b"".join(lines[i] for i in ordered))


def _publish(scratch: Path, folder: Path) -> None:
    """Move the files into `folder`, the one that makes them a run last.

    `whole` goes before the rest of the scratch folder is cleared away; where it stands without `out`, everything was published.
    """
    out = scratch / "out"
    files = out.iterdir() if out.is_dir() else ()
    for file in sorted(files, key=lambda file: (file.name.startswith("results_"), file.name)):
        file.replace(folder / file.name)
        _flush(folder)
    (scratch / WHOLE).unlink()


def _flush(path: Path) -> None:
    """Wait until the disk has a file's content or a folder's names."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
