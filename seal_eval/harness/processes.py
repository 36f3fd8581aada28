"""The processes of one run, as torchrun and accelerate start them: each answers its share of the documents."""

import os
from typing import Any


def processes_without_gpus() -> None:
    """Let accelerate join the processes of a run where there is no GPU; without this, each would answer all documents."""
    import torch

    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not torch.cuda.is_available():
        os.environ.setdefault("ACCELERATE_USE_CPU", "true")


def share_documents(engine: Any) -> None:
    """Number the processes of an engine of lm-eval's. lm-eval does so on several GPUs alone, and begins anew on every machine."""
    if joined := getattr(engine, "accelerator", None):
        engine._rank, engine._world_size = joined.process_index, joined.num_processes
