"""YAML from strangers: plain values only, and the line on which each stands."""

from pathlib import Path
from typing import Any

import yaml

from seal_eval.core.errors import SealError

LARGEST = 1 << 20  # bytes
PLAIN = ("null", "bool", "int", "float", "str", "seq", "map")
LineNumbers = dict[tuple[str | int, ...], int]  # where a value is → its line, from 1


def read_yaml(file: Path) -> tuple[Any, LineNumbers]:
    """(value, line of every part of it). Raises SealError for what is no YAML, too large, or uses aliases, tags or a key twice."""
    if not file.is_file():
        raise SealError(f"{file} does not exist")
    if file.stat().st_size > LARGEST:
        raise SealError(f"{file} has {file.stat().st_size} bytes; at most {LARGEST} are read")
    try:
        text = file.read_text(encoding="utf-8")
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):  # a few of them can stand for gigabytes
                raise SealError(f"{file}, line {event.start_mark.line + 1}: aliases (*{event.anchor}) are not taken; write the value out")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        lines: LineNumbers = {}
        return (None if node is None else _value(node, (), lines, file)), lines
    except UnicodeDecodeError as error:
        raise SealError(f"{file}: not UTF-8 ({error.reason})") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise SealError(f"{file}, line {mark.line + 1 if mark else 1}: {error.problem or error.context}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SealError(f"{file}: not YAML that is read here ({str(error).splitlines()[0]})") from error


def _value(node: Any, path: tuple[str | int, ...], lines: LineNumbers, file: Path) -> Any:
    lines[path] = node.start_mark.line + 1
    if node.tag.removeprefix("tag:yaml.org,2002:") not in PLAIN:
        raise SealError(f"{file}, line {node.start_mark.line + 1}: the tag {node.tag} is not taken; write a plain value")
    if isinstance(node, yaml.MappingNode):
        made: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if not isinstance(key_node, yaml.ScalarNode) or key in made:
                what = "a key that is no word" if not isinstance(key_node, yaml.ScalarNode) else f"'{key}' a second time"
                raise SealError(f"{file}, line {key_node.start_mark.line + 1}: {what}")
            made[key] = _value(value_node, (*path, key), lines, file)
            lines[(*path, key)] = key_node.start_mark.line + 1
        return made
    if isinstance(node, yaml.SequenceNode):
        return [_value(one, (*path, i), lines, file) for i, one in enumerate(node.value)]
    return yaml.SafeLoader("").construct_object(node)
