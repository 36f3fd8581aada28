"""What benchmarks share: a file of runs, one JSON object per line, and a Markdown table of them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def logged(file: Path) -> list[dict[str, Any]]:
    """The runs of a file, in order; none if it does not exist."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []


def log(file: Path, run: dict[str, Any]) -> None:
    """Append a run to a file."""
    with file.open("a") as lines:
        lines.write(json.dumps(run) + "\n")


def markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of text cells as Markdown."""
    return "\n".join(["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|", *("| " + " | ".join(row) + " |" for row in rows)])
