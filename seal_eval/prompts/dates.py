"""The date that chat templates print. It is fixed: otherwise runs of different days could not be paired, and none could be repeated."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

DATE = "2024-07-26"  # what Llama 3.1's template prints when it has no clock

CLOCK = "strftime_now"  # what a chat template calls for today's date


def fix_date(date: str) -> None:
    """Make the clock of chat templates, `strftime_now`, show this date (ISO) in this process from now on."""
    _set(_clock(date))


@contextmanager
def fixed_date(date: str) -> Iterator[None]:
    """Context manager: inside it the clock of chat templates shows this date, afterwards what it showed before."""
    from transformers.utils import chat_template_utils

    before = chat_template_utils.datetime  # type: ignore[attr-defined]
    _set(_clock(date))
    try:
        yield
    finally:
        _set(before)


def _set(clock: type[datetime]) -> None:
    from transformers.utils import chat_template_utils

    chat_template_utils.datetime = clock  # type: ignore[attr-defined]  # transformers' strftime_now asks it at every rendering


def _clock(date: str) -> type[datetime]:
    fixed = datetime.fromisoformat(date)

    class Clock(datetime):
        """datetime whose now() is the fixed date."""

        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return fixed

    return Clock
