"""Paths that begin with ~, the user's home folder: written in full where input is read, so that they are known by what they hold."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

WORDS = frozenset({"system_instruction", "system", "answer_prefix", "gen_kwargs", "until"})  # keys whose texts are words, never paths


def from_home(value: Any, words: Collection[str] = WORDS, key: str = "") -> Any:
    """The value with each path in it that begins with ~/ written in full, also inside of mappings and lists.

    words: keys whose texts stay as they are. key: the one that the value itself has.
    """
    if isinstance(value, dict):
        return {name: from_home(item, words, str(name)) for name, item in value.items()}
    if isinstance(value, list):
        return [from_home(item, words, key) for item in value]
    if isinstance(value, str) and (value == "~" or value.startswith("~/")) and key not in words:
        return str(Path(value).expanduser())
    return value
