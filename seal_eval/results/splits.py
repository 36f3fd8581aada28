"""Split a model's runs into comparable groups: by prompts that differ, and by the model's window; never because results are missing."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from seal_eval.core.types import Run, TaskLength
from seal_eval.results.absent import suite_of
from seal_eval.results.numbers import size
from seal_eval.results.records import models

GAP = " · "  # between a model's name and its group's


@dataclass
class _Group:
    """Cells that are compared with each other; of a cell with several prompt sets, one of them."""

    beyond: bool  # the window for which the model was trained
    runs: list[Run] = field(default_factory=list)
    cells: set[TaskLength] = field(default_factory=set)
    own: set[tuple[str, TaskLength]] = field(default_factory=set)  # (run id, cell)

    def methods(self, but: Iterable[str] = ()) -> set[str]:
        """The methods of its runs; but: ids of runs that do not count."""
        return {run.method for run in self.runs if run.run_id not in but}


def comparable_groups(runs: list[Run]) -> list[Run]:
    """Return the runs in their order; if a model has several comparable groups, the group is added to the model's name.

    A group holds one set of prompts per cell: two suites that ask other questions about the same cells (for example more per record) are
    two groups. Cells beyond the window for which the model was trained (see `_window`) are another group than those within it, if two
    methods have them. A method that lacks cells of its group stays in it. A model is split only if two groups have two methods each, and
    the plain model if any group has it: else there is nothing to compare with, and where prompts differ, pairing says so. A further
    group of one method does not join the others again, nor does a run that is in two groups: it is cut.
    """
    out: list[Run] = []
    placed: dict[str, list[tuple[str, _Group]]] = defaultdict(list)  # run id → (model name with its group, group)
    for model in models(runs):
        groups = _groups([run for run in runs if run.model == model])
        of_run = Counter(run_id for group in groups for run_id in {run.run_id for run in group.runs})
        spanning = {run_id for run_id, n in of_run.items() if n > 1}
        plain = any("plain" in group.methods() for group in groups)
        sound = [len(ms) > 1 and (not plain or "plain" in ms) for ms in (group.methods(spanning) for group in groups)]
        if sum(sound) < 2 or any(len(group.methods()) > 1 for group, fine in zip(groups, sound, strict=True) if not fine):
            continue
        for group, label in zip(groups, _labels([group.cells for group in groups]), strict=True):
            for run_id in {run.run_id for run in group.runs}:
                placed[run_id].append((f"{model}{GAP}{label}", group))
    for run in runs:
        if len(placed[run.run_id]) < 2:
            out += [replace(run, model=name) for name, _ in placed[run.run_id]] or [run]
            continue
        for name, group in placed[run.run_id]:
            part = tuple(record for record in run.records if (run.run_id, (record.task, record.length)) in group.own)
            out.append(replace(run, model=name, records=part))
    return out


def whole_runs(runs: Iterable[Run]) -> list[Run]:
    """The runs, those that were cut whole again, in the group that comes first."""
    found: dict[str, Run] = {}
    for run in runs:
        first = found.get(run.run_id)
        found[run.run_id] = replace(first, records=first.records + run.records) if first else run
    return list(found.values())


def _groups(runs: list[Run]) -> list[_Group]:
    """The groups of one model's runs, the oldest first.

    Each prompt set of a cell joins the group that has most of its runs, then of its suites, then of its methods, then the oldest; never one
    that holds another prompt set of the cell. Only if there is none, it begins a group. Cells with many prompt sets go first.
    """
    window, groups = _window(runs), list[_Group]()
    sets = _prompt_sets(runs)
    for cell in sorted(sets, key=lambda cell: -len(sets[cell])):
        waiting = list(sets[cell])
        beyond = window is not None and any(r.n_tokens > window for r in waiting[0][0].records if (r.task, r.length) == cell)
        free = [group for group in groups if group.beyond == beyond]
        while waiting:
            if free:
                i, j = max(
                    ((i, j) for i in range(len(waiting)) for j in range(len(free))),
                    key=lambda pair: (*_common(waiting[pair[0]], free[pair[1]].runs), -pair[1], -pair[0]),
                )
                group = free.pop(j)
            else:
                i, group = 0, _Group(beyond)
                groups.append(group)
            members = waiting.pop(i)
            group.runs += members
            group.cells.add(cell)
            group.own |= {(run.run_id, cell) for run in members}
    for lone in [group for group in groups if group.beyond and len({run.method for run in group.runs}) < 2]:
        if host := next((group for group in groups if not group.beyond and not group.cells & lone.cells), None):
            host.runs += lone.runs
            host.cells |= lone.cells
            host.own |= lone.own
            groups.remove(lone)
    order = {run.run_id: i for i, run in enumerate(runs)}
    return sorted(groups, key=lambda group: min(order[run.run_id] for run in group.runs))


def _common(one: Iterable[Run], other: Iterable[Run]) -> tuple[int, int, int]:
    """The number of runs that are in both, of suites, and of methods, that have runs in both."""
    a, b = list(one), list(other)
    ids, methods = {run.run_id for run in a} & {run.run_id for run in b}, {run.method for run in a} & {run.method for run in b}
    suites = {suite_of(run).get("name") for run in a} & {suite_of(run).get("name") for run in b} - {None}
    return len(ids), len(suites), len(methods)


def _window(runs: list[Run]) -> int | None:
    """The window in tokens for which the model was trained, as the runs record it; None if none does.

    Runs of earlier versions record only the window that they had: of those, the plain model's counts, unless the run sets max_length. If
    runs disagree, most of them decide.
    """
    votes: Counter[int] = Counter()
    for run in runs:
        own = run.config.get("seal_eval") or {}
        args = run.config.get("model_args")
        chosen = "max_length" in (args if isinstance(args, dict) else str(args))
        had = own.get("max_length") if run.method == "plain" and not chosen else None
        if window := own.get("trained_window") or had:
            votes[window] += 1
    return votes.most_common(1)[0][0] if votes else None


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


def _labels(groups: list[set[TaskLength]]) -> list[str]:
    """Distinct labels: the lengths; if groups share these, tasks and lengths; if they share those too, a number as well."""
    lengths = [_range(cells) for cells in groups]
    if len(set(lengths)) == len(groups):
        return lengths
    tasks = [sorted({task for task, _ in cells}) for cells in groups]
    labels = [
        f"{', '.join(names) if len(names) < 3 else f'{len(names)} tasks'}, {length}" for names, length in zip(tasks, lengths, strict=True)
    ]
    if len(set(labels)) == len(groups):
        return labels
    return [f"{label}, {number}" for number, label in enumerate(labels, 1)]


def _range(cells: set[TaskLength]) -> str:
    """The shortest and the longest length in tokens; in the tasks' units if none is in tokens; 'all' if there are no lengths."""
    sizes = {size(n, task): n for task, n in cells if n is not None}
    tokens = {text: n for text, n in sizes.items() if text.replace(",", "").isdecimal()}
    ascending = sorted(tokens or sizes, key=(tokens or sizes).__getitem__)
    ends = "–".join(dict.fromkeys((ascending[0], ascending[-1]))) if ascending else "all"
    return f"{ends} tokens" if tokens else ends
