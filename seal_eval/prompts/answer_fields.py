"""The field of a JSON object that declares the answer: it ends with its value, and the fields behind it are none."""

import re

# a string, a number, a list or an object, up to the comma or bracket behind it
VALUE = re.compile(r'\s*(?:"[^"\n]*"|\[[^\[\]]*\]|\{[^{}]*\}|[-\d.,]*\d|true|false|null)(?=\s*[,}])')
REST = re.compile(r'\s*,\s*"[^{}]*(?=\}|$)')


def field_end(text: str, opening: str, begin: int) -> int | None:
    """Where the value that begins at `begin` ends, if `opening`, the text before it, is the name of a field; else None."""
    if not re.search(r'"\s*:\s*$', opening):
        return None
    value = VALUE.match(text, begin)
    return value.end() if value else None


def without_fields_behind(text: str, declares: re.Pattern[str]) -> str:
    """The text with spaces for the fields behind each one that declares the answer."""
    for match in reversed(list(declares.finditer(text))):
        end = field_end(text, match[0], match.end())
        if end is not None and (rest := REST.match(text, end)):
            text = text[:end] + " " * len(rest[0]) + text[rest.end() :]
    return text
