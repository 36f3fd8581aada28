"""How many processes share the work, as torchrun and accelerate start them."""

import os

from seal_eval.core.errors import SealError

NEEDED = ("RANK", "MASTER_ADDR", "MASTER_PORT")  # what their starter tells each process besides


def n_processes() -> int:
    """Return the number of processes that share the work: WORLD_SIZE, 1 where it is not set or empty.

    Raises SealError for anything but a whole number of at least 1, and where several processes lack what they need to find each other.
    """
    told = os.environ.get("WORLD_SIZE", "").strip()
    if not told:
        return 1
    n = int(told) if told.isdecimal() else 0
    if n < 1:
        raise SealError(f"WORLD_SIZE is {told!r:.40}, must be a whole number of processes, at least 1; unset it, or start with torchrun")
    if n == 1:
        return 1
    if missing := [name for name in NEEDED if not os.environ.get(name, "").strip()]:
        raise SealError(
            f"WORLD_SIZE is {n}, and {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set: start {n} processes with "
            "torchrun or accelerate launch, or unset WORLD_SIZE"
        )
    rank = os.environ["RANK"].strip()
    if not rank.isdecimal() or int(rank) >= n:
        raise SealError(f"RANK is {rank!r:.40}, must be a number from 0 to {n - 1}, as WORLD_SIZE is {n}; start with torchrun")
    return n


def own_rank() -> int:
    """Return this process's number among them; 0 where it is the only one, whatever RANK says. Raises SealError as `n_processes`."""
    return int(os.environ["RANK"]) if n_processes() > 1 else 0
