"""Do the work of one cell."""

import json
import platform
from pathlib import Path
from typing import Any

from seal_eval.core.content import fingerprint
from seal_eval.core.errors import SealError
from seal_eval.core.files import CARD, read_object
from seal_eval.harness.planned import SUITE
from seal_eval.models.hub import content
from seal_eval.suite.cells import Cell
from seal_eval.suite.schema import heads_spec, tune_spec
from seal_eval.suite.state import is_made


def perform(cell: Cell) -> dict[str, Any]:
    """Do the work of one cell in this process. A template, adapter or map that exists is not made again; of these, return what they hold.

    Raises SealError when the model's files are not those with which the suite was planned: they changed since, or this machine has others.
    """
    work = cell.work
    if cell.model and content(cell.model, work["revision"]) != cell.content:
        raise SealError(
            f"the files of model {cell.model} on {platform.node()} are not those that the suite was planned with; copy the same model "
            "there, or leave its files alone while a suite runs"
        )
    if cell.kind == "run":
        from seal_eval.harness.run import run

        token = SUITE.set(work["suite"])
        try:
            run([*work["argv"], "--metadata", json.dumps(work["metadata"]), *work["faster"], "--output_path", work["out"]])
        finally:
            SUITE.reset(token)
        return {}
    out = Path(work["out"])
    if not is_made(out):  # else by a process that was killed before it could record this
        _make(cell.kind, work, out)
    elif cell.kind == "tune" and (why := read_object(out / CARD).get("diverged")):
        raise SealError(f"{why}; remove {out} before you tune again")
    return {"made": fingerprint(out)}


def placed(work: dict[str, Any]) -> dict[str, Any]:
    """The arguments with which a model is loaded to make something with it: on the suite's device, unless a device map places it."""
    import torch

    load, device = dict(work.get("load", {})), work.get("device", "")
    usual = "cuda" if torch.cuda.is_available() else "cpu"
    if device not in ("", usual) and not load.get("device_map"):
        load["device_map"] = json.dumps({"": device})
    return load


def _make(kind: str, work: dict[str, Any], out: Path) -> None:
    if kind == "template":
        from seal_eval.models.template_folder import with_template

        with_template(work["model"], Path(work["template"]), out, **work.get("load", {}))
    elif kind == "tune":
        from seal_eval.tuning.tune import tune

        tune(work["model"], tune_spec(work["spec"]), out, **placed(work))
    else:
        from seal_eval.tuning.head_importance import head_map

        head_map(work["model"], heads_spec(work["spec"]), out, **placed(work))
