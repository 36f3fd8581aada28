"""The machine of a run: its name, and its memory."""

import platform
from pathlib import Path


def out_of_memory(error: RuntimeError) -> bool:
    """Return whether the error says that torch could not allocate memory, on the GPU or the CPU."""
    import torch

    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error) or "not enough memory" in str(error)


def hardware() -> str:
    """Return the name of the GPU, or of the processor with its number of cores when there is no GPU."""
    import os

    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), name)
    except OSError:
        pass
    return f"{name}, {os.cpu_count()} cores"
