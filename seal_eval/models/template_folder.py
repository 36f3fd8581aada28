"""Give a model a chat template when its tokenizer has none, as with older models."""

import shutil
from pathlib import Path

from seal_eval.core.errors import SealError, first_line
from seal_eval.core.files import CARD, read_text, sha256, write_json
from seal_eval.core.folders import new_folder
from seal_eval.models.hub import resolve
from seal_eval.models.loading import load_tokenizer
from seal_eval.models.weight_files import WHOLE, weight_files

TEMPLATE = "chat_template.jinja"  # the file name that transformers looks for
TURNS = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is 2 + 2?"}]


def with_template(model: str, template: Path, out: Path, trust_remote_code: bool = False) -> None:
    """Write a model folder `out`: copies of its .json and .txt files, links to the others, and the Jinja template.

    Use the folder in place of the model: here, in stock lm-eval, in vLLM. model: folder, short name or hub id. trust_remote_code: run the
    tokenizer's own code. Raises SealError when the template is missing, not UTF-8, cannot be rendered or drops a turn, when the model
    cannot be found, and when `out` exists.
    """
    if not template.is_file():
        raise SealError(f"no chat template {template}; name a file with a Jinja template")
    text, folder = read_text(template), _files(resolve(model))
    with new_folder(out) as scratch:
        for file in sorted(folder.iterdir()):
            if not file.is_file() or file.name in (TEMPLATE, CARD) or file.name.startswith("."):
                continue
            if file.suffix in (".json", ".txt"):  # load_runs refuses links in such files when they lead outside
                shutil.copyfile(file, scratch / file.name)
            else:
                (scratch / file.name).symlink_to(file.resolve())
        (scratch / TEMPLATE).write_text(text, encoding="utf-8")
        _check(scratch, model, template, trust_remote_code)
        write_json(scratch / CARD, {"model": model, "chat_template": template.name, "chat_template_sha256": sha256(template)})


def _files(place: str) -> Path:
    """Return the folder of a model's files; those of a hub id are downloaded into the hub client's cache."""
    if Path(place).is_dir():
        return Path(place)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(place, allow_patterns=["*.json", WHOLE, "*.model", "*.txt", "*.jinja", "*.py"]))
        # the weights that are loaded, and no other copy of them
        if not (folder / WHOLE).is_file():
            snapshot_download(place, allow_patterns=[file.name for file in weight_files(folder)] or ["*.safetensors"])
        return folder
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise SealError(f"model '{place}' could not be fetched: {first_line(error)}") from error


def _check(folder: Path, model: str, template: Path, trust_remote_code: bool) -> None:
    """Render a short conversation; raise SealError unless the prompt contains the text of every turn."""
    from jinja2 import TemplateError

    try:
        prompt = load_tokenizer(str(folder), trust_remote_code).apply_chat_template(TURNS, tokenize=False, add_generation_prompt=True)
    except (TemplateError, ValueError, TypeError) as error:
        raise SealError(f"chat template {template}: {first_line(error)}") from error
    except SealError as error:  # the user knows the model by its own name
        raise SealError(str(error).replace(str(folder), model)) from error
    for turn in TURNS:
        if turn["content"] not in prompt:
            raise SealError(f"chat template {template} drops the {turn['role']}'s turn: {prompt!r:.200}")
