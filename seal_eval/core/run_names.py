"""Names of the files that lm-eval writes for a run: results_TIME.json and samples_TASK_TIME.jsonl.

With `--output_path out/weak.json` lm-eval calls the first weak_TIME.json.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from seal_eval.core.content import in_sight
from seal_eval.core.errors import SealError

_TIME = r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?"
_NAMED = re.compile(rf"(?!(?:spec|samples)_).+_({_TIME})\.json")
_SAMPLES = re.compile(rf"samples_.+_({_TIME})\.jsonl(?:\.gz)?")
ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.xz", ".tar.bz2", ".tar.zst", ".7z")
_PACKED = re.compile(rf"results_{_TIME}\.json\.(?:gz|zst|bz2|xz|zip)")


def time_of(results: Path) -> str:
    """The time in a results file's name, which the names of its other files have too."""
    named = _NAMED.fullmatch(results.name)
    return results.stem.removeprefix("results_") if results.name.startswith("results_") or not named else named[1]


def results_files(folder: Path) -> list[Path]:
    """The results files in `folder` and its subfolders, without hidden ones, in order of their paths.

    A file with another name than results_*.json is one if a sample file of the same time lies beside it.
    """
    return sorted(file for file in shown_files(folder, "*.json") if file.name.startswith("results_") or _has_samples(file))


def samples_file(results: Path, task: str) -> Path:
    """The sample file of a task in the run of a results file, packed with gzip or not. Raises SealError when it is missing."""
    samples = results.with_name(f"samples_{task}_{time_of(results)}.jsonl")
    if not samples.is_file() and samples.with_name(samples.name + ".gz").is_file():
        samples = samples.with_name(samples.name + ".gz")
    if not samples.is_file():
        raise SealError(f"{samples} is missing: {results.name} reports {task}; run again with --log_samples")
    return samples


def not_read(folder: Path, results: list[Path]) -> list[str]:
    """Sentences on results in `folder` that cannot be read: packed results files, and sample files whose results file is missing.

    results: those that are read, see `results_files`.
    """
    known = {(file.parent, time_of(file)) for file in results}
    said = []
    for file in sorted(shown_files(folder, "*_*.json*")):
        samples = _SAMPLES.fullmatch(file.name)
        if _PACKED.fullmatch(file.name):
            said.append(f"{file} is packed; unpack it to have its run read")
            known.add((file.parent, time_of(file.with_suffix(""))))
        elif samples and (file.parent, samples[1]) not in known:
            said.append(f"{file} has no results file beside it (results_{samples[1]}.json); copy that too, or end the run")
            known.add((file.parent, samples[1]))
    return said


def archive_in(folder: Path) -> Path | None:
    """The first archive in `folder` and its subfolders, None without one: it may hold results."""
    return min((file for file in shown_files(folder, "*") if file.name.lower().endswith(ARCHIVES)), default=None)


def _has_samples(file: Path) -> bool:
    named = _NAMED.fullmatch(file.name)
    return named is not None and any(file.parent.glob(f"samples_*_{named[1]}.jsonl*"))


def shown_files(folder: Path, pattern: str) -> Iterator[Path]:
    """The files in `folder` and its subfolders that match, without hidden ones and those in hidden folders, in any order."""
    return (file for file in folder.rglob(pattern) if in_sight(file.relative_to(folder)))
