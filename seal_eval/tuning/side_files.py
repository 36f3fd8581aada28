"""Copy what a checkpoint holds besides weights and configuration: tokenizer, processors, chat templates, generation settings, own code."""

import shutil
from pathlib import Path
from typing import Any

from seal_eval.core.errors import SealError
from seal_eval.core.files import CARD

TEXTS = (".json", ".jinja", ".txt", ".model", ".py", ".tiktoken", ".yaml", ".yml")
FOLDERS = ("additional_chat_templates",)
WRITTEN = ("config.json", CARD)  # these belong to the new folder, as does a weights' index
QUANTISATION = ("hf_quant_config.json", "quantize_config.json", "quant_config.json")  # of weights that are written dequantised


def checkpoint_folder(place: str) -> Path:
    """Return a checkpoint's folder; for a hub id, that of the client's cache, with the files named in TEXTS in it."""
    if Path(place).is_dir():
        return Path(place)
    from huggingface_hub import snapshot_download

    patterns = [f"*{end}" for end in TEXTS]
    try:
        return Path(snapshot_download(place, allow_patterns=patterns))
    except (OSError, ValueError):  # the hub cannot be reached: what is cached
        try:
            return Path(snapshot_download(place, allow_patterns=patterns, local_files_only=True))
        except (OSError, ValueError) as error:
            raise SealError(f"the files of '{place}' cannot be read ({error}); check the network, or name a folder") from error


def copy_side_files(place: str, tokenizer: Any, out: Path) -> None:
    """Copy them from a checkpoint into the folder `out`, as they are; a tokenizer without tokenizer.json is saved in that form."""
    source = checkpoint_folder(place)
    converted = not (source / "tokenizer.json").is_file()
    if converted:
        tokenizer.save_pretrained(out)
    taken = {file.name for file in out.iterdir()} - {"generation_config.json"} if converted else set()
    for file in sorted(source.rglob("*")):
        path = file.relative_to(source)
        deep = len(path.parts) > 1 and path.parts[0] not in FOLDERS and file.suffix != ".py"
        weights = file.name.endswith(".index.json") or (not file.name.startswith("LICENSE") and file.suffix not in TEXTS)
        hidden = any(part.startswith((".", "__")) and part != "__init__.py" for part in path.parts)
        if file.is_file() and not (deep or weights or hidden or str(path) in (*WRITTEN, *QUANTISATION) or str(path) in taken):
            (out / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, out / path)
