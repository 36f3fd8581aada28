"""The task files that lm-eval indexes: those that our wheel installed, or up-to-date copies in the cache."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seal_eval.core.folders import cache
from seal_eval.harness.task_yaml import yaml_files


def installed_folder() -> Path:
    """Return the folder inside lm-eval where our wheel installs the tasks' YAML files, so that stock lm_eval finds them."""
    import lm_eval.tasks

    return Path(lm_eval.tasks.__file__).parent / "seal"


def fresh_folder() -> str | None:
    """Return a folder in the cache with up-to-date YAML files, None when the installed ones are up to date.

    They may be out of date after a task was added or edited in a checkout, or missing when lm-eval is in another site-packages.
    """
    files, installed = yaml_files(), installed_folder()
    if all((installed / name).is_file() and (installed / name).read_text(encoding="utf-8") == text for name, text in files.items()):
        return None
    key = hashlib.sha256("\0".join(f"{name}\0{text}" for name, text in sorted(files.items())).encode()).hexdigest()[:16]
    folder = cache() / "tasks" / key
    if not folder.is_dir():
        part = folder.with_name(f".{key}.{os.getpid()}")
        part.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (part / name).write_text(text, encoding="utf-8")
        try:
            part.replace(folder)
        except OSError:  # another process was faster, with the same bytes
            shutil.rmtree(part, ignore_errors=True)
    return str(folder)


@contextmanager
def own_tasks_only() -> Iterator[None]:
    """Context manager: inside it lm-eval indexes our task files only. Otherwise it reads fourteen thousand files, which takes six seconds.

    An include_path that the caller of TaskManager passes takes the place of the installed folder.
    """
    import lm_eval.tasks

    module: Any = lm_eval.tasks
    original = module.TaskManager

    def task_manager(include_path: str | None = None, **kwargs: Any) -> Any:
        return original(include_path=include_path or str(installed_folder()), include_defaults=False, **kwargs)

    module.TaskManager = task_manager
    try:
        yield
    finally:
        module.TaskManager = original
