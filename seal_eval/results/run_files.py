"""Read the run of one of lm-eval's results files, with its sample files: checked against schema.py, every reply scored again."""

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from seal_eval.core.checked import check, check_printable, checked_row
from seal_eval.core.errors import SealError
from seal_eval.core.files import PARSING, damaged, numbered_lines, read_json, read_text, reading, sha256
from seal_eval.core.names import CHANGES_WEIGHTS, method_label, recorded, visible
from seal_eval.core.run_names import samples_file, time_of
from seal_eval.core.strict_json import check_finite
from seal_eval.core.types import CLUSTER_KEY, Record, Run
from seal_eval.results.lm_eval_documents import Guess
from seal_eval.results.lm_eval_tasks import NoMetric, NoScore, lower_is_better, read_foreign, usable_metrics
from seal_eval.results.schema import ResultsFile, Row
from seal_eval.results.stock_command import stock_command
from seal_eval.tasks import VERSION, base_task, get_task

# model_args of a stock engine that change the model: runs in which they differ are different methods
STOCK_SETTINGS = (
    *CHANGES_WEIGHTS, "revision", "subfolder", "rope_parameters", "rope_scaling", "hf_overrides", "max_position_embeddings",
    "dtype", "load_in_4bit", "load_in_8bit", "quantization", "quantization_config", "gguf_file", "autogptq", "gptqmodel", "kv_cache_dtype",
)  # fmt: skip


def read_run(
    file: Path, foreign: bool = False, metric: str = "", cluster: str = "", scored_only: bool = False,
    metrics: Mapping[str, str] | None = None, strict: bool = False,
) -> Run:  # fmt: skip
    """Read the run of one results file. Raises SealError as `load_runs`, which also tells runs of one name apart.

    metrics: task → metric, in place of `metric`. strict: a task without that metric is an error; else it is scored by its default.
    """
    with reading(file):
        return _run_of(file, foreign, lambda task: (metrics or {}).get(task, metric), cluster, scored_only, strict)


def shared_metrics(runs: Sequence[Run]) -> dict[str, str]:
    """Task from outside this project → the metric by which all runs can be scored, for tasks whose runs were scored by different ones.

    It is the first of the first run whose values are in 0 to 1 in every run. Raises SealError, naming two runs, when there is none.
    """
    by_task: dict[str, dict[str, list[Run]]] = {}
    for run in runs:
        for task, metric in {record.task: record.reason for record in run.records if not base_task(record.task)}.items():
            by_task.setdefault(task, {}).setdefault(metric, []).append(run)
    found = {}
    for task, by_metric in by_task.items():
        if len(by_metric) < 2:
            continue
        files = [run.results_file for some in by_metric.values() for run in some]
        usable = [usable_metrics(samples_file(file, task), lower_is_better(read_json(file, nan=True), task)) for file in files]
        shared = [metric for metric in usable[0] if all(metric in others for others in usable)]
        if not shared:
            (first, (a, *_)), (second, (b, *_)) = list(by_metric.items())[:2]
            raise SealError(
                f"{task}: run {a.run_id} has scores in 0 to 1 by {first} and run {b.run_id} by {second}, and no metric is in both; "
                "run one of them again, or compare them apart"
            )
        found[task] = shared[0]
    return found


def _run_of(file: Path, foreign: bool, metric_of: Callable[[str], str], cluster: str, scored_only: bool, strict: bool) -> Run:
    data = read_json(file, nan=True)  # a mean over no sample is NaN in lm-eval's tables, which are not read
    if not isinstance(data, dict) or not isinstance(data.get("config"), dict) or not isinstance(data.get("results"), dict):
        raise SealError(f"{file}: not an lm-eval results file (no 'config' and 'results')")
    for part in data.keys() - {"results", "groups"}:
        check_finite(data[part], part)
    check(ResultsFile, data, file, "the file was edited, run again")
    stamp = time_of(file)
    seal = _told(data["config"].get("seal_eval"))  # what seal-eval adds to lm-eval's file
    config = {key: value for key, value in data["config"].items() if key != "seal_eval"} | ({"seal_eval": seal} if seal else {})
    model_args = model_args_of(config)
    settings = seal.get("settings") or {k: v for k, v in model_args.items() if k in STOCK_SETTINGS}
    check_printable(settings, file, "config", *(("seal_eval", "settings") if seal.get("settings") else ("model_args",)))
    digest = sha256(file)
    run_id = digest[:12]
    records: list[Record] = []
    guesses: list[Guess] = []
    unscored: list[NoScore] = []
    hashes = {file.name: digest}
    for task in sorted(data["results"]):
        base = base_task(task)
        if not base and (not foreign or (data.get("group_subtasks") or {}).get(task)):  # a group has no samples of its own
            continue
        samples = samples_file(file, task)
        hashes[samples.name] = sha256(samples)
        if base:
            _check_version(file, task, (data.get("versions") or {}).get(task))
            rows = list(_read_samples(samples, base, run_id))
            n_samples = len(rows)
        else:
            try:
                rows, guess, n_samples = _read_foreign(samples, task, run_id, metric_of(task), cluster, lower_is_better(data, task), strict)
            except NoScore as error:
                unscored.append(error)
                continue
            guesses += [guess] if guess else []
        records += rows
        reported = ((data.get("n-samples") or {}).get(task) or {}).get("effective")
        # of other tasks lm-eval counts the values of the metric that has most: a sample may lack any of them
        if reported is not None and (n_samples != reported if base else n_samples < reported):
            raise SealError(f"{samples} holds {n_samples} samples, {file.name} reports {reported}; the file is cut or was edited")
    if unscored and not records and not scored_only:
        raise unscored[0]
    for problem in unscored:
        print(f"left out: {problem}", file=sys.stderr)
    if not records:
        raise SealError(f"{file}: no {'scored' if foreign else 'seal_*'} task in it ({', '.join(data['results']) or 'no task at all'})")
    sidecar = file.with_name(f"command_{stamp}.txt")
    method = str(seal.get("method") or method_label("stock", model_args))
    check_printable(method, file, "config", "model_args", "peft")
    return Run(
        run_id=run_id,
        model=recorded(str(seal.get("model") or named_model(config) or config.get("model"))),
        method=method,
        settings=settings,
        about=_told(seal.get("about")),
        config=config,
        versions=_versions(data, seal),
        hardware=visible(str(seal.get("hardware") or _processor(data))),
        date=stamp,
        utc=utc_of(data.get("date"), stamp),
        command=visible(read_text(sidecar).strip() if sidecar.is_file() else stock_command(config, model_args, data)),
        seconds=None if data.get("replies_found") else float(data.get("total_evaluation_time_seconds") or 0) or None,
        files=hashes,
        task_versions={task: str(version) for task, version in (data.get("versions") or {}).items()},
        folder=file.parent,
        records=tuple(records),
        budgets=_budgets(data),
        guesses=tuple(guesses),
    )


def _read_foreign(
    samples: Path, task: str, run_id: str, metric: str, cluster: str, lower: set[str], strict: bool
) -> tuple[list[Record], Guess | None, int]:
    """`read_foreign`; unless `strict`, by the task's default where it lacks the metric, which may be another task's."""
    try:
        return read_foreign(samples, task, run_id, metric, cluster, lower)
    except NoMetric:
        if strict or not metric:
            raise
        return read_foreign(samples, task, run_id, "", cluster, lower)


def _budgets(data: dict[str, Any]) -> dict[str, int]:
    """Task → tokens that a reply may take, thinking included; without tasks from outside whose configuration does not say it."""
    found = {}
    for name, setup in (data.get("configs") or {}).items():
        if base := base_task(name):
            said = setup.get("metadata") or {}
            found[base] = int(said.get("answer_tokens") or get_task(base).answer_tokens) + int(said.get("thinking_tokens") or 0)
        elif isinstance(options := setup.get("generation_kwargs"), dict) and isinstance(most := options.get("max_gen_toks"), int):
            found[name] = most
    return found


def _told(fields: dict[str, Any] | None) -> dict[str, Any]:
    """The fields that hold something: null is as good as absent, and readers need not tell the two apart."""
    return {key: value for key, value in (fields or {}).items() if value is not None}


def model_args_of(config: dict[str, Any]) -> dict[str, Any]:
    """lm-eval's model_args as key → value; stock engines of some versions write them as text."""
    model_args = config.get("model_args") or {}
    return model_args if isinstance(model_args, dict) else dict(part.split("=", 1) for part in str(model_args).split(",") if "=" in part)


def named_model(config: dict[str, Any]) -> str:
    """The evaluated model as the user wrote it, a checkpoint or a served model; '' where the engine takes none."""
    args = model_args_of(config)
    return str(args.get("pretrained") or args.get("model") or "")


def utc_of(date: float | None, stamp: str) -> str:
    """The time of a run in UTC, '2026-11-24T19:05:17Z'.

    date: `date` of the results file, seconds since 1970. Files of old versions have none: then the stamp in the file's name is taken,
    which is local time of an unknown zone. Raises ValueError for a stamp that is no time.
    """
    when = datetime.fromtimestamp(date, UTC) if date is not None else datetime.strptime(stamp[:19], "%Y-%m-%dT%H-%M-%S")
    return f"{when:%Y-%m-%dT%H:%M:%S}Z".rjust(20, "0")


def _check_version(file: Path, task: str, version: Any) -> None:
    """Raise SealError when a task was scored by other rules than today's."""
    if version is not None and not (isinstance(version, float | int) and float(version) == VERSION):
        raise SealError(
            f"{file}: {task} was scored by the rules of version {version}, this is version {VERSION}; "
            f"score its replies again: seal-eval score results {file.parent} --out NEW_FOLDER"
        )


def _read_samples(file: Path, task: str, run_id: str) -> Iterator[Record]:
    """Yield the Records of a sample file of one of this project's tasks. Every reply is scored again and must get the score in the file."""
    seen: dict[str, int] = {}
    score = get_task(task).score
    for number, line in numbered_lines(file):
        row = checked_row(file, number, line, Row, f"a sample of {task}")
        doc, reply = row["doc"], row["filtered_resps"][0]
        try:
            scored = score(reply, doc)
            logged = None if "bypass" in row else row["acc"]  # lm-eval's --predict_only logs the metric `bypass` alone
        except PARSING as error:
            raise damaged(file, error, number) from error
        if scored.value is not None and logged is not None and scored.value != logged:
            raise SealError(
                f"{file}, line {number}: acc is {logged}, but the reply scores {scored.value} ({scored.reason}); the file was edited"
            )
        sample_id = doc["sample_id"]
        if sample_id in seen:
            raise SealError(f"{file}, line {number}: sample {sample_id} is also on line {seen[sample_id]}")
        seen[sample_id] = number
        yield Record(
            run_id=run_id,
            sample_id=sample_id,
            task=task,
            length=doc["length"],
            n_tokens=doc["n_tokens"],
            depth=None if doc["depth"] is None else float(doc["depth"]),
            cluster=doc[CLUSTER_KEY] if CLUSTER_KEY in doc else doc["cluster"],
            targets=tuple(doc["targets"]),
            reply=reply,
            answer=scored.answer,
            score=scored.value,
            reason=scored.reason,
            prompt_hash=row["prompt_hash"] + row["target_hash"],
        )
    if not seen:
        raise SealError(f"{file} is empty; remove it together with its results file, or run again")


def _versions(data: dict[str, Any], seal: dict[str, Any]) -> dict[str, str]:
    versions = {"lm-eval": data.get("lm_eval_version"), "transformers": data.get("transformers_version")}
    versions |= {"seal-eval": seal.get("version"), "torch": seal.get("torch"), "commit": data.get("git_hash")}
    return {key: str(value) for key, value in versions.items() if value}


def _processor(data: dict[str, Any]) -> str:
    """The processor named in lm-eval's description of the machine."""
    line = re.search(r"^Model name:\s*(.+)$", str(data.get("pretty_env_info") or ""), re.MULTILINE)
    return line.group(1) if line else "unknown"
