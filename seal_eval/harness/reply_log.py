"""Replies on disk before the next is asked for: an append-only file that a killed run reads when it is repeated."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from seal_eval.core.errors import SealError

ACTIVE: ContextVar["Journal | None"] = ContextVar("journal", default=None)  # lm-eval makes the engine; this hands it the journal


class Journal:
    """Replies of one run, a JSON line each in `folder`/replies-RANK.jsonl; what other ranks wrote is read as well.

    A last line without its end (the process or the machine died while it was written) is cut off. Raises SealError naming file and line
    for any other damage.
    """

    def __init__(self, folder: Path, rank: int = 0) -> None:
        self.path = folder / f"replies-{rank}.jsonl"
        self.replies: dict[str, str] = {}
        for file in sorted({*folder.glob("replies-*.jsonl"), self.path}):
            self.replies |= dict(self._read(file))
        self.n_found = len(self.replies)
        self._file = self.path.open("ab")

    def close(self) -> None:
        with suppress(OSError):  # it tries again to write what `add` could not, and `add` has said so
            self._file.close()

    def add(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Append (key, reply)s and wait until the disk has them. Raises SealError when it cannot take them."""
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
        if not file.is_file():
            return
        raw = file.read_bytes()
        whole = raw[: raw.rfind(b"\n") + 1]
        if file == self.path and whole != raw:
            with file.open("r+b") as cut:
                cut.truncate(len(whole))
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                row = json.loads(line)
                yield str(row["key"]), str(row["reply"])
            except (ValueError, KeyError, TypeError) as error:
                raise SealError(f"{file}, line {number}: not a reply ({error}); remove this line and repeat the command") from error


def keys(requests: Iterable[tuple[str, Any]]) -> list[str]:
    """A key for each (prompt, options of generation); one asked again has another."""
    seen: Counter[str] = Counter()
    out = []
    for prompt, options in requests:
        key = hashlib.sha256(f"{json.dumps(options, sort_keys=True, default=str)}\n{prompt}".encode()).hexdigest()
        out.append(f"{key}-{seen[key]}" if seen[key] else key)
        seen[key] += 1
    return out


@contextmanager
def recording(folder: Path, rank: int = 0) -> Iterator[Journal]:
    """The journal in `folder`, to which an engine made inside the block writes."""
    journal = Journal(folder, rank)
    token = ACTIVE.set(journal)
    try:
        yield journal
    finally:
        ACTIVE.reset(token)
        journal.close()
