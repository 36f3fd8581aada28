"""How long a computation takes, to choose the faster of two."""

import time
from collections.abc import Callable
from typing import Any


def seconds(compute: Callable[[], Any], times: int = 3) -> float:
    """Return the seconds of the fastest of `times` calls."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        compute()
        found.append(time.perf_counter() - began)
    return min(found)
