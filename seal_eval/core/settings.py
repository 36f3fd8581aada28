"""Settings checked in one way: a dataclass's fields against their annotations, by pydantic, with one kind of error message."""

import dataclasses
import types
from functools import lru_cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le

from seal_eval.core.errors import SealError
from seal_eval.core.home import from_home

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
