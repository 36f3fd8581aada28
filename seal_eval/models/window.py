"""The window of a model: how many tokens it was made to read."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from seal_eval.core.errors import SealError
from seal_eval.models.hub import resolve
from seal_eval.models.hub_reached import config_of

NAMES = ("model_max_length", "max_position_embeddings", "max_sequence_length")
OTHER_NAMES = ("n_positions", "max_seq_len", "seq_length")  # of models without max_position_embeddings

NO_LIMIT = 2**40  # tokens


GIVEN = "_seal_eval_window"  # attribute of a model: the window that methods composed with the one at hand give it


@contextmanager
def window_given(model: Any, tokens: int | None) -> Iterator[None]:
    """Context manager: inside it the window of `model` is `tokens`, as other methods extend it (`rope.window_at_hand`); None: as it was."""
    before = vars(model).get(GIVEN)
    setattr(model, GIVEN, tokens or before)
    try:
        yield
    finally:
        if before is None:
            delattr(model, GIVEN)
        else:
            setattr(model, GIVEN, before)


def window_of(name: str, trust_remote_code: bool = False, revision: str = "") -> int | None:
    """Return the window (tokens) of a model by its configuration; None when it names none or cannot be read.

    Models behind an API have no configuration here.
    """
    try:
        config = config_of(resolve(name), trust_remote_code, revision)
    except (OSError, ValueError, SealError):
        return None
    return window_in(config)


def window_in(config: Any) -> int | None:
    """Return the window (tokens) that a model's configuration names: max_position_embeddings, or max_sequence_length where that is larger.

    model_max_length counts before both, as in vLLM: Command-R has 131,072 there, and max_position_embeddings 8,192. max_sequence_length is
    of FastChat's models, whose window is longer than what their base was trained on by the factor of their linear interpolation:
    lmsys/vicuna-7b-v1.5-16k has max_position_embeddings 4096, factor 4 and max_sequence_length 16384.
    """
    text = config.get_text_config()
    if (named := _length(getattr(text, "model_max_length", None))) is not None:
        return named
    lengths = [getattr(text, key, None) for key in ("max_position_embeddings", "max_sequence_length")]
    if lengths[0] is None:
        lengths += [getattr(text, key, None) for key in OTHER_NAMES]
    return max((n for length in lengths if (n := _length(length)) is not None), default=None)


def lengths_in(config: Any) -> list[str]:
    """Return the fields of a text configuration that name a window for `window_in`."""
    named = [key for key in NAMES if _length(getattr(config, key, None)) is not None]
    return named or [key for key in OTHER_NAMES if _length(getattr(config, key, None)) is not None]


def _length(value: Any) -> int | None:
    """Return a number of tokens; None for anything else, such as the 10^30 that some write for no limit."""
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < NO_LIMIT else None
