"""Tuning over several processes, as torchrun or accelerate start them: each computes a part of every batch, and all stay equal."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist

from seal_eval.core.errors import SealError
from seal_eval.core.world import n_processes

T = TypeVar("T")
PATIENCE = timedelta(hours=6)  # the first process measures and saves alone while the others wait


@dataclass(frozen=True)
class Processes:
    """This process's number among `n`. Without others, every method does nothing."""

    rank: int = 0
    n: int = 1

    @property
    def first(self) -> bool:
        """True for the process that writes files and tells the user."""
        return self.rank == 0

    def part(self, items: Sequence[T]) -> list[T]:
        """Return this process's part of the items."""
        return list(items[self.rank :: self.n])

    def add_gradients(self, parameters: Sequence[torch.nn.Parameter]) -> None:
        """Replace each gradient by its sum over the processes; one that a process lacks counts as 0."""
        if self.n == 1:
            return
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        for p, total in zip(parameters, flat.split([p.numel() for p in parameters]), strict=True):
            p.grad = total.view_as(p)

    def add(self, *values: float) -> list[float]:
        """Return the sums of numbers over the processes."""
        if self.n == 1:
            return list(values)
        totals = torch.tensor(values, dtype=torch.float64, device=_device())
        dist.all_reduce(totals)
        return [float(total) for total in totals]

    def from_first(self, value: T) -> T:
        """Return the first process's value."""
        if self.n == 1:
            return value
        box: list[Any] = [value]
        dist.broadcast_object_list(box)
        received: T = box[0]
        return received


@contextmanager
def processes() -> Iterator[Processes]:
    """Context manager: yields the processes that torchrun or accelerate started, or this one alone.

    With GPUs, each process takes the one of its number on this machine. At the end, all wait for the first. Raises SealError when there are
    more processes on a machine than GPUs, and as `n_processes`.
    """
    n = n_processes()
    if n == 1:
        yield Processes()
        return
    gpus, own = torch.cuda.device_count(), int(os.environ.get("LOCAL_RANK") or 0)
    if gpus:
        if own >= gpus:
            raise SealError(f"process {own + 1} on this machine has no GPU; it has {gpus}: start as many processes")
        torch.cuda.set_device(own)
    dist.init_process_group("nccl" if gpus else "gloo", timeout=PATIENCE)
    try:
        yield Processes(dist.get_rank(), n)
        dist.barrier()
    finally:
        dist.destroy_process_group()


def _device() -> str:
    return "cuda" if dist.get_backend() == "nccl" else "cpu"
