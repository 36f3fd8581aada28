"""The processes of one run, as torchrun and accelerate start them: each answers its share of the documents."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def sharing_documents(engine: Any) -> Iterator[None]:
    """Context manager around the construction of lm-eval's part of an engine: the processes of the run share its documents.

    lm-eval shares them only between GPUs, and counts the processes from 0 on each machine. Without a GPU, accelerate has to be told to join
    the processes; otherwise each would answer all documents.
    """
    import torch

    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not torch.cuda.is_available():
        os.environ.setdefault("ACCELERATE_USE_CPU", "true")
    yield
    if joined := getattr(engine, "accelerator", None):
        engine._rank, engine._world_size = joined.process_index, joined.num_processes
