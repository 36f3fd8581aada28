"""Labels that distinguish runs of one method with different settings. The only place where the methods of runs get their names."""

import hashlib
import json
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

from seal_eval.core.types import Run
from seal_eval.results.conditions import given, loaded

LONGEST_PART = 40  # characters of one setting in a label
LONGEST = 120  # characters of a label
HASHED = {"adapter": "adapter_sha256", "heads": "heads_sha256"}  # setting that names a folder → what a method tells of its content


def label_runs(runs: list[Run]) -> list[Run]:
    """Return the runs; if a model has a method with several settings, the method's name gets the settings that differ as a suffix.

    Two runs of a model have the same label only if their method and all of their settings are the same, those that load the model too.
    """
    variants: dict[str, dict[tuple[str, str], Run]] = defaultdict(dict)  # model → (method, settings key) → first run with them
    for run in runs:
        variants[run.model].setdefault((run.method, _settings_key(run)), run)
    labels = {model: _labels(first) for model, first in variants.items()}
    return [replace(run, method=labels[run.model][run.method, _settings_key(run)]) for run in runs]


def subject(run: Run) -> tuple[str, str, str]:
    """Equal for runs of one model whose method and settings are equal, whatever folder they were read from: see `label_runs`."""
    return run.model, run.method.partition("(")[0], _settings_key(run)


def _settings_key(run: Run) -> str:
    """Equal for runs whose settings are equal and whose models were loaded alike.

    2 and 2.0 are equal, and so are copies of one adapter or of one map of heads, compared by their SHA-256.
    """
    return _plain({**run.settings, **loaded(run), **_hashes(run)})


def _hashes(run: Run) -> dict[str, str]:
    """The SHA-256 of each adapter and map whose hash the run records, by its setting: 'adapter', in a composition 'PART.adapter'."""
    parts, found = run.about.get("parts"), str(run.about.get("adapter_sha256") or "")
    if isinstance(parts, dict):
        told = {
            f"{name}.{key}": about.get(hashed) for name, about in parts.items() if isinstance(about, dict) for key, hashed in HASHED.items()
        }
        if hashes := {key: str(digest) for key, digest in told.items() if digest}:
            return hashes
    if run.about.get("heads_sha256"):
        return {"heads": str(run.about["heads_sha256"])}
    if not found:
        return {}
    # files without `parts` have the hash of the last part alone
    last = [key for part in run.method.split("+") if (key := f"{part}.adapter") in run.settings]
    return {last[-1] if last else "adapter": found}


def _plain(value: Any) -> str:
    """A JSON value as text; equal for equal values, whatever the order of keys and the type of numbers."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{_plain(inner)}" for key, inner in sorted(value.items())) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_plain, value)) + "]"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value)


def _labels(variants: dict[tuple[str, str], Run]) -> dict[tuple[str, str], str]:
    """A distinct label for each (method, settings key) of one model.

    It shows the settings that differ among the runs of the method. A path is shortened to its last part; methods whose labels are then
    equal show it in full, or else the start of their adapter's hash or, without one, of a hash of their settings.
    """
    same_method: dict[str, list[Run]] = defaultdict(list)
    for run in variants.values():
        same_method[run.method].append(run)
    labels = {key: _label(run, same_method[run.method], True) for key, run in variants.items()}
    for method, runs in same_method.items():
        if len({label for (name, _), label in labels.items() if name == method}) < len(runs):
            full = {key: _label(run, runs, False) for key, run in variants.items() if key[0] == method}
            labels |= full if len(set(full.values())) == len(full) else {}
    for digits in (8, 64):
        times = Counter(labels.values())
        labels = {
            key: _label(variants[key], same_method[key[0]], True, _digest(variants[key], digits)) if times[label] > 1 else label
            for key, label in labels.items()
        }
    return labels


def _label(run: Run, variants: list[Run], short: bool, digest: str = "") -> str:
    """The method's name with the settings in which the variants differ, and with a digest."""
    parts = []
    shown, others = given(run) | run.settings, [given(other) | other.settings for other in variants]
    for key, value in sorted(shown.items()):
        if all(key in other and _plain(other[key]) == _plain(value) for other in others):
            continue
        if isinstance(value, str):  # a suite names adapter folders MODEL__NAME: show NAME
            text = Path(value).name.split("__")[-1] or value if short else value
        else:
            text = f"{key}={value if isinstance(value, int | float) else json.dumps(value)}"
        parts.append(_cut(text, LONGEST_PART))
    told = _cut(",".join(parts), LONGEST - len(digest))
    inside = ",".join(part for part in (told, digest) if part)
    return f"{run.method}({inside})" if inside else run.method


def _digest(run: Run, digits: int) -> str:
    """The start of the SHA-256 of the adapter or map or, beyond 8 digits or unless there is one of them, of the settings' one."""
    hashes = list(_hashes(run).values())
    if len(hashes) == 1 and digits == 8:
        return hashes[0][:digits]
    return hashlib.sha256(f"{run.method}{_settings_key(run)}".encode()).hexdigest()[:digits]


def _cut(text: str, most: int) -> str:
    """The text, its middle left out beyond `most` characters."""
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-(most // 2) + 1 :]}"
