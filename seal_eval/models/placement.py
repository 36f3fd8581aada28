"""Where a model's weights are put, and in how many bits: spread over devices by accelerate, or quantised by bitsandbytes."""

import atexit
import json
import shutil
import tempfile
from typing import Any

from seal_eval.core.errors import SealError, nearest
from seal_eval.models.modules import offloaded_weight

MAPS = ("auto", "balanced", "balanced_low_0", "sequential")  # accelerate's ways to spread layers over devices
LOW_BITS = ("8bit", "4bit")
DEVICES = ("cpu", "cuda", "mps", "npu", "xpu", "hpu")  # kinds that lm-eval places a model on


def check_device_name(device: str) -> None:
    """Raise SealError unless `device` is one of DEVICES or, as in cuda:1, one of them with a number."""
    kind, colon, number = device.partition(":")
    if kind not in DEVICES or (colon and not number.isdecimal()):
        raise SealError(f"device '{device}' is not known; write one of {', '.join(DEVICES)}, or one with its number, such as cuda:1")


def check_device(device: str) -> None:
    """Raise SealError for a device that this machine does not have: lm-eval would take another one and say nothing."""
    import torch

    check_device_name(device)
    here = ["cpu"]
    for kind in DEVICES[1:]:
        module: Any = torch.backends.mps if kind == "mps" else getattr(torch, kind, None)
        if module is not None and module.is_available():
            named = [kind] if kind in ("cuda", "mps") else []  # lm-eval knows the others with a number only
            here += [*named, *(f"{kind}:{i}" for i in range(1 if kind == "mps" else module.device_count()))]
    if device not in here:
        raise SealError(f"--device {device} is not on this machine, which has {', '.join(here)}; name one of these, or leave it out")


def spread(device_map: str) -> dict[str, Any]:
    """Return the arguments with which transformers spreads a model over devices; none for ''.

    device_map: one of MAPS, or a JSON object of module → device, as in accelerate: '{"model.layers.0": 0, …: "disk"}'. Layers on disk are
    read from a folder that is deleted when the process ends. Raises SealError for anything else.
    """
    if not device_map:
        return {}
    found: Any = device_map
    if device_map.lstrip().startswith("{"):
        try:
            found = json.loads(device_map)
        except ValueError as error:
            raise SealError(f"device map {device_map!r} is no JSON object of module → device: {error}") from error
    elif device_map not in MAPS:
        raise SealError(f"device map '{device_map}' is no JSON object of module → device and no known name{nearest(device_map, MAPS)}")
    folder = tempfile.mkdtemp(prefix="seal-eval-offload-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return {"device_map": found, "offload_folder": folder}


def check_dtype(dtype: str) -> None:
    """Raise SealError unless `dtype` is auto, one of LOW_BITS or the name of a torch type of floating-point numbers."""
    import torch

    kind = getattr(torch, dtype, None)
    if dtype not in ("auto", *LOW_BITS) and not (isinstance(kind, torch.dtype) and kind.is_floating_point):
        raise SealError(f"dtype '{dtype}' is no type of weights{nearest(dtype, ('auto', 'float32', 'bfloat16', 'float16', *LOW_BITS))}")


def check_low_bits(dtype: str) -> None:
    """Raise SealError when bitsandbytes, which reads weights in one of LOW_BITS, is missing."""
    import importlib.util

    if importlib.util.find_spec("bitsandbytes") is None:
        raise SealError(f"dtype {dtype} needs bitsandbytes: pip install bitsandbytes")


def low_bits(dtype: str) -> dict[str, Any]:
    """Return the arguments with which transformers loads weights in `dtype`: '8bit' or '4bit' (NF4; Dettmers et al. 2023), or a torch type.

    Raises SealError when bitsandbytes is missing.
    """
    if dtype not in LOW_BITS:
        return {"dtype": dtype}
    check_low_bits(dtype)
    import torch
    from transformers import BitsAndBytesConfig

    settings: dict[str, Any] = {"load_in_8bit": True}
    if dtype == "4bit":
        settings = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": torch.bfloat16}
    return {"quantization_config": BitsAndBytesConfig(**settings)}


def keep_as_loaded(model: Any) -> None:
    """Stop bitsandbytes from packing 4-bit weights for the processor. 0.50 does so in place, and unpacks other values: 15 % of a logit."""
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def check_covers(device_map: str, model: Any) -> None:
    """Raise SealError for a weight of the model that a JSON device map names no device for; transformers would choose one."""
    if device_map.lstrip().startswith("{"):
        parts = json.loads(device_map)
        for key, _ in model.named_parameters():
            if not any(part == "" or f"{key}.".startswith(f"{part}.") for part in parts):
                raise SealError(f"the device map leaves out {key}; name a device for it, or for a module around it")


def check_in_memory(model: Any, name: str) -> None:
    """Raise SealError when a weight is not in memory, where it could be changed and saved."""
    if away := offloaded_weight(model):
        raise SealError(
            f"model '{name}': {away} is not in memory with this device map, so nothing can be folded into it; leave --device-map out and "
            "hide the GPUs (CUDA_VISIBLE_DEVICES=), then main memory holds the model"
        )
