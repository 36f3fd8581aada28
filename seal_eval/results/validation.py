"""Check the fields of a results file that tables and pages use, before anything is computed from them."""

import math
from pathlib import Path
from typing import Any

from seal_eval.core.errors import SealError

NUMBERS = (
    "prose_perplexity_before", "prose_perplexity_after", "prose_perplexity_ratio", "short_accuracy_before", "short_accuracy_after",
    "trained_parameters", "tuning_seconds", "peak_memory_bytes",
)  # fmt: skip


def own_part(file: Path, data: dict[str, Any]) -> dict[str, Any]:
    """Return `config.seal_eval` of a results file, {} for a stock run. Raises SealError naming file and field of a wrong value."""
    part = data["config"].get("seal_eval") or {}
    _must(isinstance(part, dict), file, "config.seal_eval", part, "an object")
    for key in ("settings", "about", "pace"):
        _must(isinstance(part.get(key) or {}, dict), file, f"config.seal_eval.{key}", part.get(key), "an object")
    about = part.get("about") or {}
    for key in NUMBERS:
        if key in about:
            _must(is_number(about[key]), file, f"config.seal_eval.about.{key}", about[key], "a finite number")
    if pace := part.get("pace"):
        numbers = all(is_number(pace.get(key)) and pace[key] >= 0 for key in ("prompt_tokens", "seconds", "others")) and pace["seconds"] > 0
        _must(numbers, file, "config.seal_eval.pace", pace, "prompt_tokens, seconds and others, finite and not negative")
    if "mean_scales" in about:
        scales = about["mean_scales"]
        nested = isinstance(scales, list) and bool(scales) and all(isinstance(layer, list) and layer for layer in scales)
        numbers = nested and all(is_number(scale) for layer in scales for scale in layer) and len({len(layer) for layer in scales}) == 1
        _must(numbers, file, "config.seal_eval.about.mean_scales", scales, "numbers, [n_layers][n_heads]")
    seconds = data.get("total_evaluation_time_seconds")
    if seconds is not None:
        try:
            valid = math.isfinite(float(seconds)) and float(seconds) >= 0
        except (TypeError, ValueError):
            valid = False
        _must(valid, file, "total_evaluation_time_seconds", seconds, "a number of seconds, finite and not negative")
    return part


def is_number(value: Any) -> bool:
    """Whether a JSON value is a finite number (true and false are not)."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _must(valid: bool, file: Path, field: str, value: Any, wanted: str) -> None:
    if not valid:
        shown = repr(value)[:60]
        raise SealError(f"{file}: {field} is {shown}, must be {wanted}; the file was edited, run again")
