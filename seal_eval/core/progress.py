"""Progress bars, shown only on a terminal; the same events as JSON lines for --log-json; the console that prints tables."""

import json
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tqdm import tqdm

from seal_eval.core.errors import SealError
from seal_eval.core.names import visible

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")
_LOG: dict[str, Any] = {"file": None}  # open file of --log-json; None: no log


def log_to(path: Path) -> None:
    """From now on, append every event to the file as a line of JSON. Raises SealError when the file cannot be opened."""
    try:
        _LOG["file"] = path.open("a", encoding="utf-8")
    except OSError as error:
        raise SealError(f"--log-json {path}: {error.strerror}") from error


def event(kind: str, /, **fields: Any) -> None:
    """Write one event to the log of --log-json: {"time" (UTC), "event": kind, …fields}. Does nothing without a log."""
    if _LOG["file"] is not None:
        now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + "Z"
        _LOG["file"].write(json.dumps({"time": now, "event": kind, **fields}, default=str) + "\n")
        _LOG["file"].flush()


class Bar:
    """The progress bar that `progress` yields. `done` is the number of finished steps."""

    def __init__(self, bar: Any, what: str, done: int, total: int) -> None:
        self._bar, self._what, self._total = bar, what, total
        self.done = done  # counted here because a disabled tqdm bar does not count
        self._logged_at = time.monotonic()

    def update(self, n: int = 1, **about: object) -> None:
        """Count `n` more steps as done. `about`: values shown after the bar and logged."""
        self.done += n
        self._bar.update(n)
        if about:
            self._bar.set_postfix(about, refresh=False)
        if time.monotonic() - self._logged_at >= 5:  # seconds between two log lines
            self._logged_at = time.monotonic()
            event("progress", what=self._what, done=self.done, total=self._total, **about)


@contextmanager
def progress(what: str, total: int, done: int = 0, quiet: bool = False, unit: str = "it") -> Iterator[Bar]:
    """Context manager: a bar over `total` steps, `done` of them finished before, on stderr if that is a terminal.

    Logs the events started, progress and ended; ended is missing when the block raises.
    """
    event("started", what=what, done=done, total=total)
    silent = quiet or not sys.stderr.isatty()
    with tqdm(total=total, initial=done, desc=what, disable=silent, unit=unit, dynamic_ncols=True, file=sys.stderr) as bar:
        yield Bar(bar, what, done, total)
    event("ended", what=what)


def steps(what: str, items: Iterable[T], total: int, quiet: bool = False) -> Iterator[T]:
    """Yield `items` with a progress bar over `total` of them."""
    with progress(what, total, quiet=quiet) as bar:
        for item in items:
            yield item
            bar.update()


def console() -> "Console":
    """A console as wide as the terminal. Output to a file or pipe is 160 columns wide, or COLUMNS if that is more.

    Markup is off: names and messages may contain brackets such as [/INST], which must be printed as they are. Control characters in them
    are not.
    """
    from rich.console import Console
    from rich.text import Text

    class Safe(Console):
        def on_broken_pipe(self) -> None:
            raise  # rich would end the program without a word

        def render_str(self, text: str, **options: Any) -> Text:
            return super().render_str(visible(text), **options)

    default = Safe(markup=False, emoji=False)
    return default if default.is_terminal else Safe(width=max(160, default.width), markup=False, emoji=False)
