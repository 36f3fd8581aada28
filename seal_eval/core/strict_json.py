"""Parse JSON that every parser reads alike: what parsers read differently, and what other programs cannot read, is refused."""

import json
import math
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

MAX_DEPTH = 100  # levels of nesting
MAX_DIGITS = 400  # characters of one number; a double needs 309 digits at most
LARGEST = sys.float_info.max
HALF = re.compile(r"\\u[dD][89a-fA-F]")  # a surrogate, written as an escape


@dataclass(frozen=True)
class _Refused:
    """Stands in the parsed value where something was refused, so that its path can be told."""

    problem: str


def loads(text: str | bytes, nan: bool = False) -> Any:
    """Parse one JSON text (bytes: UTF-8). nan: NaN and infinity are allowed, as other programs write them.

    Raises ValueError with the path of the value, such as `config.lengths[2]`, and the reason: a key twice in one object, nesting deeper
    than MAX_DEPTH, a number longer than MAX_DIGITS or outside the range of doubles, NaN or infinity, half a surrogate pair, bytes that
    are not UTF-8, a byte order mark. A syntax error is a json.JSONDecodeError, a ValueError too, with line and column.
    """
    text = _decoded(text)
    refusing, marking = _DECODERS[nan]
    try:
        value = refusing.decode(text)
        # walking costs as much as parsing: only where the text can hold what parsing does not show
        if text.count("{") + text.count("[") <= MAX_DEPTH and not ("\\u" in text and HALF.search(text)):
            return value
    except RecursionError:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels") from None
    except _Refusal:
        value = marking.decode(text)
    for path, problem in _problems(value):
        raise ValueError(f"{dotted(path)}: {problem}" if path else problem)
    return value


def check_finite(value: Any, *path: str | int) -> None:
    """Raise ValueError with the path of a number in a parsed value that is NaN or infinite. path: of `value` itself."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{dotted(path)}: {_constant_problem('NaN' if math.isnan(value) else 'Infinity')}")
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            check_finite(inner, *path, key)


def dotted(path: Sequence[str | int]) -> str:
    """A path of keys and indices as text: `configs.seal_lines["a b"][3]`. Only printable ASCII; a long key is shortened."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"[A-Za-z_][\w-]*", part, re.ASCII) and len(part) <= 80:
            text += f".{part}" if text else part
        else:
            text += f"[{short(part)}]"
    return text


def short(value: Any, most: int = 60) -> str:
    """A value for a message: its JSON in ASCII, the middle left out beyond `most` characters. Control characters are escaped."""
    if isinstance(value, str) and len(value) > most:
        value = f"{value[: most // 2]}…{value[-most // 4 :]}"
    try:
        text = json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        text = f"a {type(value).__name__}"
    text = text.replace("\\u2026", "...")
    return text if len(text) <= 2 * most else f"{text[:most]}...{text[-most // 4 :]}"


def _decoded(text: str | bytes) -> str:
    """The text of the bytes. Raises ValueError for what is not UTF-8."""
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"not UTF-8 (byte {error.start}); save it as UTF-8") from None
    elif not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise ValueError(f"half a surrogate pair at character {error.start}, which is not UTF-8") from None
    if text.startswith("\ufeff"):
        raise ValueError("begins with a byte order mark; save it as UTF-8 without one")
    return text


class _Refusal(Exception):
    """A value is refused; the text is then parsed again, with marks, to tell its path."""


def _float(digits: str) -> Any:
    value = float(digits)
    if len(digits) <= MAX_DIGITS and -LARGEST <= value <= LARGEST:
        return value
    raise _Refusal


def _int(digits: str) -> int:
    if len(digits) < 309 or (len(digits) <= MAX_DIGITS and abs(int(digits)) <= LARGEST):
        return int(digits)
    raise _Refusal


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) == len(pairs):
        return value
    raise _Refusal


def _constant(_name: str) -> Any:
    raise _Refusal


def _or_mark(parse: Callable[[Any], Any], problem: Callable[[Any], str]) -> Callable[[Any], Any]:
    """`parse`, but with a mark in place of what it refuses."""

    def marking(found: Any) -> Any:
        try:
            return parse(found)
        except _Refusal:
            return _Refused(problem(found))

    return marking


def _number_problem(digits: str) -> str:
    if len(digits) > MAX_DIGITS:
        return f"a number of {len(digits):,} characters; at most {MAX_DIGITS}"
    return f"{digits[:12]}{'...' if len(digits) > 12 else ''} is outside the range of doubles"


def _object_problem(pairs: list[tuple[str, Any]]) -> str:
    key, _times = Counter(key for key, _ in pairs).most_common(1)[0]
    return f"the key {short(key)} is there twice"


def _constant_problem(name: str) -> str:
    return f"{name} is not JSON; use a number or null"


_HOOKS: dict[str, Any] = {"object_pairs_hook": _object, "parse_int": _int, "parse_float": _float}
_MARKS: dict[str, Any] = {
    "object_pairs_hook": _or_mark(_object, _object_problem),
    "parse_int": _or_mark(_int, _number_problem),
    "parse_float": _or_mark(_float, _number_problem),
}
# whether NaN is allowed → the decoder that refuses, and the one that marks
_DECODERS = {
    False: (
        json.JSONDecoder(**_HOOKS, parse_constant=_constant),
        json.JSONDecoder(**_MARKS, parse_constant=_or_mark(_constant, _constant_problem)),
    ),
    True: (json.JSONDecoder(**_HOOKS), json.JSONDecoder(**_MARKS)),
}


def _problems(value: Any) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield (path, problem) of every value that is refused, nested too deep, or text that is not UTF-8."""
    todo: list[tuple[tuple[str | int, ...], Any]] = [((), value)]
    while todo:
        path, value = todo.pop()
        if isinstance(value, _Refused):
            yield path, value.problem
        elif isinstance(value, str):
            if not _whole_text(value):
                yield path, f"{short(value)} has half a surrogate pair, which is not text"
        elif isinstance(value, dict | list) and len(path) >= MAX_DEPTH:
            yield path[:3], f"nested deeper than {MAX_DEPTH} levels"
            return
        elif isinstance(value, dict):
            if bad := next((key for key in value if not _whole_text(key)), None):
                yield path, f"the key {short(bad)} has half a surrogate pair, which is not text"
            todo += [((*path, key), inner) for key, inner in reversed(value.items())]
        elif isinstance(value, list):
            todo += [((*path, index), inner) for index, inner in reversed(list(enumerate(value)))]


def _whole_text(text: str) -> bool:
    """Whether the text can be written as UTF-8."""
    try:
        return text.isascii() or bool(text.encode("utf-8"))
    except UnicodeEncodeError:
        return False
