"""How the site names methods, and the addresses of their pages."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable

from seal_eval.baselines import get_method, take_method
from seal_eval.core.errors import SealError
from seal_eval.core.types import Run

KINDS = {"channel": "C", "head": "H"}  # of SEAL's scales, as the paper names them


def shown_name(run: Run) -> tuple[str, str]:
    """(name, detail) of a run's method: ('SEAL-C', 'tuned on lines at 2,048'), ('temperature', 'factor=1.15')."""
    about, (base, _, suffix) = run.about, run.method.partition("(")
    if ".py:" in base:  # a method given as a file is not looked up: that would execute a file that a result names
        return run.method, ""
    name = " + ".join(_title(part, about) for part in base.split("+"))
    if about.get("task") and about.get("length"):
        tasks = ", ".join(task.strip().removeprefix("seal_").replace("_", " ") for task in str(about["task"]).split(","))
        return name, f"tuned on {tasks} at {about['length']:,}" if isinstance(about["length"], int) else f"tuned on {tasks}"
    return name, suffix.removesuffix(")")


def _title(part: str, about: dict[str, object]) -> str:
    try:
        title = get_method(part).title or part
    except SealError:  # not installed where the site is built
        return part
    kind = KINDS.get(str(about.get("granularity"))) if part == "seal" else None
    return f"{title}-{kind}" if kind else title


def shown_settings(run: Run) -> list[tuple[str, str]]:
    """(setting, value) of a run's method; a default that stands for a part of the model's window has that in tokens behind it."""
    recorded = run.config.get("seal_eval", {})
    tokens: dict[str, object] = {}
    if ".py:" not in run.method and isinstance(trained := recorded.get("trained_window"), int):  # a file that a result names is not run
        try:
            # keys with a dot are those of a composition, written as its parts' own
            tokens = take_method({"method": recorded.get("method", "plain"), **run.settings})[1].resolved(trained)
        except (SealError, TypeError):  # not installed where the site is built, or of another version
            tokens = {}
    values = {key: (value, tokens.get(key, value)) for key, value in run.settings.items()}
    return [(key, str(value) if value == meant else f"{value} ({meant:,} tokens)") for key, (value, meant) in values.items()]


def board_names(runs: Iterable[Run]) -> dict[str, tuple[str, str]]:
    """The name and detail of each method of one board, by its label; two that would look the same show their labels as details."""
    newest = {run.method: shown_name(run) for run in runs}
    several = Counter(newest.values())
    return {method: shown if several[shown] == 1 else (shown[0], method) for method, shown in newest.items()}


def addresses(names: Iterable[str]) -> dict[str, str]:
    """An address for each name, of letters, digits and hyphens. It depends on the name alone, unless two names would have the same."""
    plain = {name: re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:80] or "method" for name in names}
    several = Counter(plain.values())
    return {name: text if several[text] == 1 else f"{text}-{_hash(name)}" for name, text in plain.items()}


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:8]
