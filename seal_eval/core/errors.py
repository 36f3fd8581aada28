"""The one error users see, and did-you-mean."""

import difflib
from collections.abc import Iterable


class SealError(Exception):
    """Something the user can mend. The message names the value, the place and the remedy, on one line."""


def nearest(name: str, known: Iterable[str]) -> str:
    """`"; did you mean 'seal'?"` for the closest known name, else the list of known names."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; known: {', '.join(names) or 'none'}"


def whole_number(owner: str, setting: str, value: object, low: int, high: int | None = None) -> int:
    """`value`, when it is a whole number from `low` to `high`; else an error naming whose setting it is."""
    if isinstance(value, bool) or not isinstance(value, int) or value < low or (high is not None and value > high):
        wanted = f"of at least {low}" if high is None else f"from {low} to {high}"
        raise SealError(f"{owner}: {setting} is {value!r}, must be a whole number {wanted}")
    return value
