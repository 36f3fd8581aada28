"""The log of replies: an append-only file, flushed to disk after each batch, from which a killed run continues when it is repeated."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from seal_eval.core import strict_json
from seal_eval.core.errors import SealError

ACTIVE: ContextVar["Journal | None"] = ContextVar("journal", default=None)  # the engine reads it, because lm-eval constructs the engine


class Journal:
    """The replies of one run, one JSON line each. Appends to `folder`/replies-RANK.jsonl and reads the files of all ranks.

    `replies`: key → reply. `n_found`: replies on disk when the journal was opened. An incomplete last line (the process or the machine
    died while writing it) is ignored, and cut off in this rank's file. Raises SealError naming file and line for any other damage.
    """

    def __init__(self, folder: Path, rank: int = 0) -> None:
        self.path = folder / f"replies-{rank}.jsonl"
        self.replies: dict[str, str] = {}
        for file in sorted({*folder.glob("replies-*.jsonl"), self.path}):
            self.replies |= dict(self._read(file))
        self.n_found = len(self.replies)
        self._file = self.path.open("ab")

    def close(self) -> None:
        """Close the file."""
        with suppress(OSError):  # closing retries a write that failed in `add`, which has already raised
            self._file.close()

    def add(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Append (key, reply) pairs and wait until they are on disk. Raises SealError when they cannot be written."""
        new = dict(pairs)
        lines = "".join(json.dumps({"key": key, "reply": reply}) + "\n" for key, reply in new.items())
        try:
            self._file.write(lines.encode())
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise SealError(
                f"{self.path}: {error.strerror or error}; the {len(self.replies)} replies before are kept: make room and repeat the command"
            ) from error
        self.replies |= new

    def _read(self, file: Path) -> Iterator[tuple[str, str]]:
        """Yield the (key, reply) pairs of a file. Cuts off an incomplete last line if the file is this rank's."""
        if not file.is_file():
            return
        raw = file.read_bytes()
        complete = raw[: raw.rfind(b"\n") + 1]
        if file == self.path and complete != raw:
            with file.open("r+b") as own_file:
                own_file.truncate(len(complete))
        for number, line in enumerate(complete.splitlines(), 1):
            try:
                row = strict_json.loads(line)
                yield str(row["key"]), str(row["reply"])
            except (ValueError, KeyError, TypeError) as error:
                raise SealError(f"{file}, line {number}: not a reply ({error}); remove this line and repeat the command") from error


def keys(requests: Iterable[tuple[str, Any]]) -> list[str]:
    """Return a key for each (prompt, generation options): their SHA-256, followed by -1, -2, … for repetitions."""
    seen: Counter[str] = Counter()
    unique = []
    for prompt, options in requests:
        key = hashlib.sha256(f"{json.dumps(options, sort_keys=True, default=str)}\n{prompt}".encode()).hexdigest()
        unique.append(f"{key}-{seen[key]}" if seen[key] else key)
        seen[key] += 1
    return unique


def lookup(journal: Journal | None, requests: Iterable[Any]) -> tuple[list[str], list[str | None], list[int]]:
    """Return (the key of each of lm-eval's requests, its logged reply or None, the indices of the requests without one)."""
    names = keys(request.args for request in requests)
    replies = [journal.replies.get(name) if journal else None for name in names]
    return names, replies, [i for i, reply in enumerate(replies) if reply is None]


@contextmanager
def recording(folder: Path, rank: int = 0) -> Iterator[Journal]:
    """Context manager: opens the journal in `folder`. An engine that is constructed inside it reads and writes this journal."""
    journal = Journal(folder, rank)
    token = ACTIVE.set(journal)
    try:
        yield journal
    finally:
        ACTIVE.reset(token)
        journal.close()
