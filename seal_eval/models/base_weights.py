"""The model that an adapter or a map of heads was made with: its weights' fingerprint, its name for peft, and a warning for another one."""

import hashlib
from pathlib import Path
from typing import Any

from seal_eval.core.content import SMALL, cached_sha256
from seal_eval.core.files import CARD, read_object, sha256
from seal_eval.core.streams import warn
from seal_eval.models.hub import embedded, resolve, source

REVISION = "loaded_revision"  # attribute of a model that was loaded from the hub at another revision than the newest
WHOLE = "model.safetensors"  # a model's weights in one file
INDEX = "model.safetensors.index.json"  # which file has which weight
FINGERPRINT = "model_weights"  # key of the card of an adapter, and of a map of heads


def weights_fingerprint(place: str, revision: str = "") -> str:
    """Return 16 hex digits that identify a model's weights by the content of the files in `weight_files`, whatever their names.

    place: folder or hub id. revision: branch, tag or commit of the hub id; '' for the newest in the client's cache. Returns '' when there
    are no such files.
    """
    folder = Path(place)
    if not folder.is_dir():
        from huggingface_hub import try_to_load_from_cache

        cached = try_to_load_from_cache(place, "config.json", revision=revision or None)
        if not isinstance(cached, str):
            return ""
        folder = Path(cached).parent
    files = weight_files(folder)
    if not all(file.is_file() for file in files):  # such as a download that is not complete
        return ""
    hashes = sorted(cached_sha256(file) if file.stat().st_size > SMALL else sha256(file) for file in files)
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()[:16] if hashes else ""


def weight_files(folder: Path) -> list[Path]:
    """The files that transformers loads the weights of a folder from: model.safetensors, else those that the index names.

    Other copies of the weights, such as a consolidated.safetensors, are left out. Without either: all safetensors files of a model. A file
    that the index names may be missing. Raises SealError for an index that cannot be read.
    """
    if (folder / WHOLE).is_file():
        return [folder / WHOLE]
    if (folder / INDEX).is_file():
        named = read_object(folder / INDEX).get("weight_map")
        names = {str(name) for name in named.values()} if isinstance(named, dict) else set()
        return [folder / name for name in sorted(names)]
    return sorted(file for file in folder.glob("*.safetensors") if not file.name.startswith("adapter_"))


def peft_name(model_name: str) -> str:
    """Return what peft should load as the base model from any folder: the hub id where it is known, else an absolute path."""
    if (known := embedded().get(model_name.lower())) and not Path(model_name).is_dir():
        return known["hub_id"]
    place = resolve(model_name)
    if Path(place).is_dir():
        return str(source(place).get("hub_id") or Path(place).resolve())
    return place


def base_difference(folder: str, model: Any, file: str = CARD) -> dict[str, Any]:
    """Return what results record when a folder was made with other weights than those of `model`, after a warning on stderr.

    folder: of an adapter, or with another file, of a map of heads. Return {} when the weights are the same or nothing is known of them.
    """
    card = Path(folder) / file
    said = read_object(card) if card.is_file() else {}
    made_with = said.get(FINGERPRINT)
    place = str(getattr(model, "name_or_path", "") or "")
    if not made_with or not place:
        return {}
    here = weights_fingerprint(place, str(getattr(model, REVISION, "")))
    if not here or here == made_with:
        return {}
    what = "adapter {} was tuned on" if file == CARD else "map of heads {} was measured on"
    warn(f"warning: {what.format(folder)} other weights: {said.get('model')} ({made_with}), not {place} ({here})")
    return {"base_weights_differ": True, "base_weights": here}
