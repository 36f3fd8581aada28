"""Upload an adapter or a folded checkpoint to the Hugging Face hub, with what was measured of it."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seal_eval.core.errors import SealError, first_line
from seal_eval.core.files import CARD, read_object, read_text, sha256
from seal_eval.core.folders import LOCK
from seal_eval.core.settings import key_values
from seal_eval.core.types import Run
from seal_eval.leaderboard.submissions import scrubbed
from seal_eval.results.compare import compare
from seal_eval.results.comparison import Comparison
from seal_eval.results.numbers import p_text, percent, size
from seal_eval.results.paired import paired_scores_of
from seal_eval.results.records import load_runs
from seal_eval.tuning.model_card import README, adapter_readme, checkpoint_readme, compared

ADAPTER, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
RESULTS = ".eval_results/seal-eval.yaml"
Content = bytes | Path


def files_of(folder: Path, base_model: str = "", results: Path | None = None, dataset: str = "") -> dict[str, Content]:
    """What `push` uploads of a folder: path in the repository → content. Absolute paths in cards are cut to their last part.

    base_model: hub id of the base model, in place of the one that the folder names. results: folder with runs of the adapter and of the
    method it was tuned on; their comparison is added to the README. dataset: hub id of a benchmark's data set, under which the hub is told
    the accuracies. Raises SealError for a folder that seal-eval has not written, a base model that others do not have, and results without
    runs of the adapter.
    """
    if not (folder / CARD).is_file():
        raise SealError(f"{folder} holds no {CARD}; push a folder that seal-eval tune or seal-eval merge has written")
    is_adapter = (folder / ADAPTER).is_file()
    for name, value in (("base-model", base_model), ("dataset", dataset)):
        if value and not HUB_ID.fullmatch(value):
            raise SealError(f"--{name} {value!r} is no id on the hub; write it as OWNER/NAME")
    if not is_adapter and results:
        raise SealError(f"{folder} is no adapter; --results is for adapters")
    if dataset and not results:
        raise SealError("--dataset lists the accuracies of --results; pass both")
    files: dict[str, Content] = {
        file.relative_to(folder).as_posix(): file for file in sorted(folder.rglob("*")) if file.is_file() and file.name != LOCK
    }
    card = read_object(folder / CARD)
    config = read_object(folder / ADAPTER) if is_adapter else {}
    named = str((config.get("base_model_name_or_path") if is_adapter else card.get("base_model")) or "")
    base = base_model or named
    if not HUB_ID.fullmatch(base) or Path(base).exists():
        raise SealError(f"{folder} names its base model {named!r}, which others do not have; name it on the hub: --base-model OWNER/NAME")
    if is_adapter:
        files[ADAPTER] = _json(scrubbed(config | {"base_model_name_or_path": base}))
    readme = adapter_readme if is_adapter else checkpoint_readme
    written = read_text(folder / README) if (folder / README).is_file() else ""
    as_made = written in ("", readme(card, named))
    text = readme(scrubbed(card), base) if as_made else renamed(written, named, base)
    if results:
        found = measured(results, sha256(folder / WEIGHTS), card)
        text = text.rstrip() + "\n\n" + _table(*found)
        if dataset:
            files[RESULTS] = _entries(*found, dataset)
    files[README] = text.encode()
    files[CARD] = _json(scrubbed(card if is_adapter else card | {"base_model": base}))
    return files


def renamed(text: str, named: str, base: str) -> str:
    """The text of an edited README with the base model's id in place of its name here, not inside longer names, ids and paths."""
    return re.sub(rf"(?<![\w./-]){re.escape(named)}(?![\w-]|\.\w)", lambda _: base, text) if named else text


def measured(results: Path, digest: str, card: dict[str, Any]) -> tuple[Comparison, str, Run]:
    """(the comparison of an adapter's runs with those without it, the method's name in it, its newest run).

    digest: SHA-256 of the adapter's weights. card: its card, which says on which method it was tuned, and so what is compared.
    """
    runs = load_runs(results)
    without, with_it = compared(card)
    own = [run for run in runs if run.about.get("adapter_sha256") == digest and _is(run, with_it)]
    if not own:
        raise SealError(
            f"{results} holds no run of this adapter with method={with_it}; run it with method={with_it},adapter=FOLDER, and run "
            f"method={without} too"
        )
    run = own[-1]
    bare = [other for other in runs if other.model == run.model and _is(other, without)]
    if not bare:
        raise SealError(
            f"{results} holds no {without} run of {run.model}, so nothing says what the adapter gains; run method={without} too"
        )
    both = [other for other in runs if other.model == run.model and other.method in (run.method, bare[-1].method)]
    return compare(paired_scores_of(both, run.model, bare[-1].method)), run.method, run


def _is(run: Run, method: str) -> bool:
    """Whether a run is of a method with settings, as 'yarn,factor=4'; a setting that the text leaves out may have any value."""
    name, _, settings = method.partition(",")
    asked = key_values("method", settings) if settings else {}
    first = name.partition("+")[0]
    return (run.config.get("seal_eval") or {}).get("method") == name and all(
        run.settings.get(key, run.settings.get(f"{first}.{key}")) == value for key, value in asked.items()
    )


def _table(found: Comparison, method: str, run: Run) -> str:
    """A README section with the comparison, cell by cell."""
    rows = [f"| task | length | {found.baseline} | {method} | difference, points | p | n |", "|---|---|---|---|---|---|---|"]
    plain = {(row.task, row.length): row.accuracy for row in found.of("cell") if row.method == found.baseline}
    for row in found.of("cell"):
        before = plain.get((row.task, row.length))
        if row.method == method and row.accuracy and row.difference and before:
            cells = (
                row.task or "", size(row.length, row.task), percent(before), percent(row.accuracy), percent(row.difference, sign=True),
                p_text(row.p_adjusted), str(row.accuracy.n),
            )  # fmt: skip
            rows.append(f"| {' | '.join(cells)} |")
    asked = f"Measured with seal-eval {run.versions.get('seal-eval', '')} on {run.utc[:10]}, {run.hardware}."
    return "\n".join(
        ["## What it gains", "", *rows, "", f"{asked} {found.sentence} p: Benjamini-Hochberg over the rows. Intervals at 95 %.", ""]
    )


def _entries(found: Comparison, method: str, run: Run, dataset: str) -> bytes:
    """The accuracies as the hub lists evaluation results: https://huggingface.co/docs/hub/eval-results."""
    import yaml
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

    entries = []
    for row in found.of("cell"):
        if row.method == method and row.accuracy:
            e = row.accuracy
            notes = f"{method}; {100 * e.level:g} % interval {100 * e.low:.1f} to {100 * e.high:.1f}, n = {e.n}"
            task = f"{row.task}_{'any' if row.length is None else row.length}"
            entries.append(EvalResultEntry(dataset, task, round(100 * e.value, 1), date=run.utc, notes=notes))
    return str(yaml.safe_dump(eval_result_entries_to_yaml(entries), sort_keys=False, allow_unicode=True)).encode()


def push(files: dict[str, Content], repo: str, private: bool, message: str) -> str:
    """Upload files to a model repository on the hub, which is made if it is not there; return the commit's address.

    Earlier versions stay in the repository's history. Raises SealError in one line when the hub refuses or cannot be reached.
    """
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    # the bases of the hub's error are any error of its HTTP library, and OSError
    failures: tuple[Any, ...] = (*HfHubHTTPError.__bases__, OfflineModeIsEnabled, ValueError)
    operations: Sequence[Any] = [CommitOperationAdd(path, content) for path, content in files.items()]
    try:
        api = HfApi()
        api.create_repo(repo, private=private, exist_ok=True)
        return str(api.create_commit(repo, operations, commit_message=message).commit_url)
    except failures as error:
        raise SealError(
            f"{repo} was not pushed: {first_line(error)}; check the name, and log in with hf auth login, or set HF_TOKEN to a token that "
            "may write"
        ) from error


def check_repo(repo: str) -> None:
    """Raise SealError unless a name is OWNER/NAME."""
    if not HUB_ID.fullmatch(repo):
        raise SealError(f"repository {repo!r} is no id on the hub; write it as OWNER/NAME")


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
