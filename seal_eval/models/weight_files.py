"""Which files of a model's folder hold its weights, and their fingerprint."""

import hashlib
from pathlib import Path

from seal_eval.core.content import SMALL, cached_sha256
from seal_eval.core.files import read_object, sha256

WHOLE = "model.safetensors"  # a model's weights in one file
INDEX = "model.safetensors.index.json"  # which file has which weight
FINGERPRINT = "model_weights"  # key of the fingerprint in cards, maps of heads and results


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


def folder_weights(folder: Path) -> str:
    """Return 16 hex digits that identify a folder's weights by the content of its `weight_files`, whatever their names.

    Returns '' where there are none, or one is missing, as in a download that is not complete.
    """
    files = weight_files(folder)
    if not all(file.is_file() for file in files):
        return ""
    hashes = sorted(cached_sha256(file) if file.stat().st_size > SMALL else sha256(file) for file in files)
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()[:16] if hashes else ""
