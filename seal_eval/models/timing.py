"""How long a computation takes, to choose the faster of two."""

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

# way of computing → number of rows → whether it was taken, since `forget`: it rounds otherwise, so results record it
_choices: defaultdict[str, dict[int, bool]] = defaultdict(dict)


def chosen(way: str, rows: int, faster: bool) -> bool:
    """Note for how many rows a timed choice took the way that this project adds, or left it; return which."""
    _choices[way][rows] = faster
    return faster


def choices() -> dict[str, list[int]]:
    """Return the timed choices since `forget`: 'WAY' and 'no WAY' → the numbers of rows. The load of the machine may decide them."""
    return {
        f"{'' if took else 'no '}{way}": rows
        for way, found in sorted(_choices.items())
        for took in (True, False)
        if (rows := sorted(n for n, faster in found.items() if faster == took))
    }


def forget() -> None:
    """Forget the choices that were noted so far."""
    _choices.clear()


def seconds(compute: Callable[[], Any], times: int = 3) -> float:
    """Return the seconds of the fastest of `times` calls."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        compute()
        found.append(time.perf_counter() - began)
    return min(found)
