"""Read and check lm-eval's result files as Runs and Records, and pair the records of two methods by sample id."""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from seal_eval.core.errors import SealError, nearest
from seal_eval.core.files import open_lines, read_json, reading, sha256
from seal_eval.core.names import method_label, recorded
from seal_eval.core.types import CLUSTER_KEY, Record, Run
from seal_eval.results.labels import label_runs
from seal_eval.results.lm_eval_tasks import read_foreign
from seal_eval.results.validation import own_part
from seal_eval.tasks import VERSION, base_task, get_task

# keys that every sample's doc must have, and the type that each is converted to
_DOC_TYPES: dict[str, Callable[[Any], Any]] = {
    "sample_id": str, "length": int, "n_tokens": int, "depth": lambda x: None if x is None else float(x), "cluster": str,
}  # fmt: skip

# model_args of a stock engine that change the model: runs in which they differ are different methods
STOCK_SETTINGS = ("peft", "delta", "revision", "subfolder", "rope_parameters", "rope_scaling", "hf_overrides", "max_position_embeddings")


def load_runs(folder: Path, foreign: bool = False, metric: str = "") -> list[Run]:
    """Read every run in `folder` and its subfolders (hidden ones are skipped), the oldest first.

    foreign: also read tasks from outside this project, with the scores of `metric` (see `read_foreign`). Raises SealError for a missing or
    empty folder, a link to a place outside of it, and damaged files, naming file and, where possible, line.
    """
    if not folder.is_dir():
        raise SealError(f"results folder {folder} does not exist")
    files = sorted(f for f in folder.rglob("results_*.json") if not any(p.startswith(".") for p in f.relative_to(folder).parts))
    if not files:
        raise SealError(f"{folder} holds no results_*.json; write some with seal-eval run --output_path {folder}")
    for link in (p for p in folder.rglob("*") if p.is_symlink() and p.suffix in (".json", ".jsonl", ".gz", ".txt")):
        if not link.resolve().is_relative_to(folder.resolve()):
            raise SealError(f"{link} is a link to a place outside of {folder}; copy the file instead")
    runs = sorted((read_run(file, foreign, metric) for file in files), key=lambda run: (run.date, run.run_id))
    return label_runs(runs)


def read_run(file: Path, foreign: bool = False, metric: str = "") -> Run:
    """Read the run of one results file. Raises SealError as `load_runs`, which also tells runs of one name apart."""
    with reading(file):
        return _run_of(file, foreign, metric)


def _run_of(file: Path, foreign: bool, metric: str) -> Run:
    data = read_json(file)
    if not isinstance(data, dict) or not isinstance(data.get("config"), dict) or not isinstance(data.get("results"), dict):
        raise SealError(f"{file}: not an lm-eval results file (no 'config' and 'results')")
    stamp = file.stem.removeprefix("results_")
    config = data["config"]
    seal = own_part(file, data)  # what seal-eval adds to lm-eval's file
    model_args = config.get("model_args") or {}
    if not isinstance(model_args, dict):
        model_args = dict(part.split("=", 1) for part in str(model_args).split(",") if "=" in part)
    digest = sha256(file)
    run_id = digest[:12]
    records: list[Record] = []
    hashes = {file.name: digest}
    for task in sorted(data["results"]):
        base = base_task(task)
        if not base and (not foreign or (data.get("group_subtasks") or {}).get(task)):  # a group has no samples of its own
            continue
        samples = file.with_name(f"samples_{task}_{stamp}.jsonl")
        if not samples.is_file() and samples.with_name(samples.name + ".gz").is_file():
            samples = samples.with_name(samples.name + ".gz")
        if not samples.is_file():
            raise SealError(f"{samples} is missing: {file.name} reports {task}; run again with --log_samples")
        hashes[samples.name] = sha256(samples)
        if base and (version := (data.get("versions") or {}).get(task)) is not None and float(version) != VERSION:
            raise SealError(
                f"{file}: {task} was scored by the rules of version {version}, this is version {VERSION}; "
                f"score its replies again: seal-eval score results {file.parent} --out NEW_FOLDER"
            )
        rows = list(_read_samples(samples, base, run_id) if base else read_foreign(samples, task, run_id, metric))
        records += rows
        reported = (data.get("n-samples") or {}).get(task, {}).get("effective")
        if reported is not None and reported != len(rows):
            raise SealError(f"{samples} holds {len(rows)} samples, {file.name} reports {reported}; the file is cut or was edited")
    if not records:
        raise SealError(f"{file}: no {'scored' if foreign else 'seal_*'} task in it ({', '.join(data['results']) or 'no task at all'})")
    sidecar = file.with_name(f"command_{stamp}.txt")
    return Run(
        run_id=run_id,
        model=recorded(str(seal.get("model") or model_args.get("pretrained") or model_args.get("model") or config.get("model"))),
        method=str(seal.get("method") or method_label("stock", model_args)),
        settings=seal.get("settings") or {k: v for k, v in model_args.items() if k in STOCK_SETTINGS},
        about=seal.get("about") or {},
        config=config,
        versions=_versions(data, seal),
        hardware=str(seal.get("hardware") or _processor(data)),
        date=stamp,
        command=sidecar.read_text(encoding="utf-8").strip() if sidecar.is_file() else _stock_command(config, model_args, data),
        seconds=float(data["total_evaluation_time_seconds"]) if data.get("total_evaluation_time_seconds") else None,
        files=hashes,
        task_versions={task: str(version) for task, version in (data.get("versions") or {}).items()},
        folder=file.parent,
        records=tuple(records),
    )


def _read_samples(file: Path, task: str, run_id: str) -> Iterator[Record]:
    """Yield the Records of a sample file of one of this project's tasks. Every reply is scored again and must get the score in the file."""
    seen: dict[str, int] = {}
    score = get_task(task).score
    with open_lines(file) as lines:
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
                doc = row["doc"]
                fields = {key: read(doc[CLUSTER_KEY if key == "cluster" and key not in doc else key]) for key, read in _DOC_TYPES.items()}
                targets = tuple(map(str, doc["targets"]))
                doc["input"], doc["answer_tokens"]  # score() needs them
                # lm-eval's --predict_only logs the metric `bypass` alone; the reply is there to be scored
                reply, logged = row["filtered_resps"][0], None if "bypass" in row else row["acc"]
                prompt_hash = row["prompt_hash"] + row["target_hash"]
            except (ValueError, KeyError, TypeError, IndexError) as error:  # not UTF-8 and not JSON are ValueErrors
                problem = f"no {error}" if isinstance(error, KeyError) else str(error)
                raise SealError(f"{file}, line {number}: not a sample of {task} ({problem}); the file is damaged") from error
            if not isinstance(reply, str):
                raise SealError(f"{file}, line {number}: the reply is {type(reply).__name__}, not text")
            scored = score(reply, doc)
            if scored.value is not None and logged is not None and scored.value != logged:
                raise SealError(
                    f"{file}, line {number}: acc is {logged}, but the reply scores {scored.value} ({scored.reason}); the file was edited"
                )
            sample_id = fields["sample_id"]
            if sample_id in seen:
                raise SealError(f"{file}, line {number}: sample {sample_id} is also on line {seen[sample_id]}")
            seen[sample_id] = number
            yield Record(
                run_id=run_id,
                task=task,
                targets=targets,
                reply=reply,
                answer=scored.answer,
                score=scored.value,
                reason=scored.reason,
                prompt_hash=prompt_hash,
                **fields,
            )
    if not seen:
        raise SealError(f"{file} is empty; remove it together with its results file, or run again")


def by_method(runs: list[Run], model: str) -> dict[str, dict[str, Record]]:
    """method → sample id → record, for one model. Raises SealError for a sample that two runs of a method answered."""
    return _by_subject([run for run in runs if run.model == model], lambda run: run.method)


def by_model(runs: list[Run]) -> dict[str, dict[str, Record]]:
    """model → sample id → record, for models with one method each. Raises SealError for a sample that two runs of a model answered."""
    return _by_subject(runs, lambda run: run.model)


def _by_subject(runs: list[Run], subject: Callable[[Run], str]) -> dict[str, dict[str, Record]]:
    table: dict[str, dict[str, Record]] = defaultdict(dict)
    owner: dict[tuple[str, str], Run] = {}
    for run in runs:
        name = subject(run)
        for record in run.records:
            earlier = owner.setdefault((name, record.sample_id), run)
            if earlier is not run:
                raise SealError(
                    f"{run.model}, method {run.method}: sample {record.sample_id} is in two runs, {earlier.date} and {run.date}; "
                    "move one of them out of the results folder"
                )
            table[name][record.sample_id] = record
    return dict(table)


def pair(baseline: dict[str, Record], other: dict[str, Record], names: tuple[str, str]) -> list[tuple[Record, Record]]:
    """Return (baseline's record, other's record) for every sample, in order of ids. names: of the two methods, for errors.

    Raises SealError naming the first sample that only one method has, or whose prompt or target differs, and the runs.
    """
    for have, lack, i in ((baseline, other, 1), (other, baseline, 0)):
        if missing := sorted(set(have) - set(lack)):
            runs = ", ".join(sorted({record.run_id for record in lack.values()}))
            raise SealError(
                f"{names[i]} (run {runs or 'none'}) lacks {len(missing)} samples that {names[1 - i]} has, first {missing[0]}; "
                "run both with the same tasks, --metadata and --limit"
            )
    for key in sorted(baseline):
        if baseline[key].prompt_hash != other[key].prompt_hash:
            raise SealError(
                f"sample {key} has another prompt or target in {names[1]} (run {other[key].run_id}) than in {names[0]} "
                f"(run {baseline[key].run_id}); they cannot be paired"
            )
    return [(baseline[key], other[key]) for key in sorted(baseline)]


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


def check_sources(runs: list[Run]) -> None:
    """Raise SealError when two runs took a model of one name from different sources: its weights may differ."""
    seen: dict[str, tuple[Any, Run]] = {}
    for run in runs:
        source = (run.config.get("seal_eval") or {}).get("model_source")
        first_source, earlier = seen.setdefault(run.model, (source, run)) if source else (source, run)
        if source != first_source:
            raise SealError(
                f"{run.model} came from {_place(first_source)} in run {earlier.run_id} and from {_place(source)} in run {run.run_id}; its "
                "weights may differ: run one of them again with the other's model, or under another name"
            )


def _place(source: Any) -> str:
    return ", ".join(f"{key}={value}" for key, value in source.items()) if isinstance(source, dict) else str(source)


def models(runs: list[Run]) -> list[str]:
    """The models of the runs, in order of first appearance."""
    return list(dict.fromkeys(run.model for run in runs))


def check_baseline(methods: list[str], baseline: str, model: str) -> None:
    """Raise SealError when the baseline was not run on this model."""
    if baseline not in methods:
        raise SealError(f"baseline '{baseline}' was not run on {model}{nearest(baseline, methods)}")


def _versions(data: dict[str, Any], seal: dict[str, Any]) -> dict[str, str]:
    versions = {"lm-eval": data.get("lm_eval_version"), "transformers": data.get("transformers_version")}
    versions |= {"seal-eval": seal.get("version"), "torch": seal.get("torch"), "commit": data.get("git_hash")}
    return {key: str(value) for key, value in versions.items() if value}


def _processor(data: dict[str, Any]) -> str:
    """The processor named in lm-eval's description of the machine."""
    line = re.search(r"^Model name:\s*(.+)$", str(data.get("pretty_env_info") or ""), re.MULTILINE)
    return line.group(1) if line else "unknown"


def _stock_command(config: dict[str, Any], model_args: dict[str, Any], data: dict[str, Any]) -> str:
    """A command that repeats a run of stock lm_eval; it has no file with its command."""
    args = ",".join(f"{k}={v}" for k, v in model_args.items())
    return f"lm_eval --model {config.get('model')} --model_args {args} --tasks {','.join(data['results'])}"
