"""Make the cells of a plan that are runs, checked as `seal-eval run` checks them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from seal_eval.core.errors import SealError, nearest
from seal_eval.core.home import from_home
from seal_eval.core.names import safe
from seal_eval.harness.engines import Engine, get_engine
from seal_eval.suite.cells import Cell
from seal_eval.suite.first_samples import checked_generation
from seal_eval.suite.new_cells import loaded, new_cell, place_of, title
from seal_eval.suite.other_tasks import check_other
from seal_eval.suite.placed import method_name, run_flags, run_place
from seal_eval.suite.schema import MethodEntry, ModelEntry, Suite, TaskEntry


def check_method(suite: Suite, model: ModelEntry, method: MethodEntry, out: Path) -> None:
    """Check a method's settings. An adapter or map that the suite makes first counts as made."""
    from seal_eval.baselines import take_method

    engine = get_engine(model.engine)
    if not engine.applies_methods:
        if method.method != "plain":
            raise SealError(
                f"engine {engine.name} runs plain models only; merge '{method.method}' into a checkpoint first, or give the "
                "model `methods: [plain]`"
            )
        return
    unknown = take_method({"method": method.method, **_settings(suite, model, method, out)})[2]
    if unknown:
        raise SealError(f"method '{method.method}' has no setting '{min(unknown)}'")


def _settings(suite: Suite, model: ModelEntry, method: MethodEntry, out: Path) -> dict[str, Any]:
    """A method's settings with the names of the suite's adapters and maps replaced by their folders."""
    settings: dict[str, Any] = {}
    for key, value in method.settings.items():
        kind = {"adapter": "adapters", "heads": "heads"}.get(key.rsplit(".", 1)[-1])
        known: dict[str, Any] = getattr(suite, kind) if kind else {}
        if not isinstance(value, str | int | float | bool):
            raise SealError(f"{key} is {value!r}, must be a single value")
        if str(value) in known:  # YAML reads the name 1 as a number where it is a value, and as text where it is a key
            settings[key] = str(out / place_of(model, str(value)))
        elif kind and not Path(from_home(str(value))).is_dir():
            raise SealError(f"{key} '{value}' is neither a folder nor one of the suite's {kind}{nearest(str(value), known)}")
        else:
            settings[key] = value
    return settings


def run_cell(suite: Suite, model: ModelEntry, method: MethodEntry, task: TaskEntry, size: int, out: Path) -> Cell:
    """The cell that runs one method on one task at one size, 0 for a task that is not ours. Raises SealError as the run would."""
    engine = get_engine(model.engine)
    args, flags = {**engine.names_model(model.pretrained, model.dtype), **model.args}, run_flags(suite, model)
    args = {key: value for key, value in args.items() if key not in flags}
    if engine.applies_methods:
        args |= {"method": method.method, **_settings(suite, model, method, out)}
    task_name = task.task if size else check_other(task)
    metadata, options = dict(task.settings), dict(task.gen_kwargs or {})
    if size:
        metadata = _metadata(suite, model, task, size)
        options = _checked(engine, model, task, args, metadata)
    if engine.loads_checkpoint:
        args["pretrained"] = loaded(model, out)
    argv = ["--model", engine.name, "--model_args", json.dumps(args), "--tasks", task.task]
    argv += ["--apply_chat_template"] if model.apply_chat_template else []
    if system := model.system_instruction:  # one that begins with a dash would be read as a flag
        argv += [f"--system_instruction={system}"] if system.startswith("-") else ["--system_instruction", system]
    argv += [] if size else ["--seed", str(suite.seed), *(["--limit", str(task.num_samples)] if task.num_samples else [])]
    argv += [] if task.num_fewshot is None else ["--num_fewshot", str(task.num_fewshot)]
    argv += ["--gen_kwargs", json.dumps(options)] if options else []
    name, group = method_name(method), [part for part in (model.name, task.name) if part]
    place, folder = run_place(engine, args, group, task_name, size, name)
    label = " · ".join([title(model), name, *([task.name] if task.name else []), task_name, *([str(size)] if size else [])])
    faster = [word for key, value in flags.items() for word in (f"--{key}", str(value))]
    work = {"argv": argv, "metadata": metadata, "out": str(out / place)}
    cell = new_cell(2, label, folder, "run", model, work, task.num_samples or 0, size, out, faster)
    return replace(cell, loads=safe(engine.subject(args)), planned=(name, task_name, size), group="/".join(group))


def _metadata(suite: Suite, model: ModelEntry, task: TaskEntry, size: int) -> dict[str, Any]:
    """--metadata of a run of one of our tasks."""
    from seal_eval.tasks import get_task

    return {
        get_task(task.task).size_key: [size], "num_samples": task.num_samples, "seed": suite.seed, **task.settings,
        "chat_template": model.apply_chat_template, "system_instruction": model.system_instruction,
    }  # fmt: skip


def _checked(engine: Engine, model: ModelEntry, task: TaskEntry, args: dict[str, Any], metadata: dict[str, Any]) -> dict[str, Any]:
    """The run's --gen_kwargs. Raises SealError for what `run` finds before it loads the model; see `checked_generation`."""
    from seal_eval.harness.stock_window import longer_window
    from seal_eval.harness.task_config import read_spec

    known = {**args, **engine.prepare(args)}  # an engine's arguments name its window
    if engine.applies_methods:
        known |= longer_window(known)
    elif "think_end_token" in args:
        known["think_stripped"] = True
    spec = read_spec(task.task, {key: from_home(value) for key, value in {**known, **metadata}.items()})
    return checked_generation(spec, min(task.sizes or [0]), model.template(), task.gen_kwargs, stock=not engine.applies_methods)
