"""The length at which lm-eval's own classes cut a prompt, and what our engine is told where a model's window is longer."""

from collections.abc import Mapping
from typing import Any

from seal_eval.baselines import extended, take_method
from seal_eval.core.errors import SealError
from seal_eval.models.hub import resolve
from seal_eval.models.hub_reached import config_of
from seal_eval.models.loading import load_tokenizer
from seal_eval.models.window import window_of


def stock_window(name: str, trust_remote_code: bool = False, revision: str = "") -> int | None:
    """Return the length (tokens) at which lm-eval's `hf` class cuts a prompt of this model from the left; None when it cannot be read.

    That is max_position_embeddings, or what the tokenizer names, or 2,048 where neither names a length, as for state-space models.
    """
    from lm_eval.models.utils import resolve_max_length

    try:
        place = resolve(name)
        config = config_of(place, trust_remote_code, revision)
        return resolve_max_length(config, default=0) or resolve_max_length(config, load_tokenizer(place, trust_remote_code, revision))
    except (OSError, ValueError, SealError):
        return None


def longer_window(model_args: Mapping[str, Any]) -> dict[str, int]:
    """Return {"max_length": tokens} when the model's window is longer than what lm-eval takes for it and max_length is not set, else {}.

    The method of the model arguments extends the window. Reads the model's configuration.
    """
    if model_args.get("max_length"):
        return {}
    of = str(model_args["pretrained"]), bool(model_args.get("trust_remote_code")), str(model_args.get("revision") or "")
    window, stock = window_of(*of), stock_window(*of)
    return {"max_length": extended(take_method(model_args)[1], window)} if window and stock and window > stock else {}
