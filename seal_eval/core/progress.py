"""Bars with rate and time left, silent when nobody watches; the same steps as lines of JSON on request; the width of tables."""

import json
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tqdm import tqdm

from seal_eval.core.errors import SealError

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")
_LOG: dict[str, Any] = {"file": None}  # where --log-json writes, None: nowhere


def log_to(path: Path) -> None:
    """Append every event to the file as a line of JSON from now on. Raises SealError when it cannot be written."""
    try:
        _LOG["file"] = path.open("a", encoding="utf-8")
    except OSError as error:
        raise SealError(f"--log-json {path}: {error.strerror}") from error


def event(kind: str, /, **fields: Any) -> None:
    """Something happened: {"time", "event", …}, when --log-json asks for it."""
    if _LOG["file"] is not None:
        now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + "Z"
        _LOG["file"].write(json.dumps({"time": now, "event": kind, **fields}, default=str) + "\n")
        _LOG["file"].flush()


class Bar:
    """What `progress` yields."""

    def __init__(self, bar: Any, what: str, done: int, total: int) -> None:
        self._bar, self._what, self._total = bar, what, total
        self.done = done  # a silent bar does not count
        self._said = time.monotonic()

    def update(self, n: int = 1, **about: object) -> None:
        """`n` more are done; `about` is shown behind the bar."""
        self.done += n
        self._bar.update(n)
        if about:
            self._bar.set_postfix(about, refresh=False)
        if time.monotonic() - self._said >= 5:  # seconds between two lines
            self._said = time.monotonic()
            event("progress", what=self._what, done=self.done, total=self._total, **about)


@contextmanager
def progress(what: str, total: int, done: int = 0, quiet: bool = False, unit: str = "it") -> Iterator[Bar]:
    """A bar over `total` steps of which `done` are behind us, on stderr when that is a terminal."""
    event("started", what=what, done=done, total=total)
    silent = quiet or not sys.stderr.isatty()
    with tqdm(total=total, initial=done, desc=what, disable=silent, unit=unit, dynamic_ncols=True, file=sys.stderr) as bar:
        yield Bar(bar, what, done, total)
    event("ended", what=what)


def steps(what: str, items: Iterable[T], total: int, quiet: bool = False) -> Iterator[T]:
    """`items`, with a bar."""
    with progress(what, total, quiet=quiet) as bar:
        for item in items:
            yield item
            bar.update()


def console() -> "Console":
    """As wide as the terminal; what goes into a file or a pipe has 160 columns, or COLUMNS where they are more.

    Text is shown to the letter: names and messages hold brackets, such as [/INST], that are no markup.
    """
    from rich.console import Console

    found = Console(markup=False, emoji=False)
    return found if found.is_terminal else Console(width=max(160, found.width), markup=False, emoji=False)
