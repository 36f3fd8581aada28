"""Standard output and standard error: text that any terminal can show, and one clear error when it cannot be written."""

import atexit
import codecs
import errno
import gc
import io
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from seal_eval.core.errors import SealError
from seal_eval.core.names import visible

# what a terminal without UTF-8 shows in place of the signs that this program prints
PLAIN = {
    "−": "-", "–": "-", "—": "-", "…": "...", "×": "x", "·": "*", "≥": ">=", "≤": "<=", "→": "->", "“": '"', "”": '"', "‘": "'", "’": "'",
    "\ufffd": "?",
}  # fmt: skip
OUTPUT = "standard output"
FALLBACK = "seal-eval-plain"  # name of the error handler for characters that the stream's encoding lacks


class Output(io.TextIOWrapper):
    """Standard output. An error of writing names it, as errors of files name the file."""

    def __init__(self, before: io.TextIOWrapper) -> None:
        super().__init__(before.buffer, before.encoding, FALLBACK, line_buffering=before.line_buffering, write_through=before.write_through)
        self.before = before  # it would close the file if it were deleted

    def write(self, text: str) -> int:
        with _naming():
            return super().write(text)

    def flush(self) -> None:
        with _naming():
            super().flush()


@contextmanager
def _naming() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, OUTPUT) from error


def prepare() -> None:
    """From now on, characters that the encoding of stdout or stderr lacks are printed as plain ASCII, instead of raising an error."""
    codecs.register_error(FALLBACK, _plain)
    out = sys.stdout
    if type(out) is io.TextIOWrapper:
        sys.stdout = Output(out)
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(errors=FALLBACK)


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Python's protocol for error handlers: (replacement, position to continue at)."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = "".join(PLAIN.get(c) or c.encode("ascii", "backslashreplace").decode() for c in error.object[error.start : error.end])
    return text, error.end


def say(*lines: str, end: str = "\n") -> None:
    """Print lines on stdout, without control characters: names and paths come from files that others wrote."""
    if lines:
        print(visible("\n".join(lines)), end=end)


def warn(text: str) -> None:
    """Print a line on stderr, without control characters."""
    print(visible(text), file=sys.stderr)


@contextmanager
def all_written() -> Iterator[None]:
    """Context manager around a typer command, which ends with SystemExit: what the command printed is written out at its end.

    Raises SealError when stdout cannot take it: a full disk, a reader that stopped reading. A command that failed keeps its exit status.
    """
    out, errors = sys.stdout, sys.stderr
    try:
        try:
            yield
        except SystemExit as stop:
            if sys.stdout is not out:  # typer replaces both streams when the reader of a pipe is gone
                sys.stdout, sys.stderr = out, errors
                raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE), OUTPUT) from stop
            if stop.code in (0, None) and out is not None:
                out.flush()
            raise
    except OSError as error:
        if error.filename != OUTPUT:
            raise
        raise _unwritable(error) from error


def _unwritable(error: OSError) -> SealError:
    """The error of an output that cannot be written. What is still buffered is dropped, so that Python does not complain again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    return SealError(
        f"standard output cannot be written ({error.strerror or error}), what is there is incomplete; make room, or read all of it, and "
        "repeat the command"
    )


def collect_rarely() -> None:
    """Let Python look for unreachable objects less often.

    torch and transformers make 600,000 objects that stay, and it would go through all of them eight times while they are imported.
    """
    gc.set_threshold(100_000, 20, 20)


def leave(code: int) -> NoReturn:
    """End the process with an exit status, after its threads, what was registered for its end, and the last output.

    Python would then take every module apart, which takes a second where torch is loaded.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):  # nobody reads it any more
            code = code or 120  # as Python's own
    os._exit(code)


def no_bars() -> None:
    """Switch off other libraries' progress bars, in this process and its children. tqdm reads this when it is imported.

    Not for vLLM: with its bar switched off, 0.32 divides by the time that the bar has not measured, after the first batch.
    """
    os.environ.setdefault("TQDM_DISABLE", "1")
