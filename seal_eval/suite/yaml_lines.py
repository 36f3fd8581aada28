"""Read untrusted YAML: plain values only, with the line number of each."""

import re
from pathlib import Path
from typing import Any

import yaml

from seal_eval.core.errors import SealError, first_line

LARGEST = 1 << 20  # bytes
DEEPEST = 20  # levels
OCTAL = re.compile(r"[-+]?0[0-9_]+")  # YAML 1.1 reads 0512 as 330, YAML 1.2 as 512
PLAIN = ("null", "bool", "int", "float", "str", "seq", "map")
# part of one of PyYAML's messages → what to do
REMEDIES = {
    "'\\t'": "; YAML indents with spaces, not with tabs",
    "another document": "; write each suite in a file of its own, without '---' between them",
    "found unexpected end of stream": "; is a quote or a bracket left open?",
}
LineNumbers = dict[tuple[str | int, ...], int]  # path of keys and indexes to a value → its line, counted from 1


class Loader(yaml.SafeLoader):
    """Also reads 1e-3 as a number, as YAML 1.2 does; PyYAML wants 1.0e-3. A day, such as 2026-11-28, is text, as in YAML 1.2."""

    yaml_implicit_resolvers = {  # noqa: RUF012  PyYAML's own attribute
        start: [(tag, pattern) for tag, pattern in known if tag != "tag:yaml.org,2002:timestamp"]
        for start, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(?:\.\d*)?[eE][-+]?\d+$"), [*"-+0123456789"])


def read_yaml(file: Path) -> tuple[Any, LineNumbers]:
    """Return (value, line of every part of it). Raises SealError for a file that is not YAML or too large, aliases, tags, repeated keys."""
    if not file.is_file():
        raise SealError(f"{file} {'is no file' if file.exists() else 'does not exist'}; name a suite's YAML file")
    if file.stat().st_size > LARGEST:
        raise SealError(f"{file} has {file.stat().st_size} bytes; at most {LARGEST} are read")
    try:
        text, depth = file.read_text(encoding="utf-8"), 0
        for event in yaml.parse(text, Loader=Loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:  # PyYAML's time grows with the square of the depth
                raise SealError(f"{file}, line {event.start_mark.line + 1}: nested deeper than {DEEPEST} levels; a suite needs five")
            if isinstance(event, yaml.AliasEvent):  # nested aliases can expand to gigabytes
                raise SealError(f"{file}, line {event.start_mark.line + 1}: aliases (*{event.anchor}) are not allowed; write the value out")
        node = yaml.compose(text, Loader=Loader)
        lines: LineNumbers = {}
        return (None if node is None else _value(node, (), lines, file)), lines
    except UnicodeDecodeError as error:
        raise SealError(f"{file}: not UTF-8 ({error.reason})") from error
    except yaml.MarkedYAMLError as error:
        mark, problem = error.problem_mark or error.context_mark, str(error.problem or error.context)
        remedy = next((text for part, text in REMEDIES.items() if part in problem), "")
        raise SealError(f"{file}, line {mark.line + 1 if mark else 1}: {problem}{remedy}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SealError(f"{file}: cannot be read as YAML ({first_line(error)})") from error


def _value(node: Any, path: tuple[str | int, ...], lines: LineNumbers, file: Path) -> Any:
    lines[path] = node.start_mark.line + 1
    if node.tag.removeprefix("tag:yaml.org,2002:") not in PLAIN:
        raise SealError(f"{file}, line {node.start_mark.line + 1}: the tag {node.tag} is not allowed; write a plain value")
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if not isinstance(key_node, yaml.ScalarNode) or key in mapping:
                problem = "a key is not a plain value" if not isinstance(key_node, yaml.ScalarNode) else f"the key '{key}' appears twice"
                raise SealError(f"{file}, line {key_node.start_mark.line + 1}: {problem}")
            mapping[key] = _value(value_node, (*path, key), lines, file)
            lines[(*path, key)] = key_node.start_mark.line + 1
        return mapping
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, i), lines, file) for i, item in enumerate(node.value)]
    if node.style is None and node.tag.endswith((":int", ":float")):
        if ":" in node.value:  # 1:30 is 90 in YAML 1.1, and text in 1.2
            return node.value
        if OCTAL.fullmatch(node.value):
            raise SealError(
                f"{file}, line {node.start_mark.line + 1}: {node.value} begins with 0, which some readers take for an octal number; "
                "write it without the zero, or in quotes if it is text"
            )
    return Loader("").construct_object(node)
