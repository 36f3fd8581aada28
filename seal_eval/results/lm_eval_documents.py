"""Which samples of a task from outside this project stand on one document: the field that the user names, or a guess that is told."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seal_eval.core.errors import SealError
from seal_eval.core.names import visible

Rows = Sequence[tuple[int, dict[str, Any]]]  # (line number, row of a sample file)


@dataclass(frozen=True)
class Guess:
    """What was taken for the document. shared: a text field, longer than the one taken, that is the same in all samples; '' if none.

    repeating: the text fields with fewer values than there are samples, the longest first: each may be the document.
    """

    shared: str
    repeating: tuple[str, ...]


def documents(file: Path, task: str, rows: Rows, field: str = "") -> tuple[list[str], Guess | None]:
    """Return the document of each sample (equal names: one document), and the guess, None if `field` decides.

    field: a key of the sample's doc, or a path of keys joined by dots. Samples with the same value there stand on one document; equal
    text is the same document in any task, other values in one task only. Without a field, samples whose longest text is equal stand
    on one document; a text that all samples share, such as an instruction, is left out of this. A sample without text is a document of
    its own. Raises SealError naming file and line of a doc without the field, and the fields that it has.
    """
    if field:
        return [_named(file, task, line, row["doc"], field) for line, row in rows], None
    texts = [dict(_texts(row["doc"])) for _, row in rows]
    values: dict[str, set[str]] = {}
    for text in texts:
        for key, value in text.items():
            values.setdefault(key, set()).add(value)
    length = {key: max(map(len, found)) for key, found in values.items()}
    everywhere = {key for key, found in values.items() if len(found) == 1 and all(key in text for text in texts)}
    shared = everywhere if len(rows) > 1 and len(everywhere) < len(values) else set()
    names = []
    for (_, row), text in zip(rows, texts, strict=True):
        longest = max((value for key, value in text.items() if key not in shared), key=len, default="")
        names.append(_hash(longest) if longest else f"{task}:{row['doc_id']}:{row['doc_hash'][:12]}")
    taken = max((length[key] for key in values if key not in shared), default=0)
    longer = max((key for key in shared if length[key] > taken), key=length.__getitem__, default="")
    repeating = sorted((key for key in values if key not in shared and len(values[key]) < len(rows)), key=lambda key: -length[key])
    return names, Guess(longer, tuple(repeating))


def in_words(guesses: Sequence[Guess]) -> str:
    """A sentence that says what was assumed; '' without guesses."""
    if not guesses:
        return ""
    shared = list(dict.fromkeys(guess.shared for guess in guesses if guess.shared))
    repeating = list(dict.fromkeys(key for guess in guesses for key in guess.repeating))
    left_out = f" (but for {_listed(shared[:3])}, the same in all samples)" if shared else ""
    which = f" (values repeat in {_listed(repeating[:5])})" if repeating else ""
    return f"Documents: samples whose longest text is equal{left_out}, an assumption; --cluster FIELD names the field{which}."


def _listed(fields: Sequence[str]) -> str:
    """Names of fields, which come from data sets, for a sentence on one line."""
    return ", ".join(" ".join(visible(field).split())[:80] for field in fields)


def _texts(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Yield (field, text) of every text in a doc; a field within an object as a path with dots."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, (*path, key))
    elif isinstance(value, str) and value and path:
        yield ".".join(path), value


def _named(file: Path, task: str, line: int, doc: Any, field: str) -> str:
    """The document of a doc by its field."""
    value = doc
    for key in [field] if isinstance(doc, dict) and field in doc else field.split("."):
        if not isinstance(value, dict) or value.get(key) in (None, ""):
            known = _listed(list(dict.fromkeys(_fields(doc)))[:30])[:500] or "none"
            raise SealError(
                f"{file}, line {line}: doc has no value for '{field}' (--cluster); its fields are {known}. Name one that all tasks have, "
                "or compare tasks with other fields in folders of their own"
            )
        value = value[key]
    return _hash(value) if isinstance(value, str) else _hash(f"{task}:{json.dumps(value, sort_keys=True)}")


def _fields(value: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield every field of a doc, those of objects as paths."""
    for key, inner in value.items() if isinstance(value, dict) else ():
        if isinstance(inner, dict) and inner:
            yield from _fields(inner, (*path, key))
        else:
            yield ".".join((*path, key))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
