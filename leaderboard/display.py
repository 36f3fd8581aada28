"""How the site names methods, and the addresses of their pages."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable

from seal_eval.baselines import get_method, take_method
from seal_eval.core.checked import whole_number
from seal_eval.core.errors import SealError
from seal_eval.core.names import listed
from seal_eval.core.types import Run

KINDS = {"channel": "C", "head": "H"}  # of SEAL's scales, as the paper names them


def shown_name(run: Run) -> tuple[str, str]:
    """(name, detail) of a run's method: ('SEAL-C', 'tuned on lines at 2,048'), ('temperature', 'factor=1.15')."""
    about, (base, _, suffix) = run.about, run.method.partition("(")
    if ".py:" in base:  # a method given as a file is not looked up: that would execute a file that a result names
        return run.method, ""
    name = " + ".join(_title(part, about) for part in base.split("+"))
    if about.get("task") and about.get("length"):
        return name, f"tuned on {_tasks_and_sizes(str(about['task']), about['length'])}"
    return name, suffix.removesuffix(")")


def _tasks_and_sizes(text: str, length: object) -> str:
    """Return 'lines at 600 and 1,200, needle at 2,048' for the tasks of a tuning run.

    text: as in TuneSpec, 'seal_lines:600,seal_lines:1200,seal_needle'. length: of the tasks that it names without a size.
    """
    sizes: dict[str, list[str]] = {}
    for part in text.split(","):
        task, _, size = part.strip().partition(":")
        size = size or str(length)
        known = [f"{int(size):,}"] if whole_number(size) else []
        sizes.setdefault(task.removeprefix("seal_").replace("_", " "), []).extend(known)
    told = {task: f" at {listed(found)}" if found else "" for task, found in sizes.items()}
    if len(set(told.values())) == 1:  # the size is said once for all of them
        return ", ".join(told) + next(iter(told.values()))
    return ", ".join(task + at for task, at in told.items())


def _title(part: str, about: dict[str, object]) -> str:
    try:
        title = get_method(part).title or part
    except SealError:  # not installed where the site is built
        return part
    kind = KINDS.get(str(about.get("granularity"))) if part == "seal" else None
    return f"{title}-{kind}" if kind else title


def installed_name(run: Run) -> str:
    """The name under which a run's method can be looked up; '' for a method given as a file.

    The name comes from a result file, and looking up a file would execute it.
    """
    name = str(run.config.get("seal_eval", {}).get("method") or run.about.get("method") or run.method) if run.config else run.method
    return "" if ".py:" in name else name


def shown_settings(run: Run) -> list[tuple[str, str]]:
    """(setting, value) of a run's method; a default that stands for a part of the model's window has that in tokens behind it."""
    tokens: dict[str, object] = {}
    if (name := installed_name(run)) and isinstance(trained := run.config.get("seal_eval", {}).get("trained_window"), int):
        try:
            tokens = take_method({**run.settings, "method": name})[1].resolved(trained)  # the name last: a setting cannot replace it
        except (SealError, TypeError, ArithmeticError):  # not installed where the site is built, of another version, or no window
            tokens = {}
    values = {key: (value, tokens.get(key, value)) for key, value in run.settings.items()}
    return [(key, str(value) if value == meant else f"{value} ({meant:,} tokens)") for key, (value, meant) in values.items()]


def board_names(runs: Iterable[Run]) -> dict[str, tuple[str, str]]:
    """The name and detail of each method of one board, by its label; two that would look the same show their labels as details."""
    newest = {run.method: shown_name(run) for run in runs}
    several = Counter(newest.values())
    return {method: shown if several[shown] == 1 else (shown[0], method) for method, shown in newest.items()}


def addresses(names: Iterable[str]) -> dict[str, str]:
    """An address for each name, of letters, digits and hyphens. It depends on the name alone, unless two names would have the same.

    Three of them in one file name stay below 255 bytes.
    """
    found = {name: re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60] or "method" for name in names}
    while len(set(found.values())) < len(found):  # again where a name is like the address that another one has got
        several = Counter(found.values())
        found = {name: text if several[text] == 1 else f"{text}-{_hash(name)}" for name, text in found.items()}
    return found


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:8]
