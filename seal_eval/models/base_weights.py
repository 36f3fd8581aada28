"""The model that an adapter or a map of heads was made with: its weights' fingerprint, its name for peft, and a warning for another one."""

from pathlib import Path
from typing import Any

from seal_eval.core.files import CARD, card_of, read_object
from seal_eval.core.streams import warn
from seal_eval.models.hub import embedded, resolve
from seal_eval.models.weight_files import FINGERPRINT as FINGERPRINT
from seal_eval.models.weight_files import folder_weights

REVISION = "loaded_revision"  # attribute of a model that was loaded from the hub at another revision than the newest


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
    return folder_weights(folder)


def peft_name(model_name: str) -> str:
    """Return what peft should load as the base model from any folder: the hub id where it is known, else an absolute path."""
    if (known := embedded().get(model_name.lower())) and not Path(model_name).is_dir():
        return known["hub_id"]
    place = resolve(model_name)
    if Path(place).is_dir():
        return str(card_of(place).get("hub_id") or Path(place).resolve())
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
