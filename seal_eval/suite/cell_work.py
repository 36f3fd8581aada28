"""Do the work of one cell."""

import json
from pathlib import Path
from typing import Any

from seal_eval.suite.schema import heads_spec, tune_spec
from seal_eval.suite.state import is_made


def perform(work: dict[str, Any], kind: str) -> None:
    """Do the work of one cell in this process. work, kind: as in `Cell`. A template, adapter or map that exists is not made again."""
    if kind == "run":
        from seal_eval.harness.run import run

        run([*work["argv"], "--metadata", json.dumps(work["metadata"]), *work["faster"], "--output_path", work["out"]])
        return
    if is_made(Path(work["out"])):
        return  # made by a process that was killed before it could record this
    if kind == "template":
        from seal_eval.models.template_folder import with_template

        with_template(work["model"], Path(work["template"]), Path(work["out"]))
    elif kind == "tune":
        from seal_eval.tuning.tune import tune

        tune(work["model"], tune_spec(work["spec"]), Path(work["out"]))
    else:
        from seal_eval.tuning.head_importance import head_map

        head_map(work["model"], heads_spec(work["spec"]), Path(work["out"]))
