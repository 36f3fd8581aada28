"""The error shown to users, suggestions for misspelled names, and a check of whole numbers."""

import difflib
from collections.abc import Iterable


class SealError(Exception):
    """An error that the user can fix. The message names the value, the place and the remedy, on one line."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `"; did you mean 'seal'?"` for the closest known name, or the list of known names when none is close."""
    if close := closest(name, known):
        return f"; did you mean '{close}'?"
    return f"; known: {', '.join(sorted(known)) or 'none'}"


def closest(name: str, known: Iterable[str]) -> str:
    """Return the known name that looks most like `name`, '' when none does."""
    return next(iter(difflib.get_close_matches(name, sorted(known), n=1)), "")


def first_line(error: Exception) -> str:
    """Return one line of an error's message: the one that names a size mismatch if there is one, else the first."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return next((line for line in lines if "size mismatch" in line or "MISMATCH" in line), lines[0])
