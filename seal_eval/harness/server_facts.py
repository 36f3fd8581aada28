"""What an OpenAI-compatible server says of itself when asked: its models and their windows. All of it is optional."""

import sys
from collections.abc import Mapping
from typing import Any

from seal_eval.harness.server import Server

WINDOWS = ("max_model_len", "context_length", "context_window", "max_context_length")  # what servers call it in their list of models


def listed_models(server: Server) -> dict[str, dict[str, Any]]:
    """Return the served models: name → what the server says of it; {} when it has no list. Raises SealError when no server is there."""
    answer = server.get("models", needed=True)
    rows = answer.get("data") or answer.get("models") if isinstance(answer, dict) else answer  # some send the bare list
    found = {}
    for row in rows if isinstance(rows, list) else []:
        told = row if isinstance(row, dict) else {"id": row}
        if isinstance(name := told.get("id") or told.get("name"), str):
            found[name] = told
    return found


def served_model(server: Server, name: str) -> dict[str, Any]:
    """Return what the server's list says of a model; {} when it says nothing, for some serve more than they list."""
    models = listed_models(server)
    if models and name not in models:
        print(f"{server.root} does not list '{name}', and is asked all the same; it lists: {', '.join(list(models)[:5])}", file=sys.stderr)
    return models.get(name, {})


def window_told(server: Server, told: Mapping[str, Any]) -> int | None:
    """Return the model's window in tokens; None when the server does not say. told: what its list of models says of it."""
    found = [told[name] for name in WINDOWS if _is_length(told.get(name))]
    if not found:
        properties = server.get("props", above=True)  # llama.cpp's server
        settings = properties.get("default_generation_settings") if isinstance(properties, dict) else None
        found = [n for n in [settings.get("n_ctx") if isinstance(settings, dict) else None] if _is_length(n)]
    return min(found, default=None)


def _is_length(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
