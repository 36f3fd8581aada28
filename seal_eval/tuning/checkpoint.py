"""What a tuning run has done so far, kept beside its folder until it is whole: a killed run goes on from there."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from seal_eval.core.errors import SealError
from seal_eval.core.files import only_writer, refuse_taken, workplace
from seal_eval.tuning.loop import TuningState
from seal_eval.tuning.selection import Candidate

STATE_FILE = "state.safetensors"


@contextmanager
def unfinished_run(out: Path) -> Iterator[Path]:
    """The file for the state of the run that makes `out`. It goes when the block succeeds; after an error it stays.

    `out` is made inside the block: the state goes only when the result is in its place.
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


def save_state(file: Path, progress: TuningState, wanted: dict[str, Any]) -> None:
    """Everything a killed run needs to go on, in one file that is whole or absent."""
    from safetensors.torch import save_file

    tensors = {f"parameters/{k}": v for k, v in progress.parameters.items()} | {f"optimizer/{k}": v for k, v in progress.optimizer.items()}
    for i, (_, state) in enumerate(progress.candidates):
        tensors |= {f"passed/{i}/{k}": v for k, v in state.items()}
    about = {
        "wanted": wanted,
        "step": progress.step,
        "log": progress.log,
        "seconds": progress.seconds,
        "passed": [point.as_json() for point, _ in progress.candidates],
    }
    part = file.with_suffix(".part")
    save_file(tensors, part, metadata={"about": json.dumps(about)})
    part.replace(file)


def load_state(file: Path, wanted: dict[str, Any]) -> TuningState | None:
    """What an unfinished run left, None when there is none. Raises SealError when it had other settings."""
    from safetensors import SafetensorError, safe_open

    if not file.is_file():
        return None
    try:
        with safe_open(file, "pt") as opened:
            about = json.loads(opened.metadata()["about"])
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  it is no dict
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise SealError(f"{file} is damaged ({error}); remove {file.parent} to start again") from error
    if about["wanted"] != wanted:
        theirs, mine = flat(about["wanted"]), flat(wanted)
        other = ", ".join(f"{k} {theirs.get(k)!r} there, {v!r} now" for k, v in mine.items() if theirs.get(k) != v)
        raise SealError(f"{file.parent} holds an unfinished run with other settings ({other}); repeat them to go on, or remove the folder")

    def group(prefix: str) -> dict[str, torch.Tensor]:
        return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}

    candidates = [(Candidate.from_json(point), group(f"passed/{i}/")) for i, point in enumerate(about["passed"])]
    return TuningState(about["step"], group("parameters/"), group("optimizer/"), about["log"], candidates, about["seconds"])


def flat(wanted: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in wanted.items() if key != "settings"} | wanted["settings"]
