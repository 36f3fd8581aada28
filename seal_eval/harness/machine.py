"""The name of the machine of a run."""

import platform
from pathlib import Path


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
