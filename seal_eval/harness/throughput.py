"""Measure the time of a run, and how busy other processes kept the machine during it."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

QUIET_MACHINE = 0.05  # a run's time counts as undisturbed if other processes used at most this fraction of the processors' time


class Throughput:
    """Sums prompt tokens, seconds, and processor seconds of other processes, over the calls in one process."""

    def __init__(self) -> None:
        self.tokens, self.seconds, self.others = 0, 0.0, 0.0

    @contextmanager
    def over(self, tokens: int) -> Iterator[None]:
        """Context manager: measures the block, which prefills `tokens` prompt tokens and decodes the replies. Not counted if it raises."""
        began, busy = time.monotonic(), _others()
        yield
        self.tokens += tokens
        self.seconds += time.monotonic() - began
        self.others += max(_others() - busy, 0.0)

    def add_others(self, all_of_them: Sequence["Throughput"]) -> None:
        """Take in what the processes that share the run did in the same time: all of their tokens, in the time of the slowest.

        To each of them the others are other processes, so the speed of processes on one machine is a lower bound.
        """
        self.tokens = sum(one.tokens for one in all_of_them)
        self.seconds, self.others = max((one.seconds, one.others) for one in all_of_them)

    def told(self) -> dict[str, Any]:
        """Return {prompt_tokens, seconds, others: fraction of all processors' time that other processes used}; {} before any call."""
        if not self.tokens:  # every reply was in the journal
            return {}
        fraction = self.others / (self.seconds * (os.cpu_count() or 1))
        return {"prompt_tokens": self.tokens, "seconds": max(round(self.seconds, 3), 0.001), "others": round(fraction, 3)}


def _others() -> float:
    """Return the processor seconds that all other processes have used since the machine started, kernel and interrupts included."""
    import psutil

    machine, process = psutil.cpu_times(), psutil.Process().cpu_times()
    idle = machine.idle + getattr(machine, "iowait", 0.0)
    busy = sum(machine) - idle - getattr(machine, "guest", 0.0) - getattr(machine, "guest_nice", 0.0)  # `user` includes guests already
    return float(busy - process.user - process.system)
