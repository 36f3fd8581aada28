"""Which implementation computes attention while a method is applied: the one that the model was loaded with, or the method's own."""

from typing import Any

from seal_eval.core.names import safe
from seal_eval.core.plugins import Method
from seal_eval.core.streams import warn
from seal_eval.models.attention import REPLACED
from seal_eval.models.composed import parts_of


def implementation(model: Any) -> str | None:
    """Return the name under which transformers finds the attention of a model's text decoder."""
    found = getattr(model.config.get_text_config(), "_attn_implementation", None)
    return str(found) if found else None


def attention_used(model: Any, name: str, method: Method, loaded: str | None, asked: Any) -> str | None:
    """Return what results record: the implementation that computes, the method's name for its own. Say on stderr what it overrides.

    loaded: the implementation before the method was applied. asked: the user's attn_implementation; None if there is none.
    """
    found = implementation(model)
    if found and found.startswith(REPLACED):
        found = "+".join(safe(part) for part, one in parts_of(name, method) if one.changes == "attention") or safe(name)
    if asked and found != loaded:
        warn(f"attn_implementation={asked} is overridden: method '{name}' computes attention with its own function; results say {found}")
    return found
