"""What lm-eval records about machine and checkout at the end of each run, without starting pip and without git's complaints."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name


def freeze() -> str:
    """Return the installed distributions as `pip list --format=freeze` does: NAME==VERSION, a line each, by name."""
    described = [dist.metadata for dist in reversed(list(distributions()))]  # each look at it parses the file again
    found = {canonicalize_name(said["Name"]): f"{said['Name']}=={said['Version']}" for said in described if said and said["Name"]}
    return "\n".join(line for _, line in sorted(found.items()))


def commit() -> str | None:
    """Return the commit of the current folder as lm-eval does; None outside of a repository, where git would complain on stderr."""
    from lm_eval.loggers.utils import get_commit_from_path

    try:
        return subprocess.run(["git", "describe", "--always"], capture_output=True, text=True, check=True).stdout.strip()
    except (subprocess.CalledProcessError, FileNotFoundError):
        return get_commit_from_path(Path.cwd())


@contextmanager
def described_quietly() -> Iterator[None]:
    """Context manager: inside it lm-eval takes the commit from `commit`, and torch's `collect_env` reads packages from their metadata.

    torch starts `pip list`, which takes as long as a small run.
    """
    import lm_eval.evaluator
    from torch.utils import collect_env

    evaluator: Any = lm_eval.evaluator
    module: Any = collect_env
    original, original_commit = module.get_pip_packages, evaluator.get_git_commit_hash

    def packages(run: Callable[[Any], Any], patterns: Any = None) -> Any:
        return original(lambda command: (0, freeze(), "") if "list" in command else run(command), patterns)

    module.get_pip_packages, evaluator.get_git_commit_hash = packages, commit
    try:
        yield
    finally:
        module.get_pip_packages, evaluator.get_git_commit_hash = original, original_commit
