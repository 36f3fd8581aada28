"""`seal-eval quickstart`: every step on a small real model, from download to site. Finished steps are not repeated."""

import contextlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from seal_eval.core.errors import SealError
from seal_eval.core.files import CARD, read_json, read_object, write_json
from seal_eval.core.folders import LOCK, only_writer
from seal_eval.core.names import safe
from seal_eval.harness.run import run
from seal_eval.models.hub import content, resolve
from seal_eval.models.loading import faster_dtype
from seal_eval.results.compare import compare
from seal_eval.results.comparison import Comparison
from seal_eval.results.numbers import p_equals, percent
from seal_eval.results.paired import paired_scores_of
from seal_eval.results.records import by_method, load_runs
from seal_eval.results.tables import show
from seal_eval.tuning.config import TuneSpec
from seal_eval.tuning.tune import forgetting_line, tune

PLAN = "plan.json"  # in the output folder


@dataclass(frozen=True)
class Plan:
    """What the quick start does. It is saved in the output folder, so that a second call continues the same plan."""

    model: str = "smollm2-135m-instruct"
    headline_length: int = 600  # tokens; the printed result is for this length of the first task
    # (task, lengths, samples per length, further settings of the task)
    evaluations: tuple[tuple[str, tuple[int, ...], int, dict[str, int]], ...] = (
        ("seal_lines", (600, 1200), 60, {"questions_per_record": 5}),
    )
    # half as many records as in the recipe, of half the length of its measurements, so that it is over sooner
    tuning: TuneSpec = field(
        default_factory=lambda: TuneSpec(task="seal_lines:600,seal_lines:1200", samples=12, lr=0.04, dtype=faster_dtype())
    )
    dtype: str = field(default_factory=lambda: faster_dtype())  # of the weights while evaluating
    seed: int = 0


def quickstart(out: Path, plan: Plan | None = None) -> dict[str, Any]:
    """Download a model, evaluate it plain, tune SEAL, evaluate SEAL, compare, write the site.

    Returns the printed estimates (plain, seal, difference), the perplexity ratio and the page's path. Raises SealError when `out` holds
    another plan or other files, or another process is writing to it.
    """
    from seal_eval.leaderboard.build import build

    os.environ.setdefault("LMEVAL_LOG_LEVEL", "ERROR")  # lm-eval recommends a chat template, which this plan does without on purpose
    with only_writer(out):
        _refuse_foreign(out)
        plan = plan or _plan_for(out)
        results, adapter = out / "results", out / "adapter"
        with _step(1, f"model {plan.model}"):
            print(resolve(plan.model))
            _keep_plan(out, plan)
        with _step(2, "evaluate plain"):
            _evaluate(plan, results, "plain")
        with _step(3, f"tune SEAL: {plan.tuning.samples} generated records, {plan.tuning.label()}"):
            if (adapter / CARD).is_file():
                card = read_object(adapter / CARD)
                if why := card.get("diverged"):
                    raise SealError(f"{why}; remove {adapter} before you tune again")
                print("already done")
            else:
                card = tune(plan.model, plan.tuning, adapter)
        with _step(4, "evaluate SEAL"):
            _evaluate(plan, results, "seal", adapter=str(adapter))
        with _step(5, "compare"):
            runs = load_runs(results)
            comparison = compare(paired_scores_of(runs, safe(plan.model)))
            show(comparison)
        with _step(6, "site"):
            page = build(results, out / "site")
    return _headline(comparison, plan, card, page)


def _evaluate(plan: Plan, results: Path, method: str, **settings: str) -> None:
    """Run the evaluations of the plan that have no results yet. settings: of the method, as in model_args."""
    # as JSON, because a folder's name may hold a comma
    model_args = json.dumps({"pretrained": plan.model, "dtype": plan.dtype, "method": method, **settings}, ensure_ascii=False)
    records = by_method(load_runs(results), safe(plan.model)).get(method, {}) if any(results.rglob("results_*.json")) else {}
    done = {(r.task, r.length) for r in records.values()}
    for task, lengths, n, task_settings in plan.evaluations:
        if all((task, length) in done for length in lengths):
            print(f"{task} at {', '.join(map(str, lengths))} tokens: already done")
            continue
        metadata = json.dumps({"lengths": lengths, "num_samples": n, "seed": plan.seed, **task_settings})
        asked = ("--model_args", model_args, "--tasks", task, "--metadata", metadata)
        run(["--model", "seal", "--batch_size", "8", *asked, "--output_path", str(results)])


def _headline(comparison: Comparison, plan: Plan, card: dict[str, Any], page: Path) -> dict[str, Any]:
    """Print and return the main result: SEAL against plain on the tuned task, and what tuning costs."""
    task = plan.evaluations[0][0]
    cell = (task, plan.headline_length)
    rows = {row.method: row for row in comparison.of("cell") if (row.task, row.length) == cell}
    plain, seal, gain = rows["plain"].accuracy, rows["seal"].accuracy, rows["seal"].difference
    assert plain and seal and gain
    ratio = card["prose_perplexity_ratio"]
    print(
        f"\nSEAL raises {task} at {plan.headline_length} tokens from {percent(plain)} to {percent(seal)}: "
        f"{percent(gain, sign=True)} points, n = {gain.n}, p {p_equals(gain.p_value)} ({gain.method.partition('; ')[2]})."
    )
    print(f"Cost: {forgetting_line(card)}.")
    print(f"Page: {page}")
    return {"plain": asdict(plain), "seal": asdict(seal), "difference": asdict(gain), "perplexity_ratio": ratio, "page": str(page)}


def _refuse_foreign(out: Path) -> None:
    if not (out / PLAN).is_file() and any(p.name != LOCK for p in out.iterdir()):
        raise SealError(f"{out} is not empty and holds no quick start; name a new folder with --out, nothing is overwritten")


def _plan_for(out: Path) -> Plan:
    """The command's plan, in the types of the plan that `out` already holds: which type is faster is measured, and may change."""
    saved = read_object(out / PLAN) if (out / PLAN).is_file() else {}
    tuned = saved.get("tuning")
    dtype, tuning_dtype = saved.get("dtype"), tuned.get("dtype") if isinstance(tuned, dict) else None
    plan = Plan()
    return replace(plan, dtype=dtype or plan.dtype, tuning=replace(plan.tuning, dtype=tuning_dtype or plan.tuning.dtype))


def _keep_plan(out: Path, plan: Plan) -> None:
    """Save the plan and the model's content in `out`, or check that those saved there are the same."""
    file = out / PLAN
    plan_json = _as_json(plan) | {"content": content(plan.model)}  # other weights under the same name make another plan
    if file.is_file():
        if read_json(file) != plan_json:
            raise SealError(f"{out} holds a quick start with another plan or model ({file}); name a new folder with --out")
    else:
        write_json(file, plan_json)


def _as_json(plan: Plan) -> Any:
    """The plan as it reads back from JSON (tuples become lists)."""
    return json.loads(json.dumps(asdict(plan)))


@contextlib.contextmanager
def _step(number: int, text: str) -> Iterator[None]:
    """Context manager: says which step begins, and how long it took."""
    print(f"\n[{number}/6] {text}", flush=True)
    began = time.monotonic()
    yield
    print(f"[{number}/6] {time.monotonic() - began:.0f} s", flush=True)
