"""Write a checkpoint's rotary parameters also under the names that transformers 4 and programs built on it read."""

from pathlib import Path
from typing import Any

from seal_eval.core.files import read_object, write_json

# model type → name in rope_parameters → its name in transformers 4, which overwrites the usual one with its default
NEOX = {"rope_theta": "rotary_emb_base", "partial_rotary_factor": "rotary_pct"}
OTHER_NAMES = {"gpt_neox": NEOX, "gpt_neox_japanese": NEOX}


def write_old_rope(folder: Path) -> None:
    """Add `rope_theta` and `rope_scaling` to a config.json that holds `rope_parameters`, in place.

    transformers 4 does not know `rope_parameters`: it would silently take its default base and no scaling. transformers 5 reads both forms
    alike. Parameters per layer type had no common form in version 4, except Gemma 3's; others are left as they are.
    """
    file = folder / "config.json"
    config = read_object(file)
    inner = config.get("text_config")
    fields = inner if isinstance(inner, dict) and inner.get("rope_parameters") else config
    parameters = fields.get("rope_parameters")
    if not isinstance(parameters, dict) or not parameters:
        return
    if not any(isinstance(value, dict) for value in parameters.values()):
        fields |= _phi3(fields, parameters) if fields.get("model_type") == "phi3" else _old(parameters)
        for name, older in OTHER_NAMES.get(str(fields.get("model_type")), {}).items():
            if name in parameters:
                fields[older] = parameters[name]
    elif "gemma3" in str(fields.get("model_type")) and {"full_attention", "sliding_attention"} <= set(parameters):
        fields |= _old(parameters["full_attention"])
        fields["rope_local_base_freq"] = parameters["sliding_attention"]["rope_theta"]
    write_json(file, config)


def _phi3(fields: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
    """As `_old` for Phi-3, whose own code refuses a `rope_scaling` with any further field."""
    found = _old(parameters)
    if parameters.get("rope_type") == "longrope":
        found["rope_scaling"] = {"type": "longrope"} | {key: parameters[key] for key in ("short_factor", "long_factor")}
        original = fields.get("original_max_position_embeddings") or parameters.get("original_max_position_embeddings")
        found["original_max_position_embeddings"] = original
    return found


def _old(parameters: dict[str, Any]) -> dict[str, Any]:
    found = {key: parameters[key] for key in ("rope_theta", "partial_rotary_factor") if parameters.get(key) is not None}
    if parameters.get("rope_type", "default") != "default":
        found["rope_scaling"] = {key: value for key, value in parameters.items() if key != "rope_theta"}
    return found
