"""Values read from files, checked against pydantic models: one error that names file, field and value."""

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from seal_eval.core import strict_json
from seal_eval.core.errors import SealError
from seal_eval.core.strict_json import dotted, short


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be printable: no line breaks, control characters or marks that change the direction of text")
    return text


Name = Annotated[str, Field(min_length=1, max_length=300), AfterValidator(_printable)]  # shown in tables, pages and file names
Label = Annotated[str, Field(max_length=2000), AfterValidator(_printable)]  # shown in pages; may be empty
Whole = Annotated[int, Field(ge=1, le=10**9)]
PlannedSize = Annotated[int, Field(ge=0, le=10**9)]  # of a cell; 0 for a task from outside this project
Amount = Annotated[float, Field(ge=0, le=1e15)]
Fraction = Annotated[float, Field(ge=0, le=1)]


def whole_number(text: str) -> bool:
    """Whether a text is a number that `Whole` allows, in ASCII digits alone. (Python converts no text of thousands of digits.)"""
    return text.isascii() and text.isdecimal() and len(text) <= 100 and 1 <= int(text) <= 10**9


WANTED = {
    "int_type": "must be a whole number", "float_type": "must be a number", "string_type": "must be text", "list_type": "must be a list",
    "dict_type": "must be an object", "model_type": "must be an object", "model_attributes_type": "must be an object",
    "too_short": "must have an item", "bool_type": "must be true or false",
    "extra_forbidden": "must not be there, no field of this name is known",
}  # fmt: skip


class Part(BaseModel):
    """An object in a file: the fields named here are checked and nothing is converted; others are not looked at."""

    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)


def check(model: type[BaseModel], value: Any, file: Path, remedy: str = "the file is damaged or was edited") -> None:
    """Check a value of a file against a model. Raises SealError "FILE: FIELD is VALUE, must be …; REMEDY" for the first misfit."""
    try:
        model.model_validate(value)
    except ValidationError as error:
        raise SealError(f"{file}: {explained(error)}; {remedy}") from error


def checked_row(file: Path, number: int, line: bytes, model: type[BaseModel], what: str, nan: bool = False) -> dict[str, Any]:
    """The object on one line of a file. Raises SealError "FILE, line NUMBER: not WHAT (…)" when it is not, as JSON or by the model."""
    try:
        row: dict[str, Any] = strict_json.loads(line, nan)
        model.model_validate(row)
    except ValueError as error:  # pydantic's is one
        why = explained(error) if isinstance(error, ValidationError) else str(error)
        raise SealError(f"{file}, line {number}: not {what} ({why}); the file is damaged") from error
    return row


def explained(error: ValidationError) -> str:
    """The first of pydantic's errors in words: "config.model is 5, must be a valid string", "doc has no depth"."""
    first = error.errors(include_url=False, include_context=False)[0]
    field = dotted([part for part in first["loc"] if part != "[key]"])
    if first["type"] == "missing":
        return f"no {field}"
    said = WANTED.get(first["type"]) or first["msg"].removeprefix("Value error, ")
    said = re.sub(r" after validation, not \d+$", "", re.sub(r"^.*? should ", "must ", said))
    if isinstance(first["input"], str):
        said = re.sub(r"\b(\d+) items?$", r"\1 characters", said)  # of a text with a check of its own
    what = f"the name {short(first['input'])}" if "[key]" in first["loc"] else f"{field or 'the value'} is {short(first['input'])}"
    return f"{what}, {said}"


def check_printable(value: Any, file: Path, *path: str | int) -> None:
    """Raise SealError naming file and field for text in a JSON value, a key included, that is not printable."""
    if isinstance(value, dict):
        for key, inner in value.items():
            check_printable(key, file, *path, key)
            check_printable(inner, file, *path, key)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            check_printable(inner, file, *path, index)
    elif isinstance(value, str):
        try:
            _printable(value)
        except ValueError as error:
            raise SealError(f"{file}: {dotted(path)} is {short(value)}, {error}; the file was edited") from None
