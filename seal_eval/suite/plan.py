"""Turn a suite into cells: what each runs and where its files go. Every mistake is reported before anything runs."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from seal_eval.core.errors import SealError, nearest
from seal_eval.core.names import ENGINE, safe
from seal_eval.harness.engines import get_engine
from seal_eval.suite.cells import Cell
from seal_eval.suite.checks import check_args, check_model, check_task, tuned_with
from seal_eval.suite.identity import content_of, forget, ident_of, linked
from seal_eval.suite.other_tasks import check_other, located
from seal_eval.suite.placed import check_folder, method_name, run_flags, run_place
from seal_eval.suite.schema import MethodEntry, ModelEntry, Suite, TaskEntry, explained, heads_spec, read_suite

PASSED = ("trust_remote_code", "device_map")  # arguments of a model that making something with it takes, too


def plan(file: Path, out: Path) -> tuple[Suite, list[Cell]]:
    """Return (the suite, its cells in order of their waves). Raises SealError with one line for each mistake.

    out: the suite's output folder, absolute; nothing is written to it.
    """
    forget()
    suite, lines = read_suite(file)
    mistakes: list[tuple[tuple[str | int, ...], str]] = []
    cells: list[Cell] = []

    def attempt(place: tuple[str | int, ...], make: Any) -> bool:
        """Keep the cell that make() returns, if any, or record its error as a mistake at `place`. Returns whether it succeeded."""
        try:
            result = make()
            cells.extend([result] if isinstance(result, Cell) else [])
            return True
        except (SealError, TypeError, ValueError, OSError) as error:
            mistakes.append((place, str(error)))
            return False

    engine_known = attempt(("engine",), lambda: get_engine(suite.engine))
    engine_name = suite.engine if engine_known else ENGINE  # the other mistakes are named too
    models = [_completed(file, engine_name, ModelEntry(pretrained=m) if isinstance(m, str) else m) for m in suite.models]
    methods = [MethodEntry(method=m) if isinstance(m, str) else m for m in suite.methods]
    tasks = [(t, one) for t, task in enumerate(suite.tasks) for one in located(task, file)]
    tasks = [(t, task) for t, task in tasks if attempt(("tasks", t), lambda o=task: check_task(o))]
    sizes = {size for task in suite.tasks for size in task.sizes or ()}
    for k, method in enumerate(methods):
        if method in methods[:k]:
            mistakes.append((("methods", k), f"method '{method.method}' is listed twice with the same settings; leave one out"))
        if unknown := sorted({*(method.sizes or ())} - sizes):
            mistakes.append((("methods", k), f"sizes: no task has the size {unknown[0]}"))
    for m, model in enumerate(models):
        if not attempt(("models", m), lambda o=model: check_model(o, methods)):
            continue
        makes = [key for key in ("adapters", "heads") if getattr(suite, key)] if get_engine(model.engine).applies_methods else []
        if not attempt(("models", m), lambda o=model, k=makes: check_args(o, k)):
            continue
        if model.chat_template:
            attempt(("models", m), lambda o=model: _made(0, o, "template", Path(o.chat_template).stem, {"template": o.chat_template}, out))
        tunes = get_engine(model.engine).applies_methods
        for name, entry in suite.adapters.items() if tunes else ():
            settings = {"chat": model.apply_chat_template, "system": model.system_instruction, "dtype": model.dtype, **entry}
            attempt(("adapters", name), lambda n=name, s=settings, o=model: _made(1, o, "tune", n, {"spec": tuned_with(o, s)}, out))
        for name, entry in suite.heads.items() if tunes else ():
            attempt(("heads", name), lambda n=name, s=entry, o=model: _made(1, o, "heads", n, {"spec": asdict(heads_spec(s))}, out))
        for k, method in enumerate(methods if engine_known else ()):
            if model.methods is not None and method.method not in model.methods:
                continue
            if not attempt(("methods", k), lambda o=model, w=method: _check_method(suite, o, w, out)):
                continue
            for t, task in tasks:
                for size in task.sizes or [0]:
                    if method.sizes is None or size in method.sizes or not size:
                        attempt(("tasks", t), lambda o=model, w=method, a=task, s=size: _run(suite, o, w, a, s, out))
    if not mistakes:
        seen: dict[str, Cell] = {}
        for cell in cells:
            if cell.folder in seen:
                mistakes.append(((), f"{cell.label} and {seen[cell.folder].label} would write to the same folder {cell.folder}"))
            seen[cell.folder] = cell
    if mistakes:
        raise SealError(explained(file, lines, mistakes))
    return suite, _recorded(suite, linked(cells, out))


def _recorded(suite: Suite, cells: list[Cell]) -> list[Cell]:
    """The cells; a run's work also says what the suite planned for its model, which the results file records."""
    found = []
    for cell in cells:
        if cell.planned:
            beside = [other.planned for other in cells if other.planned and other.loads == cell.loads]
            cell = replace(cell, work={**cell.work, "suite": {"name": suite.name, "method": cell.planned[0], "cells": beside}})
        found.append(cell)
    return found


def _completed(file: Path, engine: str, model: ModelEntry) -> ModelEntry:
    """The model with its engine, and with the absolute path of its chat template, which the suite's file gives relative to itself."""
    template = str((file.parent / model.chat_template).absolute()) if model.chat_template else ""
    return model.model_copy(update={"engine": model.engine or engine, "chat_template": template})


def _check_method(suite: Suite, model: ModelEntry, method: MethodEntry, out: Path) -> None:
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
        if value in known:
            settings[key] = str(out / _place(model, str(value)))
        elif kind and not Path(str(value)).is_dir():
            raise SealError(f"{key} '{value}' is neither a folder nor one of the suite's {kind}{nearest(str(value), known)}")
        else:
            settings[key] = value
    return settings


def _place(model: ModelEntry, name: str) -> str:
    """The folder of a template, adapter or map, relative to the suite's output."""
    return f"made/{safe(model.pretrained)}__{name}"


def _loaded(model: ModelEntry, out: Path) -> str:
    """What runs load: the model, or the folder that the suite makes with the model's files and its chat template."""
    return str(out / _place(model, Path(model.chat_template).stem)) if model.chat_template else model.pretrained


def _made(wave: int, model: ModelEntry, kind: str, name: str, work: dict[str, Any], out: Path) -> Cell:
    """The cell that makes a template, adapter or map. kind: template, tune or heads."""
    folder = _place(model, name)
    load = {key: model.args[key] for key in PASSED if key in model.args and (kind != "template" or key == "trust_remote_code")}
    work = {
        "model": _loaded(model, out) if wave else model.pretrained,
        **work,
        **({"load": load} if load else {}),
        "out": str(out / folder),
    }
    size = int(work["spec"]["length"]) if "spec" in work else 0
    return _cell(wave, f"{safe(model.pretrained)} · {kind} {name}", folder, kind, model, work, 0, size, out)


def _run(suite: Suite, model: ModelEntry, method: MethodEntry, task: TaskEntry, size: int, out: Path) -> Cell:
    """The cell that runs one method on one task at one size, 0 for a task that is not ours. Raises SealError as the run would."""
    from seal_eval.harness.task_config import read_spec
    from seal_eval.tasks import get_task

    engine = get_engine(model.engine)
    args, flags = {**engine.names_model(model.pretrained, model.dtype), **model.args}, run_flags(suite, model)
    args = {key: value for key, value in args.items() if key not in flags}
    if engine.applies_methods:
        args |= {"method": method.method, **_settings(suite, model, method, out)}
    task_name = task.task if size else check_other(task)
    metadata = dict(task.settings)
    if size:
        metadata = {
            get_task(task.task).size_key: [size], "num_samples": task.num_samples, "seed": suite.seed, **task.settings,
            "chat_template": model.apply_chat_template, "system_instruction": model.system_instruction,
        }  # fmt: skip
        read_spec(task.task, {**args, **metadata})
    if engine.loads_checkpoint:
        args["pretrained"] = _loaded(model, out)
    argv = ["--model", engine.name, "--model_args", json.dumps(args), "--tasks", task.task]
    argv += ["--apply_chat_template"] if model.apply_chat_template else []
    if system := model.system_instruction:  # one that begins with a dash would be read as a flag
        argv += [f"--system_instruction={system}"] if system.startswith("-") else ["--system_instruction", system]
    argv += [] if size else ["--seed", str(suite.seed), *(["--limit", str(task.num_samples)] if task.num_samples else [])]
    name = method_name(method)
    place, folder = run_place(engine, args, task_name, size, name)
    label = " · ".join([safe(model.pretrained), name, task_name, *([str(size)] if size else [])])
    faster = [word for key, value in flags.items() for word in (f"--{key}", str(value))]
    work = {"argv": argv, "metadata": metadata, "out": str(out / place)}
    cell = _cell(2, label, folder, "run", model, work, task.num_samples or 0, size, out, faster)
    return replace(cell, loads=safe(engine.subject(args)), planned=(name, task_name, size))


def _cell(
    wave: int, label: str, folder: str, kind: str, model: ModelEntry, work: dict[str, Any], n: int, size: int, out: Path,
    faster: Sequence[str] = (),
) -> Cell:  # fmt: skip
    """A cell with its ident. faster: flags that do not change results. Raises SealError as `check_folder`."""
    check_folder(folder, label)
    revision = str(model.args.get("revision") or "")
    files = model.pretrained if get_engine(model.engine).loads_checkpoint else str(model.args.get("tokenizer", ""))
    held = content_of(files, revision) if files else ""  # an engine that we know nothing about
    ident = ident_of(kind, work, held, model.chat_template, out)
    work = {**work, "faster": list(faster), "revision": revision}
    return Cell(ident, wave, label, folder, kind, files, model.dtype, work, n, size, held)
