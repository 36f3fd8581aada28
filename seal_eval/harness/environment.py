"""What lm-eval records about the machine, without starting pip for it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import distributions
from typing import Any

from packaging.utils import canonicalize_name


def freeze() -> str:
    """Return the installed distributions as `pip list --format=freeze` does: NAME==VERSION, a line each, by name."""
    found = {canonicalize_name(dist.name): f"{dist.name}=={dist.version}" for dist in reversed(list(distributions())) if dist.name}
    return "\n".join(line for _, line in sorted(found.items()))


@contextmanager
def packages_without_pip() -> Iterator[None]:
    """Context manager: inside it torch's `collect_env` reads packages from their metadata.

    lm-eval has it describe the machine at the end of each run, and it starts `pip list`, which takes as long as a small run.
    """
    from torch.utils import collect_env

    module: Any = collect_env
    original = module.get_pip_packages

    def packages(run: Callable[[Any], Any], patterns: Any = None) -> Any:
        return original(lambda command: (0, freeze(), "") if "list" in command else run(command), patterns)

    module.get_pip_packages = packages
    try:
        yield
    finally:
        module.get_pip_packages = original
