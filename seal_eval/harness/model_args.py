"""Errors of --model_args: arguments that nobody takes, with the nearest one that somebody does, and models that cannot be loaded."""

import inspect
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from seal_eval.baselines import method_names, method_settings
from seal_eval.core.errors import SealError, closest, first_line, nearest
from seal_eval.core.plugins import Method
from seal_eval.models.composed import parts_of
from seal_eval.models.hub import HUB_ID, resolve
from seal_eval.models.hub_reached import check_reached
from seal_eval.models.loading import not_loaded
from seal_eval.models.memory import out_of_memory

UNEXPECTED = re.compile(r"unexpected keyword argument '(\w+)'")
# of transformers' from_pretrained, to which lm-eval hands what it does not know
LOADING = (
    "cache_dir", "subfolder", "variant", "use_safetensors", "attn_implementation", "device_map", "max_memory", "offload_folder", "token",
    "local_files_only", "quantization_config", "low_cpu_mem_usage",
)  # fmt: skip

NAMED = {"pretrained": "model", "tokenizer": "tokenizer", "peft": "adapter", "delta": "model"}  # arguments that may be hub ids


def known_arguments() -> set[str]:
    """Return the arguments of `--model seal`: lm-eval's, ours and those of transformers that load a model."""
    from lm_eval.models.huggingface import HFLM

    from seal_eval.harness.seal_lm import SealLM

    takes = {name for cls in (HFLM, SealLM) for name in inspect.signature(cls.__init__).parameters}
    return (takes | {*LOADING}) - {"self", "kwargs"}


def check_names_reached(model_args: Mapping[str, Any]) -> None:
    """Raise SealError as `check_reached` does for each hub id among the arguments, and as `resolve` does for the model.

    Not with a cache_dir= of the user's own. transformers and peft would wait long.
    """
    for key, what in NAMED.items():
        if (name := str(model_args.get(key) or "")) and not model_args.get("cache_dir"):
            name = resolve(name) if key == "pretrained" else name
            if HUB_ID.fullmatch(name) or "/" not in name:
                check_reached(name, what)


def refuse_subfolder(place: str, subfolder: Any) -> None:
    """Raise SealError for a subfolder: window, self-test and what results say of the model would be those of the folder above it."""
    if not subfolder:
        return
    inner, files = Path(place) / str(subfolder), ("tokenizer.json", "tokenizer_config.json")
    if not Path(place).is_dir():
        remedy = f"download it (hf download {place} --include '{subfolder}/*' --local-dir FOLDER) and name pretrained=FOLDER/{subfolder}"
    else:
        tokenizer = "" if any((inner / name).is_file() for name in files) else f",tokenizer={place}"
        remedy = f"name pretrained={inner}{tokenizer} and leave subfolder out"
    raise SealError(f"subfolder={subfolder}: the window and the content of the model are read from {place} itself; {remedy}")


@contextmanager
def clearly(model: str, method: str) -> Iterator[None]:
    """Context manager: what goes wrong while a model is loaded becomes a SealError. model: as the user named it."""
    try:
        yield
    except (OSError, ValueError, RuntimeError, MemoryError, SafetensorError) as error:
        if out_of_memory(error):
            raise SealError(f"model '{model}' does not fit into memory; try dtype=bfloat16") from error
        raise SealError(f"model '{model}' could not be loaded: {not_loaded(error)}") from error
    except TypeError as error:
        raise unknown_argument(error, method) or error from error


@contextmanager
def naming(name: str, method: Method) -> Iterator[None]:
    """Context manager: an error while the model runs with a method from outside this project becomes a SealError that names the method.

    A lack of memory and an error of the file system are raised as they are.
    """
    try:
        yield
    except (SealError, OSError):
        raise
    except Exception as error:
        if out_of_memory(error) or all(type(part).__module__.startswith("seal_eval.") for _, part in parts_of(name, method)):
            raise
        why = f"{type(error).__name__}: {first_line(error)}"
        raise SealError(
            f"the model fails with method '{name}' ({why}); mend the method, --debug shows where, and repeat the command: replies are kept"
        ) from error


def unknown_argument(error: TypeError, method: str) -> SealError | None:
    """Return the error for an argument that neither lm-eval nor the method nor the model takes; None for another TypeError.

    error: of making the model. method: the name of the applied method.
    """
    found = UNEXPECTED.search(str(error))
    if not found:
        return None
    name = found[1]
    owners = [other for other in method_names() if name in _settings_of(other)]
    if owners:
        first = "seal" if "seal" in owners else owners[0]
        return SealError(f"model_args: {name} is a setting of {', '.join(owners)}, not of method '{method}'; pass method={first} with it")
    return SealError(f"model_args: nothing takes '{name}'{nearest(name, known_arguments())}")


def _settings_of(method: str) -> set[str]:
    """The names of a method's settings; none for a plugin that cannot be loaded, whose error is not the one at hand."""
    try:
        return {field.name for field in method_settings(method)}
    except SealError:
        return set()


def misspelt(names: set[str]) -> str:
    """Return a message for the first name that looks like a known argument and is none; '' for none. The model may know other names."""
    known = known_arguments() if names else set()  # not without need: it imports torch
    for name in sorted(names - known):
        if close := closest(name, known):
            return f"args: nothing takes '{name}'; did you mean '{close}'?"
    return ""
