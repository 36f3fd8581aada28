"""Whether what a model reads is only the beginning of prompts: for methods that act on a prompt's end."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_READING: ContextVar[bool] = ContextVar("reading_a_beginning", default=False)


@contextmanager
def only_beginning() -> Iterator[None]:
    """Context manager: inside it forward passes read tokens that others of the same prompt will follow."""
    token = _READING.set(True)
    try:
        yield
    finally:
        _READING.reset(token)


def reads_beginning() -> bool:
    """True inside `only_beginning`."""
    return _READING.get()
