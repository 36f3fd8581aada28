"""The longest max_model_len that vLLM accepts for a checkpoint."""

from collections.abc import Mapping
from typing import Any

from seal_eval.core.errors import SealError
from seal_eval.harness.vllm_source import counted_types
from seal_eval.models.hub_reached import config_of

LENGTHS = (
    "max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "model_max_length", "max_target_positions",
    "max_sequence_length", "max_seq_length", "seq_len",
)  # fmt: skip


def vllm_window(
    place: str, overrides: Any = None, trust_remote_code: bool = False, no_sliding_window: bool = False, revision: str = ""
) -> int | None:
    """Return the longest max_model_len (tokens) that vLLM accepts for a checkpoint; None when it is not known before vLLM itself says.

    overrides: hf_overrides. As `_get_and_verify_max_len` of vLLM 0.32 and 0.33: the smallest length in the text model's configuration
    (model_max_length before all), times the factor of the rope parameters unless their type is one of `counted_types`. Where YaRN is not
    one of these, in older versions, the length is the trained one, original_max_position_embeddings. With no_sliding_window
    (disable_sliding_window) it is at most the sliding window. Raises SealError for a factor or a length that is not a number.
    """
    if overrides is not None and not isinstance(overrides, Mapping):
        return None  # a function
    fields = _text_fields(overrides)
    try:
        config = config_of(place, trust_remote_code, revision).get_text_config()
    except (OSError, ValueError, SealError):
        return None
    had = getattr(config, "rope_parameters", None)
    rope: Any = fields.get("rope_parameters") or fields.get("rope_scaling") or had or {}
    named = {key: fields.get(key, getattr(config, key, None)) for key in LENGTHS}
    try:
        lengths = {key: int(length) for key, length in named.items() if length}
        derived = lengths.get("model_max_length") or min(lengths.values(), default=0)
        window = getattr(config, "sliding_window", None)
        if no_sliding_window and window:
            derived = min(derived, int(window))
        return int(_scaled(derived, rope, config.model_type)) or None
    except KeyError as error:
        raise SealError(f"--model vllm: hf_overrides with yarn has no {error}, the trained window in tokens; add it") from error
    except (TypeError, ValueError) as error:
        raise SealError(f"--model vllm: hf_overrides: {error}; lengths and factors must be numbers") from error


def sets_window(overrides: Any) -> bool:
    """Return whether hf_overrides change a length or the rope parameters, so that the checkpoint's own window no longer counts."""
    return not isinstance(overrides, Mapping | None) or bool({*LENGTHS, "rope_parameters", "rope_scaling"} & set(_text_fields(overrides)))


def _text_fields(overrides: Mapping[str, Any] | None) -> dict[str, Any]:
    inner = (overrides or {}).get("text_config")
    return {**(overrides or {}), **(inner if isinstance(inner, Mapping) else {})}


def _scaled(derived: int, rope: Any, model_type: str) -> float:
    """Return the length times the factor of the rope parameters, which may be given per layer type."""
    if not isinstance(rope, Mapping) or "gemma3" in model_type:
        return derived
    counted, factor = counted_types(), 1.0
    for one in [value for value in rope.values() if isinstance(value, Mapping)] or [rope]:
        kind = one.get("rope_type", one.get("type", "default"))
        if kind == "yarn":
            trained = int(one["original_max_position_embeddings"])
            derived = derived if "yarn" in counted else trained
        if kind not in counted:
            factor = float(one.get("factor") or factor)
    return derived * factor
