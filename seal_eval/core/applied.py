"""The one way in which a method is applied: its `apply` is entered, and what it yields must be the model itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from seal_eval.core.errors import SealError
from seal_eval.core.plugins import Method


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
