"""Names → methods, and settings → a method object."""

import dataclasses
import difflib
from importlib import import_module
from pathlib import Path
from typing import Any

from seal_eval.errors import SealError, nearest
from seal_eval.types import Method


def method_names() -> list[str]:
    """Every method: a file's presence in baselines/ registers it under its name."""
    import seal_eval.baselines

    return sorted(f.stem for f in Path(seal_eval.baselines.__file__).parent.glob("*.py") if f.stem != "__init__")


def get_method(name: str) -> type[Method]:
    """The dataclass of a method: 'seal' → seal_eval.baselines.seal.Seal."""
    if name not in method_names():
        raise SealError(f"method '{name}' not found in seal_eval.baselines{nearest(name, method_names())}")
    module = import_module(f"seal_eval.baselines.{name}")
    (cls,) = (c for c in vars(module).values() if dataclasses.is_dataclass(c) and c.__module__ == module.__name__)
    return cls  # type: ignore[return-value]


def settings_of(name: str) -> list[dataclasses.Field[Any]]:
    """The method's settings, in order."""
    return list(dataclasses.fields(get_method(name)))  # type: ignore[arg-type]


def take_method(model_args: dict[str, Any]) -> tuple[str, Method, dict[str, Any]]:
    """(name, method, what is left) from lm-eval's model_args: `method` and the keys that are its settings are taken out.

    Raises SealError for an unknown method, a missing setting, and a key that looks like a misspelt one.
    """
    name = str(model_args.get("method", "plain"))
    fields = settings_of(name)
    names = [f.name for f in fields]
    rest = {key: value for key, value in model_args.items() if key not in (*names, "method")}
    for key in rest:
        if close := difflib.get_close_matches(key, [*names, "method"], n=1, cutoff=0.8):
            raise SealError(f"unknown model argument '{key}' with method '{name}'; did you mean '{close[0]}'?")
    for f in fields:
        if f.name not in model_args and f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING:
            raise SealError(f"method '{name}' needs {f.name}=…; settings: {', '.join(names)}")
    return name, get_method(name)(**{key: model_args[key] for key in names if key in model_args}), rest
