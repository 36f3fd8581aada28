"""Names that tell runs of one method apart."""

import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from seal_eval.core.types import Run


def label_runs(runs: list[Run]) -> list[Run]:
    """Give runs of one model and method name but other settings a suffix with the settings that differ."""
    kinds: dict[tuple[str, str], dict[str, Run]] = defaultdict(dict)
    for run in runs:
        kinds[run.model, run.method].setdefault(_kind(run), run)
    labels = {key: dict(zip(found, _labels(list(found.values())), strict=True)) for key, found in kinds.items()}
    return [replace(run, method=labels[run.model, run.method][_kind(run)]) for run in runs]


def _kind(run: Run) -> str:
    """What makes two runs of a method one: equal settings, and an adapter of the same bytes, wherever it lies."""
    plain = {key: float(value) if isinstance(value, int) and not isinstance(value, bool) else value for key, value in run.settings.items()}
    if run.about.get("adapter_sha256"):
        plain["adapter"] = run.about["adapter_sha256"]
    return json.dumps(plain, sort_keys=True)


def _labels(kinds: list[Run]) -> list[str]:
    """A name for each kind of one method: the settings that differ, a path being its last part, more of it where that is not enough."""
    if len(kinds) == 1:
        return [kinds[0].method]

    def label(run: Run, short: bool, hashed: bool) -> str:
        own = {key: value for key, value in sorted(run.settings.items()) if any(other.settings.get(key) != value for other in kinds)}
        # of a path a suite's MODEL__NAME is the name
        told = [(Path(v).name.split("__")[-1] if short else v) if isinstance(v, str) else f"{key}={v}" for key, v in own.items()]
        told += [str(run.about["adapter_sha256"])[:8]] * (hashed and "adapter_sha256" in run.about)
        return f"{run.method}({','.join(told)})" if told else run.method

    for short, hashed in ((True, False), (False, False)):
        found = [label(run, short, hashed) for run in kinds]
        if len(set(found)) == len(found):
            return found
    return [label(run, True, True) for run in kinds]
