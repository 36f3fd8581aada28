"""Whether runs of one model's name had one model: by its source, its weights and its files, as far as two runs both record them."""

from collections.abc import Iterator
from itertools import combinations
from typing import Any

from seal_eval.core.errors import SealError
from seal_eval.core.names import visible
from seal_eval.core.types import Run
from seal_eval.models.hub import flat
from seal_eval.models.weight_files import FINGERPRINT
from seal_eval.results.run_files import model_args_of

PLACES = ("model", "base_model")  # keys of a source that name where the base model was; it may have been moved
FILES, COMMIT = "other files", "another commit on the hub"


def check_sources(runs: list[Run]) -> None:
    """Raise SealError when two runs took a model of one name from different sources, or its files held something else."""
    for earlier, run in _pairs(runs):
        ours, theirs = _source(earlier), _source(run)
        shared = ours.keys() & theirs.keys()
        if FINGERPRINT in shared and ours[FINGERPRINT] == theirs[FINGERPRINT]:
            shared -= {*PLACES}
        differ = [key for key in (*ours, *theirs) if key in shared and ours[key] != theirs[key]]
        if ours and theirs and not ours.keys() & theirs.keys():  # sources of two kinds
            differ = [*ours, *theirs]
        contents = [(run.config.get("seal_eval") or {}).get("model_content") for run in (earlier, run)]
        if not differ and all(contents) and contents[0] != contents[1] and not _known(ours, theirs):
            differ, ours, theirs = ["content"], {"content": contents[0]}, {"content": contents[1]}
        if differ:
            raise SealError(
                f"{run.model} came from {_place(ours, differ)} in run {earlier.run_id} and from {_place(theirs, differ)} in run "
                f"{run.run_id}; its weights may differ: run one of them again with the other's model, or under another name"
            )


def other_files(runs: list[Run]) -> list[str]:
    """A sentence for each model whose weights are known to be the same in all runs, and whose other files differ; and for other commits,
    and for runs that cannot be compared in this."""
    found = []
    for earlier, run in _pairs(runs):
        for key, what in (("model_content", FILES), ("model_sha", COMMIT)):
            ours, theirs = ((one.config if key == "model_sha" else one.config.get("seal_eval") or {}).get(key) for one in (earlier, run))
            if ours and theirs and ours != theirs and _revision(earlier) == _revision(run):
                why = "its configuration or tokenizer may differ" if what == FILES else "its weights may differ"
                found.append(f"{run.model} has {what} in run {run.run_id} than in run {earlier.run_id}; {why}.")
                break
        else:
            if not _comparable(earlier, run):
                found.append(
                    f"{run.model} may be another model in run {run.run_id} than in run {earlier.run_id}; "
                    "they record nothing in common of its files or of where it came from."
                )
    return list({text.partition(" in run ")[0]: text for text in reversed(found)}.values())


def _pairs(runs: list[Run]) -> Iterator[tuple[Run, Run]]:
    """Two runs of each two records of one model that differ."""
    kinds: dict[tuple[str, str], Run] = {}
    for run in runs:
        own = run.config.get("seal_eval") or {}
        said = own.get("model_source"), own.get("model_content"), run.config.get("model_sha"), _revision(run)
        kinds.setdefault((run.model, repr(said)), run)
    return ((one, other) for one, other in combinations(kinds.values(), 2) if one.model == other.model)


def _source(run: Run) -> dict[str, Any]:
    """Where the run's model came from, as its results say it."""
    source = (run.config.get("seal_eval") or {}).get("model_source") or {}
    return dict(flat(source)) if isinstance(source, dict) else {"source": source}


def _comparable(earlier: Run, run: Run) -> bool:
    """Whether two runs of our engine both record the model's source, or both what its files held. Others record no more than its name."""
    own = [one.config.get("seal_eval") for one in (earlier, run)]
    if not all(own):
        return True
    return bool(_source(earlier) and _source(run)) or all((one or {}).get("model_content") for one in own)


def _known(ours: dict[str, Any], theirs: dict[str, Any]) -> bool:
    """Whether equal sources name the same weights: their fingerprint, the commit or the file that they were pulled from."""
    return any(key in ours and ours[key] == theirs.get(key) for key in (FINGERPRINT, "revision", "sha256"))


def _revision(run: Run) -> str:
    return str(model_args_of(run.config).get("revision") or "")


def _place(source: dict[str, Any], keys: list[str]) -> str:
    """Where a model came from, on one line; the source is as the results file says it."""
    parts = [f"{key[:40]}={str(source[key])[:100]}" for key in dict.fromkeys(keys) if key in source]
    return " ".join(visible(", ".join(parts[:8])).split())
