"""The registry of methods: find one by its name, make it from its settings, compose several."""

import dataclasses
import difflib
import inspect
import json
import re
from collections.abc import Collection, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from seal_eval.core.applied import extended as extended
from seal_eval.core.errors import SealError, first_line, nearest
from seal_eval.core.outside import class_in_file, code_of, entry_points, owner
from seal_eval.core.plugins import Method, checked_method
from seal_eval.core.settings import check_settings, key_values
from seal_eval.models.composed import Composed as Composed

ONCE = ("rope", "attention", "weights")  # at most one method of a composition changes each of these


def method_names() -> list[str]:
    """The names of all methods, sorted: the files in baselines/, each registered by its presence, and installed plugins."""
    return sorted({*_built_in(), *entry_points()})


def source_package(name: str) -> str:
    """The name of the distribution that a method comes from."""
    return "seal-eval" if name in _built_in() else owner(entry_points()[name][0])


def installed_code(method: str) -> dict[str, str]:
    """The code of those parts of a method ('a+b') that installed packages define: 'method PART' → `code_of`. {} for methods of ours."""
    plugins, names = entry_points(), set(method.split("+")) - set(_built_in())
    return {f"method {name}": code_of(plugins[name][0]) for name in sorted(names & plugins.keys())}


def method_parts(name: str) -> list[str]:
    """The parts of a method's name: ['a', 'b'] for 'a+b'. Raises SealError for the path of a file that has a + in it."""
    if "+" in name and Path(name.rpartition(":")[0]).is_file():
        raise SealError(
            f"method '{name}': the + in the file's path would be read as a composition; rename the folder or file, or start the command "
            "further down and give a path without it"
        )
    return name.split("+")


def get_method(name: str) -> type[Method]:
    """The dataclass of a method: a name ('seal'), or 'path/to/file.py:Class'.

    Raises SealError for an unknown name, a plugin that hides another, and one that fails on import or is no method.
    """
    if ".py:" in name:
        return checked_method(name, class_in_file(name))
    built_in, plugins = _built_in(), entry_points()
    if name in plugins:
        owners = [owner(point) for point in plugins[name]]
        if name in built_in or len(owners) > 1:
            raise SealError(
                f"method '{name}' is claimed by {', '.join((['seal-eval'] if name in built_in else []) + owners)}; rename the plugin's"
            )
        try:
            return checked_method(name, plugins[name][0].load())
        except SealError:
            raise
        except Exception as error:
            raise SealError(f"method '{name}' of {owners[0]} fails on import: {type(error).__name__}: {first_line(error)}") from error
    if name not in built_in:
        raise SealError(f"method '{name}' not found in seal_eval.baselines{nearest(name, method_names())}")
    module = import_module(f"seal_eval.baselines.{name}")
    classes = [c for c in vars(module).values() if dataclasses.is_dataclass(c) and getattr(c, "__module__", "") == module.__name__]
    if len(classes) != 1:
        raise SealError(f"baselines/{name}.py must define one dataclass, the method; it defines {len(classes)}")
    return checked_method(name, classes[0])  # type: ignore[arg-type]


def method_settings(name: str) -> list[dataclasses.Field[Any]]:
    """The settings of a method: its dataclass fields, in order."""
    return list(dataclasses.fields(get_method(name)))  # type: ignore[arg-type]


def method_notes(name: str) -> list[str]:
    """What a method does and what its settings mean: the first paragraph of its class's docstring, and those that begin 'SETTING: …'."""
    kind, settings = get_method(name), {field.name for field in method_settings(name)} | {"adapter"}
    paragraphs = [" ".join(text.split()) for text in (inspect.getdoc(kind) or "").split("\n\n")] if "__doc__" in vars(kind) else []
    begins = re.compile(rf"(?:{'|'.join(map(re.escape, settings))})(?:, \w+)*: ")
    return [text for i, text in enumerate(paragraphs) if text and (i == 0 or begins.match(text))]


def settings(method: Method) -> dict[str, Any]:
    """A method's settings as results record them. Those of a composition are called PART.SETTING."""
    if isinstance(method, Composed):
        return {f"{name}.{key}": value for name, part in method.parts for key, value in settings(part).items()}
    return {f.name: getattr(method, f.name) for f in dataclasses.fields(method)}  # type: ignore[arg-type]


def take_method(model_args: Mapping[str, Any], others: Collection[str] = ()) -> tuple[str, Method, dict[str, Any]]:
    """Take the method out of lm-eval's model_args. Returns (name, method, the arguments that remain).

    `method` names it, 'a+b' a composition; its settings are keys of their own. A setting that two parts have is written 'a.setting'.
    Keys in `others` belong to someone else and are never taken for misspelt settings. Raises SealError for an unknown method, a missing
    setting, a value that it cannot have, a key that looks like a misspelt setting, and a composition that makes no sense.
    """
    name = str(model_args.get("method", "plain"))
    names = method_parts(name)
    check_composition(names)
    fields = {part: method_settings(part) for part in names}
    count = {f.name: sum(f.name in [g.name for g in fs] for fs in fields.values()) for fs in fields.values() for f in fs}
    keys = {f"{part}.{f.name}": (part, f.name) for part, fs in fields.items() for f in fs}
    keys |= {f.name: (part, f.name) for part, fs in fields.items() for f in fs if count[f.name] == 1}
    if several := [key for key in model_args if count.get(key, 0) > 1]:
        raise SealError(f"setting '{several[0]}' belongs to several parts of '{name}'; write {names[0]}.{several[0]}=… and so on")
    rest = {key: value for key, value in model_args.items() if key not in keys and key != "method"}
    for key in rest.keys() - set(others):
        if close := difflib.get_close_matches(key, [*keys, "method"], n=1, cutoff=0.8):
            raise SealError(f"unknown model argument '{key}' with method '{name}'; did you mean '{close[0]}'?")
    given: dict[str, dict[str, Any]] = {part: {} for part in names}
    for key, value in model_args.items():
        if key in keys:
            part, setting = keys[key]
            if setting in given[part]:
                raise SealError(f"setting '{setting}' and '{part}.{setting}' are the same for method '{name}'; give one of them")
            given[part][setting] = value
    made = tuple((part, _make(part, fields[part], given[part])) for part in names)
    return name, made[0][1] if len(made) == 1 else Composed(made), rest


def method_of(text: str) -> Method:
    """The method of 'NAME[+NAME][,SETTING=VALUE…]'; '' is plain.

    Raises SealError as `take_method` does, and for a setting that is there twice or that the method does not have.
    """
    name, method, left = take_method(key_values(f"'{text}'", f"method={text}") if text else {})
    if left:
        raise SealError(f"'{text}': method '{name}' has no setting {', '.join(left)}")
    return method


def _make(name: str, fields: list[dataclasses.Field[Any]], given: dict[str, Any]) -> Method:
    for f in fields:
        if f.name not in given and f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING:
            raise SealError(f"method '{name}' needs {f.name}=…; settings: {', '.join(g.name for g in fields)}")
    try:
        method = get_method(name)(**given)
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:  # of a plugin's own __post_init__
        told = ", ".join(f"{key}={value!r:.40}" for key, value in given.items()) or "its defaults"
        raise SealError(f"method '{name}' cannot be made with {told}: {type(error).__name__}: {first_line(error)}") from error
    check_settings(f"method '{name}'", method)  # also for a plugin without the base class
    try:
        json.dumps(settings(method))  # the results keep them
    except (TypeError, ValueError) as error:
        raise SealError(
            f"method '{name}': a setting is no JSON value ({error}); annotate it as int, float, bool, str, list or dict"
        ) from error
    return method


def check_composition(names: list[str]) -> None:
    """Raise SealError for methods that make no sense together, in this order."""
    if len(names) == 1:
        return
    if len(set(names)) < len(names):
        raise SealError(f"method '{'+'.join(names)}' names one method twice")
    if "plain" in names:
        raise SealError(f"method '{'+'.join(names)}': plain is the unchanged model, there is nothing to compose; leave it out")
    kinds = [get_method(name).changes for name in names]
    if "weights" in kinds and "scales" in kinds[: kinds.index("weights")]:
        inner, outer = names[kinds.index("scales")], names[kinds.index("weights")]
        raise SealError(f"method '{'+'.join(names)}': {inner} scales what {outer}'s projections are given; write {outer}+{inner}")
    for what in ONCE:
        both = [name for name, kind in zip(names, kinds, strict=True) if kind == what]
        if len(both) > 1:
            raise SealError(f"method '{'+'.join(names)}': {' and '.join(both)} both change the {what}; use one of them")


def _built_in() -> list[str]:
    return sorted(f.stem for f in Path(__file__).parent.glob("*.py") if f.stem != "__init__")
