"""Check submissions: hashes, scores and samples are computed again, and no file of the submission is used to build samples."""

from collections import Counter
from pathlib import Path
from typing import Any

from seal_eval.core.errors import SealError
from seal_eval.core.files import read_json
from seal_eval.core.names import visible
from seal_eval.core.strict_json import short
from seal_eval.core.types import Run
from seal_eval.leaderboard import limits
from seal_eval.leaderboard.submissions import MANIFEST, claims, task_of
from seal_eval.leaderboard.verify_command import check_command
from seal_eval.leaderboard.verify_fields import check_fields, check_speed
from seal_eval.leaderboard.verify_files import check_files
from seal_eval.leaderboard.verify_samples import check_samples
from seal_eval.leaderboard.verify_settings import Work
from seal_eval.results.absent import suite_of
from seal_eval.results.records import answered_once, check_versions, load_runs
from seal_eval.results.sources import check_sources

PACK = "pack the results again with seal-eval submit"


def check(folder: Path, tokenizer: str = "", most_tokens: int = limits.TOKENS) -> list[str]:
    """Check a submission; return a line for each run that passed.

    Checked, in this order: files, sizes and hashes (`check_files`); the fields of each results file (`check_fields`), its samples,
    which are built and scored again (`check_samples`), and its command (`check_command`); that the manifest says what the files say.
    tokenizer: folder or hub id to use instead of the run's, if that is not available. most_tokens: prompt tokens to build, at most. Raises
    SealError naming file and field of the first check that fails.
    """
    manifest = check_files(folder)
    work = Work(most_tokens)
    n_samples: Counter[str] = Counter()
    for results in sorted(folder.glob("*/results_*.json")):
        data, stamp = read_json(results), results.stem.removeprefix("results_")
        check_fields(results, data)
        files = {task_of(file.name, stamp): file for file in results.parent.glob("samples_*")}
        if files.keys() != data["results"].keys():
            task = min(files.keys() ^ data["results"].keys())
            raise SealError(f"{results}: {task} has {'no results' if task in files else 'no sample file'}; publish all files of the run")
        for task, file in sorted(files.items()):
            n_samples[results.parent.name] += check_samples(results, data, file, task, tokenizer, work)
        check_command(results.with_name(f"command_{stamp}.txt"), data)
    runs = {run.run_id: run for run in load_runs(folder)}
    listed = Counter(str(manifest_entry["run_id"]) for manifest_entry in manifest["runs"])
    if set(listed) != set(runs) or max(listed.values()) > 1:
        mismatched = sorted(set(listed) ^ set(runs))
        example = f"; look at {mismatched[0]}" if mismatched else ""
        raise SealError(f"{folder / MANIFEST}: must list every run once, with one results file each{example}")
    _check_suites(folder, manifest, list(runs.values()))
    lines = []
    for manifest_entry in manifest["runs"]:
        run = runs[manifest_entry["run_id"]]
        actual = claims(run)
        if wrong := [
            f"{key}={visible(str(manifest_entry[key]))[:400]}, not {actual[key]}" for key in actual if manifest_entry[key] != actual[key]
        ]:
            raise SealError(f"{folder / MANIFEST}: run {run.run_id} does not match its files ({wrong[0]}); {PACK}")
        if run.folder != folder / run.run_id:
            raise SealError(f"{run.folder}: must be named {run.run_id}, after the hash of its results file")
        results = run.results_file
        check_speed(results, read_json(results), sum(record.n_tokens for record in run.records))
        n = n_samples[run.run_id]
        lines.append(f"{run.run_id}  {run.model}, {run.method}: {n} replies scored again, {n} samples built again")
    return lines


def _check_suites(folder: Path, manifest: Any, runs: list[Run]) -> None:
    """Raise SealError unless the manifest lists exactly the cells of the runs' suites that have no results."""
    planned: dict[tuple[str, str], set[tuple[Any, ...]]] = {}  # (suite, model) → its cells: method, task, size
    answered = set()
    for run in runs:
        if suite := suite_of(run):
            # a suite that grew has more cells in its later runs
            planned.setdefault((suite["name"], run.model), set()).update(tuple(cell) for cell in suite["cells"])
            answered |= {(suite["name"], run.model, suite["method"], record.task, record.length) for record in run.records}
    listed = {(cell["suite"], cell["model"], cell["method"], cell["task"], cell["size"]) for cell in manifest.get("not_run", [])}
    lacking = {(*suite, *cell) for suite, cells in planned.items() for cell in cells} - answered
    suites = {name for name, _ in planned}
    odd = {cell for cell in listed if cell[0] not in suites or (cell[:2] in planned and cell not in lacking)} | (lacking - listed)
    if odd:
        place = ", ".join(map(str, min(odd, key=str)))
        raise SealError(
            f"{folder / MANIFEST}: not_run must list the cells of the runs' suites without results; look at {short(place)}; {PACK}"
        )


def check_all(folder: Path, tokenizer: str = "", most_tokens: int = limits.TOKENS) -> list[str]:
    """Run `check` on every submission in `folder` and its subfolders, which must hold no other results; return all lines.

    Raises SealError also for a sample that two runs have for one model and method, and for runs of one model's name from two sources.
    """
    if not folder.is_dir():
        raise SealError(f"{folder} does not exist")
    packed = [manifest.parent for manifest in sorted(folder.rglob(MANIFEST))]
    for file in sorted(folder.rglob("results_*.json")) if packed else []:
        if not any(file.is_relative_to(submission) for submission in packed):
            raise SealError(f"{file} belongs to no submission, and a site would show it; pack it with seal-eval submit")
    lines = [line for submission in packed for line in check(submission, tokenizer, most_tokens)]
    if packed:
        _check_together(load_runs(folder))
    return lines


def _check_together(runs: list[Run]) -> None:
    """Raise SealError for what would stop the site for everybody: a prompt that a method answers twice, two models or tasks of one name.

    Samples of one id with other prompts, as of two suites, are compared on two boards.
    """
    check_versions(runs)
    check_sources(runs)
    answered_once(runs, lambda run, record: (run.model, run.method, record.sample_id, record.prompt_hash))
