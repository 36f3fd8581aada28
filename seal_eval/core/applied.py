"""What is asked of a method from outside, and checked: `apply`, which must yield the model itself, and `window`, a number of tokens."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from seal_eval.core.errors import SealError, first_line
from seal_eval.core.plugins import Method, label_of


@contextmanager
def method_applied(name: str, method: Method, model: Any) -> Iterator[None]:
    """Context manager: inside it `model` uses the method, which errors call `name`.

    Raises SealError for an `apply` that is no context manager, and for one that yields another object than `model`: a changed copy or a
    wrapper, which nothing would use.
    """
    context: Any = method.apply(model)
    if not hasattr(context, "__enter__"):
        raise SealError(f"method '{name}': apply returns {type(context).__name__}, must be a context manager; decorate it: @contextmanager")
    with context as given:
        if given is not model:
            raise SealError(f"method '{name}': apply yields {_kind(given)}, must yield the model it was given, changed in place")
        yield


def _kind(given: Any) -> str:
    return "None" if given is None else f"another object ({type(given).__name__})"


def extended(method: Method, trained: int) -> int:
    """Tokens that a model trained on `trained` tokens can read with the method. Raises SealError for a window that is no number above 0."""
    try:
        window: Any = method.window(trained)
    except SealError:
        raise
    except Exception as error:
        raise SealError(f"{label_of(method)}: window({trained}) fails: {type(error).__name__}: {first_line(error)}") from error
    if isinstance(window, bool) or not isinstance(window, int | float) or not 1 <= window < math.inf:
        raise SealError(f"{label_of(method)}: window({trained}) is {window!r:.200}, must be a number of tokens above 0")
    return int(window)
