"""A model and its tokenizer in memory, and the window it was made for."""

import contextlib
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

from seal_eval.core.errors import SealError
from seal_eval.models.hub import resolve


@lru_cache(maxsize=4)
def load_tokenizer(name: str) -> Any:
    """The model's fast tokenizer. Raises SealError when it cannot be loaded."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(name)
    except Exception as error:  # transformers raises many kinds here
        raise SealError(f"no tokenizer could be loaded from '{name}': {str(error).splitlines()[0]}") from error
    if not tokenizer.is_fast:
        raise SealError(f"the tokenizer of '{name}' is not a fast one; token positions need tokenizer.json")
    return tokenizer


def window_of(name: str) -> int | None:
    """Tokens that a model's configuration says it is made for; None when it has none to be looked at (an API's model)."""
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(resolve(name))
    except (OSError, ValueError, SealError):
        return None
    window = getattr(config.get_text_config(), "max_position_embeddings", None)
    return int(window) if window else None


def load_model(name: str, dtype: str = "auto") -> tuple[Any, Any]:
    """(model, fast tokenizer), on the GPU when there is one. `name`: short name, folder or hub id."""
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    place = resolve(name)
    tokenizer = load_tokenizer(place)
    try:
        model = AutoModelForCausalLM.from_pretrained(place, dtype=dtype, use_safetensors=True)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise SealError(f"model '{name}' could not be loaded: {first_line(error)}") from error
    check_finite(model, name)
    device: Any = "cuda" if torch.cuda.is_available() else "cpu"
    return model.to(device).eval(), tokenizer


def first_line(error: Exception) -> str:
    """An error in a line; of the many that a wrong shape takes, the one that names the shapes."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return next((line for line in lines if "size mismatch" in line or "MISMATCH" in line), lines[0])


def check_finite(model: Any, name: str) -> None:
    """Raise SealError naming the first weight that holds NaN or inf."""
    for key, weight in model.named_parameters():
        if weight.is_floating_point() and weight.device.type != "meta" and not weight.isfinite().all():
            raise SealError(f"model '{name}': the values of {key} are not finite; the checkpoint is damaged")


def forget_peak() -> None:
    """Let peak_memory count from now on, where the system can."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        return
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_memory() -> int:
    """Bytes: the most that has been held on the GPU, or without one by the process, weights included."""
    import resource

    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
