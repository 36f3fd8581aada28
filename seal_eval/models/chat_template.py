"""A model with a chat template that its own tokenizer lacks, as older models do."""

import shutil
from pathlib import Path

from seal_eval.core.errors import SealError
from seal_eval.core.files import CARD, new_folder, sha256, write_json
from seal_eval.models.hub import resolve
from seal_eval.models.loading import load_tokenizer

TEMPLATE = "chat_template.jinja"  # where transformers looks for it
TURNS = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is 2 + 2?"}]


def with_template(model: str, template: Path, out: Path) -> None:
    """Write the folder `out`: the model's files, its weights as links, and `template` (Jinja, as transformers renders it).

    The folder stands for the model everywhere: here, in stock lm-eval, in vLLM. Raises SealError when the template is not there or does not
    hold what it is given, and when `out` exists.
    """
    if not template.is_file():
        raise SealError(f"no chat template {template}; it is a file with a Jinja template")
    folder = _files(resolve(model))
    with new_folder(out) as scratch:
        for file in sorted(folder.iterdir()):
            if not file.is_file() or file.name in (TEMPLATE, CARD) or file.name.startswith("."):
                continue
            if file.suffix in (".json", ".txt"):  # readers of results folders follow no links in such files
                shutil.copyfile(file, scratch / file.name)
            else:
                (scratch / file.name).symlink_to(file.resolve())
        (scratch / TEMPLATE).write_text(template.read_text(encoding="utf-8"), encoding="utf-8")
        _check(scratch, template)
        write_json(scratch / CARD, {"model": model, "chat_template": template.name, "chat_template_sha256": sha256(template)})


def _files(place: str) -> Path:
    """Folder of a model's files; a hub id's are fetched into the hub's cache."""
    if Path(place).is_dir():
        return Path(place)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(place, allow_patterns=["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise SealError(f"model '{place}' could not be fetched: {str(error).splitlines()[0]}") from error


def _check(folder: Path, template: Path) -> None:
    """Raise SealError unless the rendered prompt holds what was said."""
    from jinja2 import TemplateError

    try:
        said = load_tokenizer(str(folder)).apply_chat_template(TURNS, tokenize=False, add_generation_prompt=True)
    except (TemplateError, ValueError, TypeError) as error:
        raise SealError(f"chat template {template}: {str(error).splitlines()[0]}") from error
    for turn in TURNS:
        if turn["content"] not in said:
            raise SealError(f"chat template {template} drops the {turn['role']}'s turn: {said!r:.200}")
