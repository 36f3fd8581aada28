"""Boards of a model whose methods were not all asked the same: within its window and beyond it, say."""

from collections import defaultdict
from dataclasses import replace

from seal_eval.reading import size
from seal_eval.records import models
from seal_eval.types import Record, Run

GAP = " · "  # between a model's name and its track's
Cell = tuple[str, int | None]  # task, length


def in_tracks(runs: list[Run]) -> list[Run]:
    """The runs, in their order; where a model's methods answered different cells, the model is named with its track.

    Cells that the same methods answered are a track, so that nothing is left out and every method of a track answered all of it. A
    model is left whole when a cell has one method only, or a run lies in two tracks: there a sample is missing, and pairing will name it.
    """
    names: dict[str, str] = {}  # run id → name of its track
    for model in models(runs):
        mine = [run for run in runs if run.model == model]
        asked: defaultdict[Cell, set[str]] = defaultdict(set)
        for run in mine:
            for record in run.records:
                asked[cell(record)].add(run.method)
        tracks: defaultdict[frozenset[str], set[Cell]] = defaultdict(set)
        for one, methods in asked.items():
            tracks[frozenset(methods)].add(one)
        of_run = {run.run_id: {frozenset(asked[cell(record)]) for record in run.records} for run in mine}
        if len(tracks) < 2 or any(len(methods) < 2 for methods in tracks) or any(len(found) > 1 for found in of_run.values()):
            continue
        labels = _labels(tracks)
        names |= {run_id: f"{model}{GAP}{labels[next(iter(found))]}" for run_id, found in of_run.items()}
    return [replace(run, model=names.get(run.run_id, run.model)) for run in runs]


def cell(record: Record) -> Cell:
    """Where a record belongs."""
    return record.task, record.length


def _labels(tracks: dict[frozenset[str], set[Cell]]) -> dict[frozenset[str], str]:
    """Lengths where they tell the tracks apart, else tasks and lengths."""
    lengths = {key: _range(cells) for key, cells in tracks.items()}
    if len(set(lengths.values())) == len(tracks):
        return lengths
    return {key: f"{', '.join(sorted({task for task, _ in cells}))}, {lengths[key]}" for key, cells in tracks.items()}


def _range(cells: set[Cell]) -> str:
    """The lengths in tokens, or what else there is."""
    sizes = {size(n, task): n for task, n in cells if n is not None}
    tokens = {text: n for text, n in sizes.items() if text.replace(",", "").isdecimal()}
    found = sorted(tokens or sizes, key=(tokens or sizes).__getitem__)
    ends = "–".join(dict.fromkeys((found[0], found[-1]))) if found else "all"
    return f"{ends} tokens" if tokens else ends
