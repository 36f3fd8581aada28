"""Settings checked in one way: a dataclass's fields against their annotations, by pydantic, with one kind of error message."""

import dataclasses
import types
from enum import Enum
from functools import lru_cache
from pathlib import PurePath
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le

from seal_eval.core.errors import SealError
from seal_eval.core.home import from_home

# kinds that no JSON value fits → what to write for them
INSTEAD: dict[type, str] = {PurePath: "str", tuple: "list", set: "list", frozenset: "list", Enum: "Literal", bytes: "str"}
Count = Annotated[int, Ge(1)]
Index = Annotated[int, Ge(0)]  # 0 often stands for a default
Factor = Annotated[float, Ge(1)]
NonNegative = Annotated[float, Ge(0)]
Positive = Annotated[float, Gt(0)]
Share = Annotated[float, Ge(0), Le(1)]


def check_settings(owner: str, settings: Any) -> None:
    """Check every field of a dataclass object against its annotation; nothing is converted.

    Raises SealError "OWNER: FIELD is VALUE, must be …" for the first that does not fit.
    """
    cls: Any = type(settings)
    for name, annotation in _annotations(cls).items():
        check_value(owner, name, getattr(settings, name), annotation)


def check_value(owner: str, name: str, value: Any, annotation: Any) -> Any:
    """`value`, when it fits the annotation. Raises SealError as `check_settings`."""
    from pydantic import ValidationError  # not above: the command line starts without it

    try:
        _adapter(annotation).validate_python(value, strict=True)
    except ValidationError as error:
        raise SealError(f"{owner}: {name} is {value!r:.200}, must be {describe(annotation)}") from error
    return value


def check_annotations(owner: str, cls: Any) -> None:
    """Raise SealError for a setting that no JSON value fits: its annotation must be made of INSTEAD's values. owner: for errors."""
    try:
        annotations = _annotations(cls)
    except Exception as error:  # get_type_hints evaluates text
        raise SealError(f"{owner}: the annotations of its settings cannot be read ({type(error).__name__}: {error})") from error
    for name, annotation in annotations.items():
        if (odd := _no_json(annotation)) is not None:
            write = next((text for kind, text in INSTEAD.items() if _is_kind(odd, kind)), "int, float, bool, str, list or dict")
            raise SealError(f"{owner}: setting {name} is annotated {_named(odd)}, which no value of --model_args fits; write {write}")


def _no_json(annotation: Any) -> Any:
    """The first part of an annotation that no JSON value fits as it is; None when there is none."""
    origin, args = get_origin(annotation), get_args(annotation)
    if annotation in (int, float, bool, str, list, dict, None, type(None), Any) or origin is Literal:
        return None
    if origin is Annotated:
        return _no_json(args[0])
    if origin in (Union, types.UnionType, list, dict):
        return next((odd for odd in map(_no_json, args) if odd is not None), None)
    return annotation


def _is_kind(annotation: Any, kind: type) -> bool:
    found = get_origin(annotation) or annotation
    return isinstance(found, type) and issubclass(found, kind)


def _named(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) and not get_args(annotation) else str(annotation)


def key_values(where: str, text: str) -> dict[str, Any]:
    """The values of 'KEY=VALUE,…' as lm-eval reads them, paths as `from_home` writes them.

    Raises SealError, naming `where`, for a key that is there twice.
    """
    from lm_eval.utils import simple_parse_args_string  # it takes the last of two values without a word

    keys = [part.partition("=")[0] for part in text.strip().split(",") if part]
    if again := next((key for key in keys if keys.count(key) > 1), None):
        raise SealError(f"{where}: {again} is given twice; write KEY=VALUE,… with each key once")
    return dict(from_home(simple_parse_args_string(text)))


def describe(annotation: Any) -> str:
    """An annotation in words: 'a whole number of at least 1', 'head or channel'."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return describe(args[0]) + _bounds(args[1:])
    if origin in (Union, types.UnionType):
        return " or ".join(describe(arg) for arg in args if arg is not type(None))
    if origin is Literal:
        return " or ".join(map(str, args))
    return {int: "a whole number", float: "a finite number", bool: "true or false", str: "text"}.get(annotation, str(annotation))


def _bounds(constraints: tuple[Any, ...]) -> str:
    bound = {key: getattr(part, key) for part in constraints for key in ("ge", "gt", "le") if getattr(part, key, None) is not None}
    if "ge" in bound and "le" in bound:
        return f" from {bound['ge']} to {bound['le']}"
    return "".join(f" {word} {bound[key]}" for key, word in (("ge", "of at least"), ("gt", "above"), ("le", "of at most")) if key in bound)


@lru_cache(maxsize=256)
def _annotations(cls: type) -> dict[str, Any]:
    hints = get_type_hints(cls, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls) if hints.get(field.name, Any) is not Any}


@lru_cache(maxsize=256)
def _adapter(annotation: Any) -> Any:
    from pydantic import ConfigDict, TypeAdapter

    return TypeAdapter(annotation, config=ConfigDict(arbitrary_types_allowed=True, allow_inf_nan=False))
