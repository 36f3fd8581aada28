"""The fingerprint of a model folder's weights."""

import hashlib
from pathlib import Path

from seal_eval.core.content import SMALL, cached_sha256
from seal_eval.core.files import sha256

FINGERPRINT = "model_weights"  # key of the fingerprint in cards, maps of heads and results


def folder_weights(folder: Path) -> str:
    """Return 16 hex digits that identify weights by the content of a folder's safetensors files, whatever their names; '' without any."""
    files = [file for file in folder.glob("*.safetensors") if not file.name.startswith("adapter_")]
    hashes = sorted(cached_sha256(file) if file.stat().st_size > SMALL else sha256(file) for file in files)
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()[:16] if hashes else ""
