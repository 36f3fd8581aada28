"""Turn a suite into cells: what each runs and where its files go. Every mistake is reported before anything runs."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from seal_eval.core.errors import SealError
from seal_eval.core.names import ENGINE
from seal_eval.harness.engines import get_engine
from seal_eval.models.placement import check_device_name
from seal_eval.suite import first_samples, identity
from seal_eval.suite.cells import Cell
from seal_eval.suite.checks import check_args, check_model, check_task
from seal_eval.suite.made_checks import mapped_with, tuned_with
from seal_eval.suite.new_cells import made
from seal_eval.suite.other_tasks import located
from seal_eval.suite.run_cells import check_method, run_cell
from seal_eval.suite.schema import MethodEntry, ModelEntry, Suite, TaskEntry, explained, read_suite

Place = tuple[str | int, ...]  # path in the file
NAMED_BY = {"adapters": "adapter", "heads": "heads"}  # what a suite makes first → the setting of methods that names it


@dataclass
class _Found:
    """Cells and mistakes so far. entries: of each cell, the places of the model, method and task that it comes from."""

    cells: list[Cell] = field(default_factory=list)
    entries: list[tuple[Place, ...]] = field(default_factory=list)
    mistakes: list[tuple[Place, str]] = field(default_factory=list)

    def attempt(self, place: Place, make: Any, entries: tuple[Place, ...] = ()) -> bool:
        """Keep the cell that make() returns, if any, or record its error as a mistake at `place`. Returns whether it succeeded."""
        try:
            result = make()
        except (SealError, TypeError, ValueError, OSError) as error:
            self.mistakes.append((place, str(error).replace("--model_args", "args of the model").replace("--gen_kwargs", "gen_kwargs")))
            return False
        if isinstance(result, Cell):
            self.cells.append(result)
            self.entries.append(entries)
        return True


def plan(file: Path, out: Path) -> tuple[Suite, list[Cell]]:
    """Return (the suite, its cells in order of their waves). Raises SealError with one line for each mistake.

    out: the suite's output folder, absolute; nothing is written to it.
    """
    identity.forget()
    first_samples.forget()
    suite, lines = read_suite(file)
    found = _Found()
    engine_known = found.attempt(("engine",), lambda: get_engine(suite.engine))
    engine_name = suite.engine if engine_known else ENGINE  # the other mistakes are named too
    if suite.device:
        found.attempt(("device",), lambda: check_device_name(suite.device))
    models = [_completed(file, engine_name, ModelEntry(pretrained=m) if isinstance(m, str) else m) for m in suite.models]
    methods = [MethodEntry(method=m) if isinstance(m, str) else m for m in suite.methods]
    tasks: list[tuple[int, TaskEntry]] = []
    for t, entry in enumerate(suite.tasks):
        parts = located(entry, file)
        if found.attempt(("tasks", t), lambda e=entry, p=parts: check_task(e, p)):
            tasks += [(t, one) for one in parts]
    sizes = {size for task in suite.tasks for size in task.sizes or ()}
    for k, method in enumerate(methods):
        if method in methods[:k]:
            found.mistakes.append((("methods", k), f"method '{method.method}' is listed twice with the same settings; leave one out"))
        if unknown := sorted({*(method.sizes or ())} - sizes):
            found.mistakes.append((("methods", k), f"sizes: no task has the size {unknown[0]}"))
    for m, model in enumerate(models):
        if not found.attempt(("models", m), lambda o=model: check_model(o, methods)):
            continue
        made_first = {kind: _needed(suite, kind, model, methods) for kind in NAMED_BY}
        if not found.attempt(("models", m), lambda o=model, k=made_first: check_args(o, [kind for kind in k if k[kind]])):
            continue
        _make_first(suite, ("models", m), model, made_first, out, found)
        for k, method in enumerate(methods if engine_known else ()):
            if model.methods is not None and method.method not in model.methods:
                continue
            if not found.attempt(("methods", k), lambda o=model, w=method: check_method(suite, o, w, out)):
                continue
            for t, task in tasks:
                for size in task.sizes or [0]:
                    if method.sizes is None or size in method.sizes or not size:
                        found.attempt(
                            ("tasks", t),
                            lambda o=model, w=method, a=task, s=size: run_cell(suite, o, w, a, s, out),
                            (("tasks", t), ("models", m), ("methods", k)),
                        )
    if mistakes := found.mistakes or _clashes(suite, found):
        raise SealError(explained(file, lines, mistakes))
    return suite, _recorded(suite, identity.linked(found.cells, out))


def _needed(suite: Suite, kind: str, model: ModelEntry, methods: Sequence[MethodEntry]) -> list[str]:
    """The adapters or maps that the suite makes for a model: those that its methods name, and those that no method names."""

    def named(some: Sequence[MethodEntry]) -> set[str]:
        return {str(value) for one in some for key, value in one.settings.items() if key.rsplit(".", 1)[-1] == NAMED_BY[kind]}

    if not get_engine(model.engine).applies_methods:
        return []
    own = named([one for one in methods if model.methods is None or one.method in model.methods])
    return [name for name in getattr(suite, kind) if name in own or name not in named(methods)]


def _make_first(suite: Suite, place: Place, model: ModelEntry, names: dict[str, list[str]], out: Path, found: _Found) -> None:
    """Add the cells of the model's chat template, and of its adapters and maps by `names`."""
    if model.chat_template:
        template = {"template": model.chat_template}
        found.attempt(place, lambda: made(0, model, "template", Path(model.chat_template).stem, template, out), (place, place))
    for kind, work, checked in (("adapters", "tune", tuned_with), ("heads", "heads", mapped_with)):
        for name in names[kind]:
            given = getattr(suite, kind)[name]
            found.attempt(
                (kind, name),
                lambda w=work, n=name, c=checked, s=given: made(1, model, w, n, {"spec": c(model, s)}, out, suite.device),
                ((kind, name), place),
            )


def _clashes(suite: Suite, found: _Found) -> list[tuple[Place, str]]:
    """A mistake for every pair of entries whose cells would write to one folder."""
    owners: dict[str, list[int]] = defaultdict(list)
    for i, cell in enumerate(found.cells):
        owners[cell.folder].append(i)
    mistakes = {}
    for first, *others in owners.values():
        for other in others:
            pairs = zip(found.entries[first], found.entries[other], strict=False)
            one, two = next((pair for pair in pairs if pair[0] != pair[1]), (found.entries[first][0],) * 2)
            mistakes[one, two] = (two, _clash(suite, one, two, found.cells[other]))
    return list(mistakes.values())


def _clash(suite: Suite, one: Place, two: Place, cell: Cell) -> str:
    """The message for two entries, at the places `one` and `two`, whose cells would write to the folder of `cell`."""
    where, kind = "/".join(map(str, one)), str(two[0])
    if one == two:
        return f"it has the size {cell.size} twice; leave one out"
    if one[0] == two[0] and getattr(suite, kind)[int(one[1])] == getattr(suite, kind)[int(two[1])]:
        return f"the same entry as {where}; leave one out"
    remedy = "rename one of them" if kind not in ("models", "tasks") else "give one of them a name of its own, `name: …`"
    if one[0] == two[0] == "methods":
        remedy = "rename the folder that one of them names"
    return f"its files would go where those of {where} go ({cell.folder}); {remedy}"


def _recorded(suite: Suite, cells: list[Cell]) -> list[Cell]:
    """The cells; a run's work also says what the suite planned for its model, which the results file records."""
    found = []
    for cell in cells:
        if cell.planned:
            planned = [other.planned for other in cells if other.planned and (other.loads, other.group) == (cell.loads, cell.group)]
            cell = replace(cell, work={**cell.work, "suite": {"name": suite.name, "method": cell.planned[0], "cells": planned}})
        found.append(cell)
    return found


def _completed(file: Path, engine: str, model: ModelEntry) -> ModelEntry:
    """The model with its engine, and with the absolute path of its chat template, which the suite's file gives relative to itself."""
    template = str((file.parent / model.chat_template).absolute()) if model.chat_template else ""
    return model.model_copy(update={"engine": model.engine or engine, "chat_template": template})
