"""From a suite to its cells: what each runs, where its files go, and whether it is done."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from seal_eval.core.errors import SealError, nearest
from seal_eval.core.files import CARD, read_json, sha256, write_json
from seal_eval.core.names import ENGINE, method_label, safe
from seal_eval.suite.spec import MethodEntry, ModelEntry, Suite, explained, heads_spec, read_suite, tune_spec

NOTES_FOLDER = "cells"  # folder of a suite's output with a file per cell
PLAN = "suite.json"


@dataclass(frozen=True)
class Cell:
    """One run, or what several runs need: an adapter, a map of heads.

    wave: cells of a wave are independent; the next begins when it is over. folder: of its files, relative to the suite's output.
    model: whose configuration tells the cost.
    """

    ident: str
    wave: int
    label: str
    folder: str
    kind: str  # template, tune, heads or run
    model: str
    dtype: str
    work: dict[str, Any]  # what `perform` hands over
    n_samples: int
    size: int


def plan(file: Path, out: Path) -> tuple[Suite, list[Cell]]:
    """(the suite, its cells in order). Raises SealError with a line for every mistake, before anything runs."""
    suite, lines = read_suite(file)
    mistakes: list[tuple[tuple[str | int, ...], str]] = []
    cells: list[Cell] = []

    def attempt(place: tuple[str | int, ...], make: Any) -> bool:
        try:
            made = make()
            cells.extend([made] if isinstance(made, Cell) else [])
            return True
        except (SealError, TypeError, ValueError, OSError) as error:
            mistakes.append((place, str(error)))
            return False

    models = [_beside(file, ModelEntry(pretrained=m) if isinstance(m, str) else m) for m in suite.models]
    methods = [MethodEntry(method=m) if isinstance(m, str) else m for m in suite.methods]
    for m, model in enumerate(models):
        if not attempt(("models", m), lambda o=model: _check_model(o)):
            continue
        if model.chat_template:
            attempt(("models", m), lambda o=model: _made(0, o, "template", Path(o.chat_template).stem, {"template": o.chat_template}, out))
        for name, given in suite.adapters.items():
            asked = {"chat": model.apply_chat_template, "system": model.system_instruction, "dtype": model.dtype, **given}
            attempt(("adapters", name), lambda n=name, a=asked, o=model: _made(1, o, "tune", n, {"spec": asdict(tune_spec(a))}, out))
        for name, given in suite.heads.items():
            attempt(("heads", name), lambda n=name, a=given, o=model: _made(1, o, "heads", n, {"spec": asdict(heads_spec(a))}, out))
        for k, method in enumerate(methods):
            if not attempt(("methods", k), lambda o=model, w=method: _check_method(suite, o, w, out)):
                continue
            for t, task in enumerate(suite.tasks):
                for size in task.sizes:
                    if method.sizes is None or size in method.sizes:
                        attempt(("tasks", t), lambda o=model, w=method, a=task, s=size: _run(suite, o, w, a, s, out))
    if not mistakes:
        seen: dict[str, Cell] = {}
        for cell in cells:
            if cell.folder in seen:
                mistakes.append(((), f"{cell.label} and {seen[cell.folder].label} would write to the same folder {cell.folder}"))
            seen[cell.folder] = cell
    if mistakes:
        raise SealError(explained(file, lines, mistakes))
    return suite, sorted(cells, key=lambda cell: cell.wave)


def _beside(file: Path, model: ModelEntry) -> ModelEntry:
    """The model with its template's whole path, which is given as seen from the suite's file."""
    return model.model_copy(update={"chat_template": str((file.parent / model.chat_template).absolute())}) if model.chat_template else model


def _check_model(model: ModelEntry) -> None:
    from seal_eval.models.hub import resolve

    resolve(model.pretrained)
    if model.chat_template and not Path(model.chat_template).is_file():
        raise SealError(f"no chat template {model.chat_template}")
    if model.chat_template and not model.apply_chat_template:
        raise SealError(f"chat_template {model.chat_template} without apply_chat_template: true would not be used")


def _check_method(suite: Suite, model: ModelEntry, method: MethodEntry, out: Path) -> None:
    """Its settings, with what the suite makes first taken as made."""
    from seal_eval.baselines import take_method

    if suite.engine != ENGINE:
        if method.method != "plain":
            raise SealError(f"engine {suite.engine} runs plain models only; merge '{method.method}' into a checkpoint first")
        return
    left = take_method({"method": method.method, **_settings(suite, model, method, out)})[2]
    if left:
        raise SealError(f"method '{method.method}' has no setting '{min(left)}'")


def _settings(suite: Suite, model: ModelEntry, method: MethodEntry, out: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in method.settings.items():
        kind = {"adapter": "adapters", "heads": "heads"}.get(key.rsplit(".", 1)[-1])
        known: dict[str, Any] = getattr(suite, kind) if kind else {}
        if value in known:
            found[key] = str(out / _place(model, str(value)))
        elif kind and not Path(str(value)).is_dir():
            raise SealError(f"{key} '{value}' is neither a folder nor one of the suite's {kind}{nearest(str(value), known)}")
        else:
            found[key] = value
    return found


def _place(model: ModelEntry, name: str) -> str:
    return f"made/{safe(model.pretrained)}__{name}"


def _asked(model: ModelEntry, out: Path) -> str:
    """What runs load: the model, or the folder of the suite that has its files with another template."""
    return str(out / _place(model, Path(model.chat_template).stem)) if model.chat_template else model.pretrained


def _made(wave: int, model: ModelEntry, kind: str, name: str, work: dict[str, Any], out: Path) -> Cell:
    folder = _place(model, name)
    work = {"model": _asked(model, out) if wave else model.pretrained, **work, "out": str(out / folder)}
    size = int(work["spec"]["length"]) if "spec" in work else 0
    return _cell(wave, f"{safe(model.pretrained)} · {kind} {name}", folder, kind, model, work, 0, size, out)


def _run(suite: Suite, model: ModelEntry, method: MethodEntry, task: Any, size: int, out: Path) -> Cell:
    from seal_eval.harness.task_config import SIZE_KEYS, read_spec
    from seal_eval.tasks import get_task

    args = {"pretrained": model.pretrained, "dtype": model.dtype, **model.args}
    if suite.engine == ENGINE:
        args |= {"method": method.method, **_settings(suite, model, method, out)}
    metadata = {
        SIZE_KEYS[get_task(task.task).unit]: [size], "num_samples": task.num_samples, "seed": suite.seed, **task.settings,
        "chat_template": model.apply_chat_template, "system_instruction": model.system_instruction,
    }  # fmt: skip
    read_spec(task.task, {**args, **metadata})
    args["pretrained"] = asked = _asked(model, out)
    argv = ["--model", suite.engine, "--model_args", json.dumps(args), "--tasks", task.task]
    argv += ["--apply_chat_template"] if model.apply_chat_template else []
    argv += ["--system_instruction", model.system_instruction] if model.system_instruction else []
    name = method.method + "".join(
        f",{k}={Path(v).name.split('__')[-1] if isinstance(v, str) else v}" for k, v in sorted(method.settings.items())
    )
    place = f"runs/{safe(task.task)}-{size}/{safe(name)}"
    folder = f"{place}/{safe(asked)}__{safe(method_label(suite.engine, args))}"  # where `run` puts its files
    label = f"{safe(model.pretrained)} · {name} · {task.task} · {size}"
    faster = ["--batch_size", str(suite.batch_size), *(["--device", suite.device] if suite.device else [])]
    work = {"argv": argv, "metadata": metadata, "out": str(out / place)}
    return _cell(2, label, folder, "run", model, work, task.num_samples, size, out, faster)


def _cell(
    wave: int, label: str, folder: str, kind: str, model: ModelEntry, work: dict[str, Any], n: int, size: int, out: Path,
    faster: Sequence[str] = (),
) -> Cell:  # fmt: skip
    """A cell whose id is a hash of what its results depend on, wherever the suite's folder stands; `faster` are flags they do not.

    A chat template is known by what it says, not by where it lies.
    """
    about = {"kind": kind, **work} | ({"template": sha256(Path(model.chat_template))} if model.chat_template else {})
    text, place = json.dumps(about, sort_keys=True), str(out)
    for _ in range(2):  # JSON, and JSON inside of it, each with its own escapes
        place = json.dumps(place)[1:-1]
        text = text.replace(place, "")
    ident = hashlib.sha256(text.encode()).hexdigest()[:12]
    return Cell(ident, wave, label, folder, kind, model.pretrained, model.dtype, {**work, "faster": list(faster)}, n, size)


def perform(work: dict[str, Any], kind: str) -> None:
    """Do a cell's work, in whatever process this is."""
    if kind == "run":
        from seal_eval.harness.run import run

        run([*work["argv"], "--metadata", json.dumps(work["metadata"]), *work["faster"], "--output_path", work["out"]])
        return
    if (Path(work["out"]) / CARD).is_file() or (Path(work["out"]) / "heads.json").is_file():
        return  # made before its state could be noted
    if kind == "template":
        from seal_eval.models.chat_template import with_template

        with_template(work["model"], Path(work["template"]), Path(work["out"]))
    elif kind == "tune":
        from seal_eval.tuning.tune import tune

        tune(work["model"], tune_spec(work["spec"]), Path(work["out"]))
    else:
        from seal_eval.tuning.head_importance import head_map

        head_map(work["model"], heads_spec(work["spec"]), Path(work["out"]))


def state_of(out: Path, cell: Cell) -> dict[str, Any]:
    """What is known of a cell: {"state": waiting, running, interrupted, done or failed, …}.

    Raises SealError when its folder holds results of other settings: two of them could not be told apart later.
    """
    file = note_of(out, cell.folder)
    if not file.is_file():
        return {"state": "waiting"}
    found = dict(read_json(file))
    if found.get("ident") != cell.ident:
        if found.get("state") == "done":
            raise SealError(f"{out / cell.folder} was run with other settings; give --out a new folder, or remove this one and {file}")
        return {"state": "waiting"}
    return found


def note(out: Path, cell: Cell, state: str, **about: Any) -> None:
    """Write down what became of a cell."""
    file = note_of(out, cell.folder)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_json(file, {"ident": cell.ident, "label": cell.label, "state": state, **about})


def log_of(out: Path, cell: Cell) -> Path:
    """Where a cell's output goes."""
    return note_of(out, cell.folder).with_suffix(".log")


def replies(out: Path, cell: Cell) -> int:
    """Replies of a cell that are on disk."""
    return replies_in(out / cell.folder, cell.n_samples)


def replies_in(folder: Path, n_samples: int) -> int:
    """As `replies`; all of them when the folder holds results."""
    if any(folder.glob("results_*.json")):
        return n_samples
    return min(n_samples, sum(file.read_bytes().count(b"\n") for file in folder.glob(".run-*/replies-*.jsonl")))


def note_of(out: Path, folder: str) -> Path:
    """The file that says what became of the cell in `folder`."""
    return out / NOTES_FOLDER / f"{folder.replace('/', '--')}.json"
