"""How fast replies came, and whether the machine was shared meanwhile."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

QUIET_MACHINE = 0.05  # of the processors' time that others may have taken


class Throughput:
    """Sums over the calls of one process."""

    def __init__(self) -> None:
        self.tokens, self.seconds, self.others = 0, 0.0, 0.0

    @contextmanager
    def over(self, tokens: int) -> Iterator[None]:
        """Around the reading of so many prompt tokens and the writing of their replies."""
        began, busy = time.monotonic(), _others()
        yield
        self.tokens += tokens
        self.seconds += time.monotonic() - began
        self.others += max(_others() - busy, 0.0)

    def told(self) -> dict[str, Any]:
        """{prompt_tokens, seconds, others: share of all processors' time that went to other processes}; empty when nothing was asked."""
        if not self.seconds:
            return {}
        share = self.others / (self.seconds * (os.cpu_count() or 1))
        return {"prompt_tokens": self.tokens, "seconds": round(self.seconds, 3), "others": round(share, 3)}


def _others() -> float:
    """Processor seconds that processes other than this one have used so far, kernel and interrupts included."""
    import psutil

    whole, own = psutil.cpu_times(), psutil.Process().cpu_times()
    idle = whole.idle + getattr(whole, "iowait", 0.0)
    counted = sum(whole) - idle - getattr(whole, "guest", 0.0) - getattr(whole, "guest_nice", 0.0)  # guests are in user already
    return float(counted - own.user - own.system)
