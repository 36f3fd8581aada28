"""The window that vLLM derives from a configuration with hf_overrides."""

from collections.abc import Mapping
from typing import Any

from seal_eval.core.errors import SealError

LENGTHS = (
    "max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "model_max_length", "max_target_positions",
    "max_sequence_length", "max_seq_length", "seq_len",
)  # fmt: skip
COUNTED = ("su", "longrope", "llama3")  # rope types whose length already includes their factor


def overridden_window(place: str, window: int | None, overrides: Mapping[str, Any]) -> int | None:
    """Return the window in tokens of a checkpoint with vLLM's hf_overrides; `window` when they do not change it.

    As vLLM's _get_and_verify_max_len: the smallest length in the configuration times the factor of the rope parameters; with YaRN the
    length it was trained on, original_max_position_embeddings, times the factor. Raises SealError for YaRN without that length, and for
    a factor or length that is not a number.
    """
    from transformers import AutoConfig

    inner = overrides.get("text_config")
    fields = {**overrides, **(inner if isinstance(inner, Mapping) else {})}
    rope = fields.get("rope_parameters") or fields.get("rope_scaling")
    if not isinstance(rope, Mapping) and not set(fields) & set(LENGTHS):
        return window
    try:
        config = AutoConfig.from_pretrained(place, trust_remote_code=False).get_text_config()
    except (OSError, ValueError):
        return None  # vLLM itself checks
    lengths = [fields.get(key, getattr(config, key, None)) for key in LENGTHS]
    try:
        derived = min((int(length) for length in lengths if length), default=0)
        if not isinstance(rope, Mapping):
            rope = getattr(config, "rope_parameters", None) or {}
        factor = 1.0
        for one in [value for value in rope.values() if isinstance(value, Mapping)] or [rope]:
            kind = one.get("rope_type", one.get("type", "default"))
            if "gemma3" not in config.model_type and kind not in COUNTED:
                factor = float(one.get("factor", factor))
                derived = int(one["original_max_position_embeddings"]) if kind == "yarn" else derived
    except KeyError as error:
        raise SealError(f"--model vllm: hf_overrides with yarn has no {error}, the trained window in tokens; add it") from error
    except (TypeError, ValueError) as error:
        raise SealError(f"--model vllm: hf_overrides: {error}; lengths and factors must be numbers") from error
    return int(derived * factor) or None
