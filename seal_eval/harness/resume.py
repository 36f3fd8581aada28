"""The work folder of a run: a killed run continues from it, and its results are published completely or not at all."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from seal_eval.core.content import fingerprint as fingerprint
from seal_eval.core.errors import SealError
from seal_eval.core.files import read_json, write_json, write_text
from seal_eval.core.folders import only_writer
from seal_eval.core.names import SUITE_KEY
from seal_eval.core.world import n_processes, own_rank
from seal_eval.harness.planned import SUITE
from seal_eval.harness.reply_log import Journal, recording

WHOLE = "whole"  # marker file: all results in the work folder's `out` are on disk


def spec_id(spec: dict[str, Any]) -> str:
    """Return the first 12 hex digits of the SHA-256 of `spec`, which holds everything that the replies depend on."""
    return hashlib.sha256(json.dumps(spec, sort_keys=True, default=str).encode()).hexdigest()[:12]


def finished(folder: Path, ident: str) -> Path | None:
    """Return the results file of the run with spec id `ident` that was completed in `folder`, None when there is none."""
    for file in sorted(folder.glob("spec_*.json")):
        results = file.with_name(file.name.replace("spec_", "results_", 1))
        if results.is_file() and read_json(file).get("spec_id") == ident:
            return results
    return None


def has_results(folder: Path) -> bool:
    """Return whether any run was completed in `folder`."""
    return any(folder.glob("results_*.json"))


def logged_replies(folder: Path) -> int:
    """Return the number of replies of unfinished runs in `folder`."""
    return sum(file.read_bytes().count(b"\n") for file in folder.glob(".run-*/replies-*.jsonl"))


def complete(
    folder: Path, spec: dict[str, Any], command: str, evaluate: Callable[[Path], Any], speed: dict[str, str] | None = None
) -> tuple[Path, str]:
    """Run `evaluate(out)`, which writes lm-eval's files into the folder `out`, then move them into `folder`.

    speed: settings that do not make it another run, which are recorded: a repetition with others says so.
    Return (the results file, a note about an earlier attempt or ''). A run that is already complete is not run again; one that was killed
    reuses the replies in its journal. In a data-parallel run, ranks above 0 only evaluate, and return the work folder as the first item.
    Raises SealError when another process runs the same, when lm-eval wrote no results, and as `n_processes`.
    """
    ident = spec_id(spec)
    scratch = folder / f".run-{ident}"
    rank = own_rank()
    if rank:  # data-parallel run: rank 0 holds the lock and writes the results
        if (scratch / WHOLE).is_file() or finished(folder, ident):
            return scratch, ""
        scratch.mkdir(parents=True, exist_ok=True)
        with recording(scratch, rank) as journal:
            evaluate(scratch / "out")
        return scratch, _reuse_note(journal)
    with only_writer(scratch, folder):
        out = scratch / "out"
        if (scratch / WHOLE).is_file():
            _publish(scratch, folder)
        if earlier := finished(folder, ident):
            shutil.rmtree(scratch, ignore_errors=True)
            return earlier, _finished_note(earlier, speed)
        shutil.rmtree(out, ignore_errors=True)  # incomplete files of a killed run; its replies are in the journal
        with recording(scratch) as journal:
            evaluate(out)
        results = next(iter(out.glob("results_*.json")), None)
        if results is None:  # lm-eval only warns when it cannot write
            raise SealError(f"lm-eval wrote no results into {out}; is the disk full or the folder read-only?")
        _complete_record(results, journal.n_found)
        stamp = results.stem.removeprefix("results_")
        if n_processes() > 1:
            for samples in out.glob("samples_*.jsonl"):
                in_order(samples)
        write_text(out / f"command_{stamp}.txt", command + "\n")
        write_json(out / f"spec_{stamp}.json", {"spec_id": ident, **spec, **({"speed": speed} if speed else {})})
        for file in out.iterdir():
            _flush(file)
        (scratch / WHOLE).touch()
        _flush(scratch)
        _publish(scratch, folder)
        shutil.rmtree(scratch, ignore_errors=True)
    return folder / results.name, _reuse_note(journal)


def _complete_record(results: Path, n_found: int) -> None:
    """Add to lm-eval's results file how many replies were found, and the suite, which only our own engine's information holds."""
    suite = SUITE.get()
    if not n_found and not suite:
        return
    told = read_json(results, nan=True)
    if n_found:  # so that nobody divides all tokens by the time of this attempt
        told["replies_found"] = n_found
    if suite and "seal_eval" not in told["config"]:
        told["config"][SUITE_KEY] = suite
    write_text(results, json.dumps(told, indent=2, ensure_ascii=False))


def _finished_note(results: Path, speed: dict[str, str] | None) -> str:
    """Return a note about a finished run, with the settings of its speed if they were not those that are asked for now."""
    note = "this run was finished before; nothing was run again"
    before = read_json(results.with_name(results.name.replace("results_", "spec_", 1))).get("speed")
    if not speed or not isinstance(before, dict) or before == speed:
        return note
    ran = ", ".join(f"{key}={value}" for key, value in before.items()) or "the default settings"
    return f"{note}. It ran with {ran}, which may round a few replies otherwise; name another --output_path to run it as asked now"


def _reuse_note(journal: Journal) -> str:
    """Return a note about the replies of an earlier attempt, '' when there were none."""
    return f"{journal.n_found} replies of an earlier attempt were found and reused" if journal.n_found else ""


def in_order(samples: Path) -> None:
    """Sort the lines of a sample file by document. In a data-parallel run, lm-eval writes them one process after the other."""
    lines = samples.read_bytes().splitlines(keepends=True)
    ids = [json.loads(line)["doc_id"] for line in lines]
    if ids != sorted(ids):
        ordered = sorted(range(len(lines)), key=lambda i: (ids[i], i))
        samples.write_bytes(b"".join(lines[i] for i in ordered))


def _publish(scratch: Path, folder: Path) -> None:
    """Move the files of the work folder `scratch` into `folder`, the results file last: readers take a run for complete when they see it.

    Then delete the marker WHOLE. If the marker exists and `out` does not, everything was already published.
    """
    out = scratch / "out"
    files = out.iterdir() if out.is_dir() else ()
    for file in sorted(files, key=lambda file: (file.name.startswith("results_"), file.name)):
        file.replace(folder / file.name)
        _flush(folder)
    (scratch / WHOLE).unlink()


def _flush(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, is on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
