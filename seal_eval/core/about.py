"""What a method says of itself to the results, checked before a run rather than when its results are read."""

import json
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationError

from seal_eval.core.checked import Amount, Fraction, Name, Part, explained
from seal_eval.core.errors import SealError, first_line
from seal_eval.core.plugins import Method

Ratio = Annotated[float, Field(gt=0, le=1e30)]  # a perplexity, or the quotient of two
Hash = Annotated[str, Field(max_length=128, pattern=r"^[0-9A-Za-z_-]+$")]
Scale = Annotated[float, Field(ge=-1e6, le=1e6)]


def _rectangle(rows: list[list[float]]) -> list[list[float]]:
    if len({len(row) for row in rows}) != 1 or not rows[0]:
        raise ValueError("must be numbers, [n_layers][n_heads]")
    return rows


class About(Part):
    """What a method records about itself: the fields that readers of results know."""

    method: Name | None = None
    model: Name | None = None
    adapter_sha256: Hash | None = None
    heads_sha256: Hash | None = None
    prose_perplexity_before: Ratio | None = None
    prose_perplexity_after: Ratio | None = None
    prose_perplexity_ratio: Ratio | None = None
    short_accuracy_before: Fraction | None = None
    short_accuracy_after: Fraction | None = None
    trained_parameters: Amount | None = None
    tuning_seconds: Amount | None = None
    peak_memory_bytes: Amount | None = None
    mean_scales: Annotated[list[list[Scale]], AfterValidator(_rectangle)] | None = None


def checked_about(name: str, method: Method) -> dict[str, Any]:
    """Return method.about(). Raises SealError for what fails, is no dictionary of JSON, or has a field with a value that it cannot have."""
    try:
        about: Any = method.about()
    except (SealError, OSError):
        raise
    except Exception as error:
        raise SealError(f"method '{name}': about() fails: {type(error).__name__}: {first_line(error)}") from error
    if not isinstance(about, dict) or not all(isinstance(key, str) for key in about):
        raise SealError(f"method '{name}': about() is {about!r:.200}, must be a dictionary whose keys are text")
    try:
        json.dumps(about, allow_nan=False)
        About.model_validate(about)
    except ValidationError as error:
        raise SealError(f"method '{name}': about(): {explained(error)}; mend the method") from error
    except (TypeError, ValueError, RecursionError) as error:
        raise SealError(
            f"method '{name}': about() is no JSON: {first_line(error)}; return text, numbers, lists and dictionaries"
        ) from error
    return about
