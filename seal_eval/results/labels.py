"""Labels that distinguish runs of one method with different settings."""

import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from seal_eval.core.types import Run


def label_runs(runs: list[Run]) -> list[Run]:
    """Return the runs; if a model has a method with several settings, the method's name gets the settings that differ as a suffix."""
    variants: dict[tuple[str, str], dict[str, Run]] = defaultdict(dict)  # (model, method) → settings key → first run with them
    for run in runs:
        variants[run.model, run.method].setdefault(_settings_key(run), run)
    labels = {name: dict(zip(first, _labels(list(first.values())), strict=True)) for name, first in variants.items()}
    return [replace(run, method=labels[run.model, run.method][_settings_key(run)]) for run in runs]


def _settings_key(run: Run) -> str:
    """Equal for runs whose settings are equal. 2 and 2.0 are equal, and so are copies of one adapter, compared by their SHA-256."""
    settings = {key: float(v) if isinstance(v, int) and not isinstance(v, bool) else v for key, v in run.settings.items()}
    if run.about.get("adapter_sha256"):
        settings["adapter"] = run.about["adapter_sha256"]
    return json.dumps(settings, sort_keys=True)


def _labels(variants: list[Run]) -> list[str]:
    """A distinct label for each variant of one method: the settings that differ.

    A path is shortened to its last part; if the labels are then equal, it is shown in full; if still equal, the adapter's hash is added.
    """
    if len(variants) == 1:
        return [variants[0].method]

    def label(run: Run, short: bool, hashed: bool) -> str:
        differing = {key: value for key, value in sorted(run.settings.items()) if any(v.settings.get(key) != value for v in variants)}
        # a suite names adapter folders MODEL__NAME: show NAME
        parts = [(Path(v).name.split("__")[-1] if short else v) if isinstance(v, str) else f"{key}={v}" for key, v in differing.items()]
        parts += [str(run.about["adapter_sha256"])[:8]] * (hashed and "adapter_sha256" in run.about)
        return f"{run.method}({','.join(parts)})" if parts else run.method

    for short, hashed in ((True, False), (False, False)):
        labels = [label(run, short, hashed) for run in variants]
        if len(set(labels)) == len(labels):
            return labels
    return [label(run, True, True) for run in variants]
