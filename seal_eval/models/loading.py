"""Load a model and its tokenizer; measure peak memory."""

import contextlib
import gc
import sys
from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal

from seal_eval.core.errors import SealError, first_line
from seal_eval.models.hub import resolve
from seal_eval.models.hub_reached import check_reached
from seal_eval.models.placement import LOW_BITS, check_covers, keep_as_loaded, low_bits, spread
from seal_eval.models.quantised import forget_quantisation, set_dequantised
from seal_eval.models.timing import seconds
from seal_eval.models.tokenizers import give_end, own_tokenizer
from seal_eval.models.whole_checkpoint import from_whole

OWN_CODE = "it needs code of its own; read that code, then pass --trust-remote-code"
WIDENED = 2**24  # eight-bit weights that are widened at a time to be checked


@lru_cache(maxsize=4)
def load_tokenizer(name: str, trust_remote_code: bool = False, revision: str = "") -> Any:
    """Return the fast tokenizer of a folder or hub id. Raises SealError when there is none or it cannot be loaded.

    revision: branch, tag or commit of the hub id; '' for the newest.
    """
    check_reached(name)
    try:
        tokenizer = own_tokenizer(name, trust_remote_code=trust_remote_code, revision=revision or "main")
    except Exception as error:  # transformers raises many types here
        why = OWN_CODE if "trust_remote_code" in str(error) else first_line(error)
        raise SealError(f"no tokenizer could be loaded from '{name}': {why}") from error
    if not getattr(tokenizer, "is_fast", False):
        raise SealError(f"the tokenizer of '{name}' is not a fast one; token positions need tokenizer.json")
    give_end(tokenizer, name, trust_remote_code, revision or None)
    return tokenizer


@lru_cache(maxsize=1)
def faster_dtype() -> Literal["bfloat16", "float32"]:
    """Return the type in which this machine multiplies matrices faster: 'bfloat16' or 'float32'. Measured, in a few milliseconds.

    Half precision takes half the time where the processor has it, and hundreds of times as long where it does not.
    """
    import torch

    if torch.cuda.is_available():
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    taken = {}
    for dtype in (torch.float32, torch.bfloat16):
        a, b = torch.ones(64, 512, dtype=dtype), torch.ones(512, 1024, dtype=dtype)
        taken[dtype] = seconds(partial(torch.matmul, a, b))
    return "bfloat16" if taken[torch.bfloat16] < taken[torch.float32] else "float32"


def load_model(
    name: str, dtype: str = "auto", trust_remote_code: bool = False, dequantised: bool = False, device_map: str = ""
) -> tuple[Any, Any]:
    """Return (model, fast tokenizer), the model on the GPU when there is one.

    name: short name, folder or hub id. dtype: auto, a torch type, 8bit or 4bit. trust_remote_code: run the checkpoint's own code.
    dequantised: return quantised weights as bf16, so that they can be changed and saved. device_map: see `placement.spread`. Raises
    SealError when model or tokenizer cannot be loaded, a weight is missing or not finite, the checkpoint needs its own code, its
    quantisation is not read or cannot be undone, or the device map leaves a layer out.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    place, placed = resolve(name), spread(device_map) | low_bits(dtype)
    tokenizer = load_tokenizer(place, trust_remote_code)
    with loading(name):
        config = AutoConfig.from_pretrained(place, trust_remote_code=trust_remote_code)
        if dequantised:
            set_dequantised(config, name)
        model = from_whole(
            AutoModelForCausalLM, place, name, config=config, use_safetensors=True, trust_remote_code=trust_remote_code, **placed
        )
    if dequantised:
        forget_quantisation(model, name)
    check_finite(model, name)
    check_covers(device_map, model)
    keep_as_loaded(model)
    if device_map or dtype in LOW_BITS:  # already where they belong
        return model.eval(), tokenizer
    device: Any = "cuda" if torch.cuda.is_available() else "cpu"
    return model.to(device).eval(), tokenizer


@contextlib.contextmanager
def loading(name: str) -> Iterator[None]:
    """Context manager: turns what transformers raises for a model that cannot be loaded into a SealError of one line."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, ValueError, RuntimeError, ImportError, AttributeError, TypeError, KeyError, SafetensorError) as error:
        why = not_loaded(error)
        if "Unrecognized configuration class" in why:
            why = "transformers has no causal language model for its configuration; name a checkpoint of the text model alone"
        elif "trust_remote_code" in str(error):
            why = OWN_CODE
        raise SealError(f"model '{name}' could not be loaded: {why}") from error


def not_loaded(error: Exception) -> str:
    """Return why a model could not be loaded, in one line: transformers' reason, or that its weights are a pickle."""
    why = first_line(error)
    if "no file named model.safetensors" not in why:
        return why
    return (
        "it has no model.safetensors, and a pickle (pytorch_model.bin) may run any code, so it is not loaded; if you trust it, save it "
        "again with transformers: AutoModelForCausalLM.from_pretrained(FOLDER).save_pretrained(NEW)"
    )


def check_finite(model: Any, name: str) -> None:
    """Raise SealError naming the first weight that contains NaN or infinity."""
    for key, weight in model.named_parameters():
        if weight.is_floating_point() and weight.device.type != "meta" and not _finite(weight):
            raise SealError(f"model '{name}': the values of {key} are not finite; the checkpoint is damaged")


def _finite(weight: Any) -> bool:
    """Return whether all values are finite. Torch tells it of few eight-bit types, so these are widened, a slice at a time."""
    import torch

    if weight.element_size() > 1:
        return bool(weight.isfinite().all())
    try:
        return all(bool(part.to(torch.float32).isfinite().all()) for part in weight.detach().reshape(-1).split(WIDENED))
    except (NotImplementedError, RuntimeError):  # packed values: torch reads them in no other type
        return True


def release_memory() -> None:
    """Free unreferenced memory: Python's garbage and torch's unused GPU memory."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def forget_peak() -> None:
    """Reset what `peak_memory` reports, where that is possible: on a GPU, and on Linux."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        return
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_memory() -> int:
    """Return the peak memory in bytes, weights included: of torch on the GPU, or of the process when there is no GPU."""
    import resource

    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
