"""Split a model's runs into groups whose methods answered the same cells, for example within and beyond the window."""

from collections import defaultdict
from dataclasses import replace

from seal_eval.core.types import Run, TaskLength
from seal_eval.results.numbers import size
from seal_eval.results.records import models

GAP = " · "  # between a model's name and its group's
Group = tuple[frozenset[str], int]  # the methods that answered a cell, and the number of the prompt set (see `_prompt_sets`)


def comparable_groups(runs: list[Run]) -> list[Run]:
    """Return the runs in their order; if a model's methods answered different cells, the group is added to the model's name.

    Cells that were answered by the same methods form a comparable group: every method of a group answered all of it, and no cell is left
    out. If a cell was run with two sets of prompts (for example with more questions per record), each set counts as a cell. A model is not
    split when a cell has only one method or a run is in two groups. Then a sample is missing, and pairing will name it.
    """
    names: dict[str, str] = {}  # run id → model name with its group
    for model in models(runs):
        methods: defaultdict[tuple[TaskLength, int], set[str]] = defaultdict(set)  # (cell, prompt set) → methods
        cells_of_run: defaultdict[str, set[tuple[TaskLength, int]]] = defaultdict(set)
        for cell, prompt_sets in _prompt_sets([run for run in runs if run.model == model]).items():
            for number, runs_of_set in enumerate(prompt_sets):
                for run in runs_of_set:
                    methods[cell, number].add(run.method)
                    cells_of_run[run.run_id].add((cell, number))
        group_of_cell = {place: (frozenset(answered_by), place[1]) for place, answered_by in methods.items()}
        groups: defaultdict[Group, set[TaskLength]] = defaultdict(set)
        for (cell, _), group in group_of_cell.items():
            groups[group].add(cell)
        groups_of_run = {run_id: {group_of_cell[place] for place in places} for run_id, places in cells_of_run.items()}
        alone = any(len(group_methods) < 2 for group_methods, _ in groups)
        if len(groups) < 2 or alone or any(len(run_groups) > 1 for run_groups in groups_of_run.values()):
            continue
        labels = _labels(groups)
        names |= {run_id: f"{model}{GAP}{labels[next(iter(run_groups))]}" for run_id, run_groups in groups_of_run.items()}
    return [replace(run, model=names.get(run.run_id, run.model)) for run in runs]


def _prompt_sets(runs: list[Run]) -> dict[TaskLength, list[list[Run]]]:
    """Cell → its runs, grouped: runs that have a prompt in common, directly or through others, are in one group; the oldest first."""
    sets: defaultdict[TaskLength, list[tuple[set[str], list[Run]]]] = defaultdict(list)
    for run in runs:
        hashes: defaultdict[TaskLength, set[str]] = defaultdict(set)
        for record in run.records:
            hashes[record.task, record.length].add(record.prompt_hash)
        for cell, prompts in hashes.items():
            overlapping = [known for known in sets[cell] if known[0] & prompts]
            merged = (prompts.union(*(known[0] for known in overlapping)), [r for known in overlapping for r in known[1]] + [run])
            position = sets[cell].index(overlapping[0]) if overlapping else len(sets[cell])
            sets[cell] = [known for known in sets[cell] if known not in overlapping]
            sets[cell].insert(position, merged)
    return {cell: [members for _, members in known] for cell, known in sets.items()}


def _labels(groups: dict[Group, set[TaskLength]]) -> dict[Group, str]:
    """Distinct labels: the lengths; if groups share these, tasks and lengths; if they share those too, a number as well."""
    lengths = {group: _range(cells) for group, cells in groups.items()}
    if len(set(lengths.values())) == len(groups):
        return lengths
    tasks = {group: sorted({task for task, _ in cells}) for group, cells in groups.items()}
    labels = {group: f"{', '.join(names) if len(names) < 3 else f'{len(names)} tasks'}, {lengths[group]}" for group, names in tasks.items()}
    if len(set(labels.values())) == len(groups):
        return labels
    return {group: f"{label}, {number}" for number, (group, label) in enumerate(labels.items(), 1)}


def _range(cells: set[TaskLength]) -> str:
    """The shortest and the longest length in tokens; in the tasks' units if none is in tokens; 'all' if there are no lengths."""
    sizes = {size(n, task): n for task, n in cells if n is not None}
    tokens = {text: n for text, n in sizes.items() if text.replace(",", "").isdecimal()}
    ascending = sorted(tokens or sizes, key=(tokens or sizes).__getitem__)
    ends = "–".join(dict.fromkeys((ascending[0], ascending[-1]))) if ascending else "all"
    return f"{ends} tokens" if tokens else ends
