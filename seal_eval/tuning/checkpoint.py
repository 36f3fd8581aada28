"""Save and load the state of an unfinished tuning run, so that a killed run continues. The file is deleted when the run is finished."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from seal_eval.core.errors import SealError
from seal_eval.core.folders import only_writer, refuse_taken, workplace
from seal_eval.models.tensors import write_tensors
from seal_eval.tuning.loop import TuningState
from seal_eval.tuning.selection import Candidate

STATE_FILE = "state.safetensors"


@contextmanager
def unfinished_run(out: Path) -> Iterator[Path]:
    """Context manager: yields the path of the state file of the run that makes `out`, and holds the lock on its folder.

    The file is deleted when the block succeeds and kept when it raises. Make `out` inside the block, so that the state is deleted only
    after the result is in place. Raises SealError when `out` exists and is not empty, or another process is making it.
    """
    refuse_taken(out)
    folder = workplace(out, "tuning")
    with only_writer(folder, out):
        try:
            yield folder / STATE_FILE
        except BaseException:
            if not (folder / STATE_FILE).is_file():
                shutil.rmtree(folder, ignore_errors=True)
            raise
        shutil.rmtree(folder, ignore_errors=True)


def save_state(file: Path, run_state: TuningState, run_settings: dict[str, Any]) -> None:
    """Write everything that a killed run needs to continue. The file is replaced in one step, so it is never incomplete."""
    tensors = {f"parameters/{k}": v for k, v in run_state.parameters.items()}
    tensors |= {f"optimizer/{k}": v for k, v in run_state.optimizer.items()}
    tensors |= {f"good/{k}": v for k, v in run_state.good.items()}
    for i, (_, parameters) in enumerate(run_state.candidates):
        tensors |= {f"passed/{i}/{k}": v for k, v in parameters.items()}
    about = {
        "wanted": run_settings,
        "step": run_state.step,
        "log": run_state.log,
        "seconds": run_state.seconds,
        "good_step": run_state.good_step,
        "passed": [candidate.as_json() for candidate, _ in run_state.candidates],
    }
    part = file.with_suffix(".part")
    write_tensors(part, tensors, {"about": json.dumps(about)})
    part.replace(file)


def load_state(file: Path, run_settings: dict[str, Any]) -> TuningState | None:
    """Return the state of an unfinished run, None when there is none. Raises SealError for other settings and for a damaged file."""
    from safetensors import SafetensorError, safe_open

    if not file.is_file():
        return None
    try:
        with safe_open(file, "pt") as opened:
            about = json.loads(opened.metadata()["about"])
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  `opened` is not a dict
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise SealError(f"{file} is damaged ({error}); remove {file.parent} to start again") from error
    if about["wanted"] != run_settings:
        saved, now = flat(about["wanted"]), flat(run_settings)
        differences = ", ".join(f"{k} {saved.get(k)!r} there, {v!r} now" for k, v in now.items() if saved.get(k) != v)
        raise SealError(
            f"{file.parent} holds an unfinished run with other settings ({differences}); repeat them to continue it, or remove the folder"
        )

    def group(prefix: str) -> dict[str, torch.Tensor]:
        return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}

    candidates = [(Candidate.from_json(fields), group(f"passed/{i}/")) for i, fields in enumerate(about["passed"])]
    good = about.get("good_step", 0), group("good/")
    return TuningState(about["step"], group("parameters/"), group("optimizer/"), about["log"], candidates, about["seconds"], *good)


def flat(run_settings: dict[str, Any]) -> dict[str, Any]:
    """Return the run's model and version together with the fields of its TuneSpec, in one dict."""
    return {key: value for key, value in run_settings.items() if key != "settings"} | run_settings["settings"]
