"""Make the cells of a plan: their idents and folders, and the work of those that make a template, adapter or map."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seal_eval.core.names import safe
from seal_eval.harness.engines import get_engine
from seal_eval.suite.cells import Cell
from seal_eval.suite.identity import content_of, ident_of
from seal_eval.suite.placed import check_folder
from seal_eval.suite.schema import ModelEntry

PASSED = ("trust_remote_code", "device_map")  # arguments of a model that making something with it takes, too


def title(model: ModelEntry) -> str:
    """The model's name in labels and folders: the suite's own for it, if there is one."""
    return model.name or safe(model.pretrained)


def place_of(model: ModelEntry, name: str) -> str:
    """The folder of a template, adapter or map, relative to the suite's output."""
    return f"made/{title(model)}__{name}"


def loaded(model: ModelEntry, out: Path) -> str:
    """What runs load: the model, or the folder that the suite makes with the model's files and its chat template."""
    return str(out / place_of(model, Path(model.chat_template).stem)) if model.chat_template else model.pretrained


def made(wave: int, model: ModelEntry, kind: str, name: str, work: dict[str, Any], out: Path, device: str = "") -> Cell:
    """The cell that makes a template, adapter or map. kind: template, tune or heads."""
    folder = place_of(model, name)
    load = {key: model.args[key] for key in PASSED if key in model.args and (kind != "template" or key == "trust_remote_code")}
    work = {
        "model": loaded(model, out) if wave else model.pretrained,
        **work,
        **({"load": load} if load else {}),
        "out": str(out / folder),
    }
    size = int(work["spec"]["length"]) if "spec" in work else 0
    return new_cell(wave, f"{title(model)} · {kind} {name}", folder, kind, model, work, 0, size, out, device=device if wave else "")


def new_cell(
    wave: int, label: str, folder: str, kind: str, model: ModelEntry, work: dict[str, Any], n: int, size: int, out: Path,
    faster: Sequence[str] = (), device: str = "",
) -> Cell:  # fmt: skip
    """A cell with its ident. faster: flags of a run that do not change results. device: of what is made, which does not either.

    Raises SealError as `check_folder`.
    """
    check_folder(folder, label)
    revision = str(model.args.get("revision") or "")
    files = model.pretrained if get_engine(model.engine).loads_checkpoint else str(model.args.get("tokenizer", ""))
    held = content_of(files, revision) if files else ""  # an engine that we know nothing about
    ident = ident_of(kind, work, held, model.chat_template, out)
    work = {**work, "faster": list(faster), "revision": revision, **({"device": device} if device else {})}
    return Cell(ident, wave, label, folder, kind, files, model.dtype, work, n, size, held)
