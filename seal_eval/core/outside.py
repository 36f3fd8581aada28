"""Methods from outside the project: entry points of installed packages, and files that the user names."""

import dataclasses
import hashlib
import importlib.util
import re
import sys
from collections.abc import Callable
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from seal_eval.core.content import fingerprint
from seal_eval.core.errors import SealError, first_line, nearest

GROUP = "seal_eval.baselines"  # entry points of plugins: name = "package.module:Class"
PREFIX = "seal_eval_plugin_"  # of the modules of files: PREFIX, the file's stem, and a hash of its path and content
_MODULE = re.compile(rf"{PREFIX}(.*)_[0-9a-f]{{16}}")


def entry_points() -> dict[str, list[metadata.EntryPoint]]:
    """Return the entry points of installed plugins by the names of their methods; two packages may claim one name."""
    return _entry_points_on(tuple(sys.path), metadata.entry_points)


@lru_cache(maxsize=4)  # reading what is installed takes 50 ms, and every method's name asks for it
def _entry_points_on(_path: tuple[str, ...], read: Callable[..., Any]) -> dict[str, list[metadata.EntryPoint]]:
    found: dict[str, list[metadata.EntryPoint]] = {}
    for point in read(group=GROUP):
        found.setdefault(point.name, []).append(point)
    return found


def owner(point: metadata.EntryPoint) -> str:
    """Return the name of the distribution that an entry point comes from."""
    return point.dist.name if point.dist else point.value


def code_of(point: metadata.EntryPoint) -> str:
    """Return a plugin's distribution, its version, and the fingerprint of the package or module that its method is defined in.

    An editable installation keeps its version when its files change. What cannot be found has no fingerprint.
    """
    version = point.dist.version if point.dist else ""
    try:
        place = _place_of(point.value.partition(":")[0].strip())
        held = fingerprint(place, leave_out=("*.pyc",)) if place else ""
    except (ImportError, OSError, ValueError):
        held = ""
    return " ".join(part for part in (owner(point), version, held) if part)


def _place_of(module: str) -> Path | None:
    """Return the folder of the outermost regular package that a module is in, or the module's own file."""
    names = module.split(".")
    for n in range(1, len(names) + 1):
        spec = importlib.util.find_spec(".".join(names[:n]))
        if spec and spec.origin and Path(spec.origin).exists():  # a namespace package has no file
            return Path(spec.origin).parent if spec.submodule_search_locations else Path(spec.origin)
    return None


def class_in_file(name: str) -> Any:
    """Return the class that 'path/to/file.py:Class' names.

    The file is executed once for each content. Raises SealError for a file that is missing, fails on import or lacks the class.
    """
    path, _, cls = name.rpartition(":")
    file = Path(path)
    if not file.is_file():
        raise SealError(f"method '{name}': no file {path}")
    try:
        module = _module_of(file)
    except Exception as error:
        raise SealError(f"method '{name}': {path} fails on import: {type(error).__name__}: {first_line(error)}") from error
    if not hasattr(module, cls):
        classes = [n for n, c in vars(module).items() if dataclasses.is_dataclass(c)]
        raise SealError(f"method '{name}': {path} has no {cls}{nearest(cls, classes)}")
    return getattr(module, cls)


def _module_of(file: Path) -> Any:
    """Return a file's module, which has its place in sys.modules while it is executed: dataclasses and typing look there for names."""
    source = file.read_bytes()
    held = hashlib.sha256(f"{file.resolve()}\n".encode(errors="surrogateescape") + source).hexdigest()[:16]
    name = f"{PREFIX}{file.stem}_{held}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec and spec.loader
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:  # not by the loader: it takes code that was compiled before for a file of this size and second
        exec(compile(source, file, "exec", dont_inherit=True), vars(module))
    except BaseException:
        del sys.modules[name]
        raise
    return module


def short_module(name: str) -> str:
    """Return a module's name for errors: without its packages, and that of a file without its hash."""
    last = name.rpartition(".")[2]
    found = _MODULE.fullmatch(last)
    return found[1] if found else last
