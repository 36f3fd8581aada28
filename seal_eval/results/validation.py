"""What a results file says of a run, as the pages need it: wrong types and numbers are named before anything is computed."""

import math
from pathlib import Path
from typing import Any

from seal_eval.core.errors import SealError

NUMBERS = (
    "prose_perplexity_before", "prose_perplexity_after", "prose_perplexity_ratio", "short_accuracy_before", "short_accuracy_after",
    "trained_parameters", "tuning_seconds", "peak_memory_bytes",
)  # fmt: skip


def own_part(file: Path, data: dict[str, Any]) -> dict[str, Any]:
    """config.seal_eval, empty for a stock run. Raises SealError naming file and field."""
    own = data["config"].get("seal_eval") or {}
    _must(isinstance(own, dict), file, "config.seal_eval", own, "an object")
    for key in ("settings", "about", "pace"):
        _must(isinstance(own.get(key) or {}, dict), file, f"config.seal_eval.{key}", own.get(key), "an object")
    about = own.get("about") or {}
    for key in NUMBERS:
        if key in about:
            _must(is_number(about[key]), file, f"config.seal_eval.about.{key}", about[key], "a finite number")
    if pace := own.get("pace"):
        numbers = all(is_number(pace.get(key)) and pace[key] >= 0 for key in ("prompt_tokens", "seconds", "others")) and pace["seconds"] > 0
        _must(numbers, file, "config.seal_eval.pace", pace, "prompt_tokens, seconds and others, finite and not negative")
    if "mean_scales" in about:
        scales = about["mean_scales"]
        whole = isinstance(scales, list) and bool(scales) and all(isinstance(layer, list) and layer for layer in scales)
        numbers = whole and all(is_number(scale) for layer in scales for scale in layer) and len({len(layer) for layer in scales}) == 1
        _must(numbers, file, "config.seal_eval.about.mean_scales", scales, "numbers, [n_layers][n_heads]")
    seconds = data.get("total_evaluation_time_seconds")
    if seconds is not None:
        try:
            fine = math.isfinite(float(seconds)) and float(seconds) >= 0
        except (TypeError, ValueError):
            fine = False
        _must(fine, file, "total_evaluation_time_seconds", seconds, "seconds")
    return own


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _must(fine: bool, file: Path, field: str, value: Any, wanted: str) -> None:
    if not fine:
        shown = repr(value)[:60]
        raise SealError(f"{file}: {field} is {shown}, must be {wanted}; the file was edited, run again")
