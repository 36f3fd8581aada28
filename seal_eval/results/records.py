"""Read all runs of a folder, and pair the records of two methods by sample id."""

from collections import defaultdict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import TypeVar

from seal_eval.core.errors import SealError, nearest
from seal_eval.core.folders import followed
from seal_eval.core.run_names import archive_in, not_read, results_files, shown_files
from seal_eval.core.streams import warn
from seal_eval.core.types import Record, Run
from seal_eval.results.absent import with_absent
from seal_eval.results.csv_scores import read_scores
from seal_eval.results.instance_files import PATTERN, read_instances
from seal_eval.results.labels import label_runs
from seal_eval.results.model_names import told_apart
from seal_eval.results.run_files import read_run, shared_metrics
from seal_eval.tasks import base_task

Key = TypeVar("Key", bound=Hashable)


def load_runs(
    folder: Path, foreign: bool = False, metric: str = "", cluster: str = "", scored_only: bool = False
) -> list[Run]:  # fmt: skip
    """Read every run in `folder` and its subfolders (hidden ones are skipped), the oldest first.

    foreign: also read tasks from outside this project, a CSV file in the folder's place (`read_scores`) and a folder of instance files of
    Every Eval Ever (`read_instances`). metric, cluster: the score and document of such tasks, see `read_foreign`. A task that lacks
    `metric` is scored by its default, unless all lack it; without `metric` it is one that all runs of the task have. Tasks from outside
    that have no score in 0 to 1 are left out, with a remark on stderr, if the run has another; with scored_only in any case.

    Raises SealError for a missing or empty folder, a link to a place outside of it, and damaged files, naming file and, where possible,
    line.
    """
    if folder.suffix.lower() == ".csv" and folder.is_file():
        if not foreign or scored_only:
            raise SealError(f"{folder} holds scores alone; name a folder with lm-eval's result files, or use seal-eval compare")
        if metric or cluster:
            raise SealError(f"--{'metric' if metric else 'cluster'} is for result files; {folder} has columns score and cluster")
        return read_scores(folder)
    if not folder.is_dir():
        problem = "is no folder" + (" and no .csv file" if foreign else "") if folder.exists() else "does not exist"
        raise SealError(f"results folder {folder} {problem}")
    files = results_files(folder)
    left_out = not_read(folder, files)
    instances = next(shown_files(folder, PATTERN), None)
    if not files and foreign and not scored_only and instances:
        if metric or cluster:
            raise SealError(f"--{'metric' if metric else 'cluster'} is for result files; instance files hold one score for each sample")
        return read_instances(folder)
    if not files:
        archive = archive_in(folder)
        reason = f"; unpack {archive}" if archive else f"; write some with seal-eval run --output_path {folder}"
        reason = f": {left_out[0]}" if left_out else reason
        raise SealError(f"{folder} holds no results_*.json{reason}")
    if instances and foreign:
        left_out.append(f"{instances}: instance files are not read beside results files; move them to a folder of their own")
    for problem in left_out:
        warn(f"left out: {problem}")
    for link in (p for p in folder.rglob("*") if p.is_symlink() and (p.suffix in (".json", ".jsonl", ".gz", ".txt") or p.is_dir())):
        try:
            inside = followed(link).is_relative_to(folder.resolve())
        except OSError as error:
            raise SealError(f"{link} is a link that leads nowhere; remove it") from error
        if not inside:
            raise SealError(f"{link} is a link to a place outside of {folder}; copy what it leads to instead")
    runs = [read_run(file, foreign, metric, cluster, scored_only) for file in files]
    if metric and not any(_scored_by(record, metric) for run in runs for record in _outside(run)):
        for file in files:  # no task has it: say what the first one has
            read_run(file, foreign, metric, cluster, scored_only, strict=True)
    if not metric and (shared := shared_metrics(runs)):
        for i, run in enumerate(runs):
            if any(record.task in shared for record in run.records):
                runs[i] = read_run(files[i], foreign, "", cluster, scored_only, shared)
    runs.sort(key=lambda run: (run.utc, run.run_id))
    if (cluster or metric) and not any(map(_outside, runs)):
        flag = f"--cluster {cluster}" if cluster else f"--metric {metric}"
        raise SealError(f"{flag} is for tasks from outside this project, and {folder} has none; leave it out")
    return with_absent(folder, label_runs(told_apart(runs)))


def _outside(run: Run) -> list[Record]:
    """The run's records of tasks from outside this project; the reason of each is its metric."""
    return [record for record in run.records if not base_task(record.task)]


def _scored_by(record: Record, metric: str) -> bool:
    """Whether a record of a task from outside has the score that was named, 'NAME' or 'NAME,FILTER'."""
    own = record.reason if "," in record.reason else f"{record.reason},none"
    return metric == own or metric == own.partition(",")[0]


def by_method(runs: list[Run], model: str) -> dict[str, dict[str, Record]]:
    """method → sample id → record, for one model. Raises SealError for a sample that two runs of a method answered."""
    return _by_subject([run for run in runs if run.model == model], lambda run: run.method)


def by_model(runs: list[Run]) -> dict[str, dict[str, Record]]:
    """model → sample id → record, for models with one method each. Raises SealError for a sample that two runs of a model answered."""
    return _by_subject(runs, lambda run: run.model)


def _by_subject(runs: list[Run], subject: Callable[[Run], str]) -> dict[str, dict[str, Record]]:
    table: dict[str, dict[str, Record]] = defaultdict(dict)
    for (name, sample), record in answered_once(runs, lambda run, record: (subject(run), record.sample_id)).items():
        table[name][sample] = record
    return dict(table)


def answered_once(runs: list[Run], key: Callable[[Run, Record], Key]) -> dict[Key, Record]:
    """Return key → record. Raises SealError where two runs have a record of one key, or one run has two replies for it."""
    found: dict[Key, tuple[Run, Record]] = {}
    for run in runs:
        for record in run.records:
            earlier, twin = found.setdefault(key(run, record), (run, record))
            if earlier is not run:
                raise SealError(
                    f"{run.model}, method {run.method}: sample {record.sample_id} is in two runs, {earlier.folder} ({earlier.date}) and "
                    f"{run.folder} ({run.date}); move one of them out of the results folder"
                )
            if twin.reply != record.reply:
                raise SealError(
                    f"{run.folder} ({run.date}): sample {record.sample_id} has two replies, under two names of one task; "
                    "run it again with one of them"
                )
    return {name: record for name, (_, record) in found.items()}


def pair(baseline: dict[str, Record], other: dict[str, Record], names: tuple[str, str]) -> list[tuple[Record, Record]]:
    """Return (baseline's record, other's record) for every sample, in order of ids. names: of the two methods, for errors.

    Raises SealError naming the first sample that only one method has, or whose prompt or target differs, and the runs.
    """
    for have, lack, i in ((baseline, other, 1), (other, baseline, 0)):
        if missing := sorted(set(have) - set(lack)):
            runs = ", ".join(sorted({record.run_id for record in lack.values()}))
            raise SealError(
                f"{names[i]} (run {runs or 'none'}) lacks {len(missing)} samples that {names[1 - i]} has, first {missing[0]}; "
                "run both with the same tasks, --metadata and --limit; to a file of scores add a line, with an empty score if there is none"
            )
    for key in sorted(baseline):
        if baseline[key].prompt_hash != other[key].prompt_hash:
            raise SealError(
                f"sample {key} has another prompt or target in {names[1]} (run {other[key].run_id}) than in {names[0]} "
                f"(run {baseline[key].run_id}); they cannot be paired"
            )
        for what, one, two in zip(("document", "depth"), document_and_depth(baseline[key]), document_and_depth(other[key]), strict=True):
            if one is not None and two is not None and one != two:
                raise SealError(
                    f"sample {key} has {what} {one} in {names[0]} and {two} in {names[1]}; a sample has one: write the same for both"
                )
    return [(baseline[key], other[key]) for key in sorted(baseline)]


def document_and_depth(record: Record) -> tuple[str | None, float | None]:
    """(document, depth) of a record, None where it is not told. In files of scores a sample without a document is one by itself."""
    return None if record.cluster == record.sample_id else record.cluster, record.depth


def check_versions(runs: list[Run]) -> None:
    """Raise SealError when two runs were scored by different versions of a task."""
    seen: dict[str, tuple[str, Run]] = {}
    for run in runs:
        answered = {record.task for record in run.records}
        for name, version in run.task_versions.items():
            task = base_task(name) or name  # lm-eval has another name for the task at one length
            if task not in answered:
                continue
            first_version, earlier = seen.setdefault(task, (version, run))
            if version != first_version:
                first = next(record.sample_id for record in run.records if record.task == task)
                raise SealError(
                    f"{task} has version {first_version} in run {earlier.run_id} and {version} in run {run.run_id} (first sample {first}); "
                    "scores of two versions cannot be compared: run one of them again"
                )


def models(runs: list[Run]) -> list[str]:
    """The models of the runs, in order of first appearance."""
    return list(dict.fromkeys(run.model for run in runs))


def check_baseline(methods: list[str], baseline: str, model: str) -> None:
    """Raise SealError when the baseline was not run on this model."""
    if baseline not in methods:
        raise SealError(f"baseline '{baseline}' was not run on {model}{nearest(baseline, methods)}; choose another with --baseline")
