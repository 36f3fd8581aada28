"""Tell models apart whose folders have the same name: /ckpt/a/final and /ckpt/b/final are not one model."""

from collections import defaultdict
from dataclasses import replace
from pathlib import PurePath

from seal_eval.core.types import Run
from seal_eval.results.run_files import named_model

Parts = tuple[str, ...]  # of a path, as a run recorded it


def told_apart(runs: list[Run]) -> list[Run]:
    """Return the runs; models of one name whose recorded paths differ get as many of their folders before the name as it takes.

    A path that is the end of another (`final` and `a/final`) may be the same folder and counts as such. So do folders in which
    `seal-eval run` found the same files. The hub's `a/final` and a folder `a--final` are named as they are written.
    """
    of_name: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        of_name[run.model].append(run)
    named: dict[tuple[str, Parts], str] = {}
    for name, own in of_name.items():
        places = _places(own)
        if len(places) > 1:
            # names may also be alike only where letters are replaced that no file name should have: then all of a path is shown
            longest = max(map(len, places))
            k = next((n for n in range(2, longest) if len({place[-n:] for place in places}) == len(places)), longest)
            labels = {place: "--".join(place[-k:]) for place in places}
            if len(set(labels.values())) < len(labels):
                labels = {place: "/".join(place) for place in places}
            named |= {(name, part): labels[place] for place, same in places.items() for part in same}
    return [replace(run, model=named.get((run.model, _path(run)), run.model)) for run in runs]


def _path(run: Run) -> Parts:
    return tuple(part for part in PurePath(named_model(run.config)).parts if part not in ("/", "."))


def _places(runs: list[Run]) -> dict[Parts, set[Parts]]:
    """The longest path of each folder → its paths as the runs recorded them."""
    content = {_path(run): (run.config.get("seal_eval") or {}).get("model_content") for run in runs}
    found: dict[Parts, set[Parts]] = {}
    for path in sorted(content, key=len, reverse=True):
        same = [
            place
            for place, others in found.items()
            if place[len(place) - len(path) :] == path or any(content[path] and content[path] == content[other] for other in others)
        ]
        found[same[0] if same else path] = {path}.union(*(found.pop(place) for place in same))
    return found
