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
