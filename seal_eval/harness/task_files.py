"""What a task's YAML file names besides itself: files that it includes, modules of its functions, and its data."""

import ast
import glob
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from seal_eval.core.content import fingerprint

PATTERN = "*?["  # of a pattern that several data files match
READERS = ("json", "csv", "parquet", "arrow", "text", "xml", "imagefolder", "audiofolder", "webdataset")  # of `datasets`, no folders


def named_tasks(name: str) -> list[str]:
    """The YAML files, or the folder of such, that a word of --tasks names; [] for the name of a task. A pattern may name several files."""
    if name.endswith(".yaml"):
        return sorted(glob.glob(name))  # noqa: PTH207  as lm-eval reads it, which keeps the path's form
    return [name] if Path(name).exists() else []


def task_files(task: Path) -> dict[str, str]:
    """The fingerprints of what a task reads besides `task`, its YAML file or a folder of such: path from `task`'s folder → content.

    Files inside of a folder `task` do not count: its own fingerprint holds them. Nor does what cannot be read; lm-eval names it.
    """
    folder = task if task.is_dir() else task.parent
    found: dict[Path, None] = {}
    for file in sorted(task.rglob("*.yaml")) if task.is_dir() else [task]:
        _follow(file.resolve(), found)
    inside = task.resolve()
    named = {os.path.relpath(path, folder.resolve()): path for path in found if not path.is_relative_to(inside)}
    return {name: fingerprint(path) for name, path in sorted(named.items())}


def _follow(file: Path, found: dict[Path, None]) -> None:
    """Add a YAML file, and all that it names, to `found`."""
    if file in found or not file.is_file():
        return
    found[file] = None
    config = _read(file)
    for key, value in _settings(config):
        if isinstance(value, _Function):
            _follow_module(file.parent / f"{value.rpartition('.')[0].replace('.', '/')}.py", file.parent, found)
        elif key == "include":
            _follow((file.parent / value).resolve(), found)
    for kwargs, where in _data(config):
        for path in _matching(where, str(kwargs.get("data_dir") or "")):
            found[path.resolve()] = None


def _follow_module(module: Path, folder: Path, found: dict[Path, None]) -> None:
    """Add a Python file, and the modules in `folder` that it imports, to `found`. Modules from elsewhere are installed packages."""
    module = module.resolve()
    if module in found or not module.is_file():
        return
    found[module] = None
    try:
        nodes = [*ast.walk(ast.parse(module.read_bytes()))]
    except (SyntaxError, ValueError, OSError):
        return
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            names |= {node.module} if node.module else {alias.name for alias in node.names}
    for name in sorted(names):
        _follow_module(folder / f"{name.replace('.', '/')}.py", folder, found)


def _data(value: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield (dataset_kwargs, path or pattern) of the data that a configuration names, also inside of groups."""
    if isinstance(value, list):
        for item in value:
            yield from _data(item)
    if not isinstance(value, dict):
        return
    kwargs = value["dataset_kwargs"] if isinstance(value.get("dataset_kwargs"), dict) else {}
    for part in (kwargs.get("data_files"), value.get("dataset_path")):
        for _, text in _settings({"": part}):
            if text not in READERS:
                yield kwargs, text
    if isinstance(kwargs.get("data_dir"), str):
        yield {}, kwargs["data_dir"]
    for item in value.values():
        yield from _data(item)


def _matching(where: str, data_dir: str) -> list[Path]:
    """The files or folders at a path or pattern as `datasets` reads it: from the current folder, or from data_dir. None for an address."""
    if "://" in where:
        return []
    found: list[Path] = []
    for base in {"", data_dir}:
        path = Path(base, where).expanduser()
        try:
            pattern = any(sign in where for sign in PATTERN)
            found += (
                [path] if path.exists() else sorted(Path(path.anchor or ".").glob(str(path.relative_to(path.anchor)))) if pattern else []
            )
        except (OSError, ValueError, NotImplementedError):  # no path: too long, or with a zero byte
            continue
    return found


def _settings(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield (the last key around it, text) of every text inside a configuration."""
    if isinstance(value, str):
        yield key, value
    for name, item in value.items() if isinstance(value, dict) else ((key, item) for item in value) if isinstance(value, list) else ():
        yield from _settings(item, str(name))


class _Function(str):
    """The text behind `!function`."""


def _read(file: Path) -> Any:
    import yaml

    try:
        return yaml.load(file.read_bytes(), _loader())  # a safe loader with one more tag
    except (yaml.YAMLError, OSError, ValueError, RecursionError):
        return None


@lru_cache(maxsize=1)
def _loader() -> Any:
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        pass

    Loader.add_constructor("!function", lambda loader, node: _Function(loader.construct_scalar(node)))
    return Loader
