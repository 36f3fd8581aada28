"""Where a run's files go in a suite's folder, what the suite calls its method, and the flags that a model's runs are given."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seal_eval.core.errors import SealError
from seal_eval.core.names import safe
from seal_eval.harness.command_line import FLAGS
from seal_eval.harness.engines import Engine, get_engine
from seal_eval.results.absent import LONGEST_FOLDER, LONGEST_NAME
from seal_eval.suite.schema import MethodEntry, ModelEntry, Suite


def method_name(method: MethodEntry) -> str:
    """The method with its settings, as the suite's records name it. Raises SealError for a setting that no table could show."""
    name = method.method + "".join(
        f",{k}={Path(v).name.split('__')[-1] if isinstance(v, str) else v}" for k, v in sorted(method.settings.items())
    )
    if not name.isprintable():
        raise SealError(f"{name!r} holds a character that cannot be printed; write the settings in one line")
    return _shortened(name, LONGEST_NAME)


def run_place(engine: Engine, args: Mapping[str, Any], group: Sequence[str], task: str, size: int, name: str) -> tuple[str, str]:
    """(folder that a run is given, folder in which it puts its files), relative to the suite's.

    args: of the model. group: the suite's own names of model and task, if any. name: `method_name`.

    The method's part is cut, with a hash in its place, where the folder's name would be longer than LONGEST_FOLDER.
    """
    above = "/".join(["runs", *group, f"{safe(task)}{f'-{size}' if size else ''}"])
    over = len(str(engine.folder(Path(above, safe(name)), args)).encode()) - LONGEST_FOLDER  # a character less is a byte less, or several
    place = f"{above}/{_shortened(safe(name), max(len(safe(name)) - over, SHORTEST))}"
    return place, str(engine.folder(Path(place), args))


def check_folder(folder: str, label: str) -> None:
    """Raise SealError for a cell's folder whose name is too long for readers of the suite, before anything is written into it."""
    if (n := len(folder.encode())) > LONGEST_FOLDER:
        raise SealError(
            f"{label}: its folder {folder} would have a name of {n} bytes, at most {LONGEST_FOLDER} are read; give the model's folder, the "
            "task or the adapter a shorter name"
        )


SHORTEST = 16  # characters that stay of a method's name, its hash included


def _shortened(name: str, most: int) -> str:
    """The name, or its beginning and a hash of all of it where it is longer than `most` characters."""
    return name if len(name) <= most else f"{name[: most - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def run_flags(suite: Suite, model: ModelEntry) -> dict[str, Any]:
    """lm-eval's flags of a model's runs: the model's own, or the suite's. Raises SealError for one that is given twice, otherwise."""
    if not get_engine(model.engine).loads_checkpoint:
        return {}
    flags = {"batch_size": model.batch_size or suite.batch_size, "device": suite.device}
    for key in FLAGS:
        own = key == "batch_size" and model.batch_size is not None
        if key in model.args and (own or key in suite.model_fields_set) and model.args[key] != flags[key]:
            whose = "the model's" if own else "the suite's"
            raise SealError(f"args: {key} is {model.args[key]}, and {whose} {key} is {flags[key]}; give one of them")
    flags |= {key: model.args[key] for key in FLAGS if key in model.args}
    return {key: value for key, value in flags.items() if value != ""}
