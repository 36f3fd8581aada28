"""Boards of a model whose methods were not all asked the same: within its window and beyond it, say."""

from collections import defaultdict
from dataclasses import replace

from seal_eval.core.types import Run, TaskLength
from seal_eval.results.numbers import size
from seal_eval.results.records import models

GAP = " · "  # between a model's name and its track's
Track = tuple[frozenset[str], int]  # methods, which asking of the cell


def comparable_groups(runs: list[Run]) -> list[Run]:
    """The runs, in their order; where a model's methods answered different cells, the model is named with its track.

    Cells that the same methods answered are a track, so that nothing is left out and every method of a track answered all of it. A cell
    that was asked twice with other prompts (more questions on a record, say) is two. A model is left whole when a cell has one method
    only, or a run lies in two tracks: there a sample is missing, and pairing will name it.
    """
    names: dict[str, str] = {}  # run id → name of its track
    for model in models(runs):
        mine = [run for run in runs if run.model == model]
        asked: defaultdict[tuple[TaskLength, int], set[str]] = defaultdict(set)
        places: defaultdict[str, set[tuple[TaskLength, int]]] = defaultdict(set)  # run id → its cells
        for one, askings in _askings(mine).items():
            for number, same in enumerate(askings):
                for run in same:
                    asked[one, number].add(run.method)
                    places[run.run_id].add((one, number))
        of_cell = {place: (frozenset(methods), place[1]) for place, methods in asked.items()}
        tracks: defaultdict[Track, set[TaskLength]] = defaultdict(set)
        for (one, _), track in of_cell.items():
            tracks[track].add(one)
        of_run = {run_id: {of_cell[place] for place in cells} for run_id, cells in places.items()}
        if len(tracks) < 2 or any(len(methods) < 2 for methods, _ in tracks) or any(len(found) > 1 for found in of_run.values()):
            continue
        labels = _labels(tracks)
        names |= {run_id: f"{model}{GAP}{labels[next(iter(found))]}" for run_id, found in of_run.items()}
    return [replace(run, model=names.get(run.run_id, run.model)) for run in runs]


def _askings(runs: list[Run]) -> dict[TaskLength, list[list[Run]]]:
    """Each cell's runs, those together that have a prompt in common; the oldest first."""
    found: defaultdict[TaskLength, list[tuple[set[str], list[Run]]]] = defaultdict(list)
    for run in runs:
        prompts: defaultdict[TaskLength, set[str]] = defaultdict(set)
        for record in run.records:
            prompts[record.task, record.length].add(record.prompt_hash)
        for one, own in prompts.items():
            joined = [group for group in found[one] if group[0] & own]
            merged = (own.union(*(group[0] for group in joined)), [r for group in joined for r in group[1]] + [run])
            at = found[one].index(joined[0]) if joined else len(found[one])
            found[one] = [group for group in found[one] if group not in joined]
            found[one].insert(at, merged)
    return {one: [together for _, together in groups] for one, groups in found.items()}


def _labels(tracks: dict[Track, set[TaskLength]]) -> dict[Track, str]:
    """Lengths where they tell the tracks apart, else tasks and lengths, else a number too."""
    lengths = {key: _range(cells) for key, cells in tracks.items()}
    if len(set(lengths.values())) == len(tracks):
        return lengths
    tasks = {key: sorted({task for task, _ in cells}) for key, cells in tracks.items()}
    found = {key: f"{', '.join(names) if len(names) < 3 else f'{len(names)} tasks'}, {lengths[key]}" for key, names in tasks.items()}
    if len(set(found.values())) == len(tracks):
        return found
    return {key: f"{label}, {number}" for number, (key, label) in enumerate(found.items(), 1)}


def _range(cells: set[TaskLength]) -> str:
    """The lengths in tokens, or what else there is."""
    sizes = {size(n, task): n for task, n in cells if n is not None}
    tokens = {text: n for text, n in sizes.items() if text.replace(",", "").isdecimal()}
    found = sorted(tokens or sizes, key=(tokens or sizes).__getitem__)
    ends = "–".join(dict.fromkeys((found[0], found[-1]))) if found else "all"
    return f"{ends} tokens" if tokens else ends
