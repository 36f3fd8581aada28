"""The error shown to users, suggestions for misspelled names, and a check of whole numbers."""

import difflib
from collections.abc import Iterable


class SealError(Exception):
    """An error that the user can fix. The message names the value, the place and the remedy, on one line."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `"; did you mean 'seal'?"` for the closest known name, or the list of known names when none is close."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; known: {', '.join(names) or 'none'}"


def first_line(error: Exception) -> str:
    """Return one line of an error's message: the one that names a size mismatch if there is one, else the first."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return next((line for line in lines if "size mismatch" in line or "MISMATCH" in line), lines[0])
