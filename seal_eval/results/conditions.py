"""What besides the method decides a run's replies: how the model was loaded, and how replies were generated."""

from collections.abc import Sequence
from typing import Any

from seal_eval.core.names import CHANGES_WEIGHTS, visible
from seal_eval.core.types import Run
from seal_eval.results.run_files import STOCK_SETTINGS, model_args_of

UNKNOWN = (None, "", "auto")  # a data type that the run does not say
TRUTH = {"True": True, "False": False}  # model_args of some versions are text
SHOWN = 60  # characters of a value in a sentence


def given(run: Run) -> dict[str, Any]:
    """The model_args that change the model, of any engine. An adapter of a stock engine is its method, which is named after it."""
    ours = (run.config.get("seal_eval") or {}).get("method")
    kept = [key for key in STOCK_SETTINGS if ours or key not in CHANGES_WEIGHTS]
    return {key: value for key, value in model_args_of(run.config).items() if key in kept}


def loaded(run: Run) -> dict[str, Any]:
    """`given` as it took effect: without what changes nothing, and with the data type that the weights had, where the run says it."""
    found = _typed(given(run))
    found["dtype"] = str(run.config.get("model_dtype") or found.get("dtype") or "").removeprefix("torch.")
    return {key: value for key, value in found.items() if value not in (None, False, "") and (key, value) != ("dtype", "auto")}


def generated(run: Run) -> dict[str, Any]:
    """The user's --gen_kwargs, without what changes nothing for greedy decoding."""
    options = run.config.get("gen_kwargs") or {}
    if isinstance(options, str):
        options = dict(part.split("=", 1) for part in options.split(",") if "=" in part)
    return {f"--gen_kwargs {key}": value for key, value in _typed(options).items() if value not in (None, False, "", 0, "0", [])}


def _typed(values: dict[str, Any]) -> dict[str, Any]:
    return {key: TRUTH.get(value, value) if isinstance(value, str) else value for key, value in values.items()}


def default_baseline(runs: Sequence[Run]) -> str:
    """The method that one model's others are compared with where nobody names one: plain, or the only one.

    Of several plain ones, which differ in how the model was loaded, it is the one that most others were loaded like; then the one with most
    replies, then the oldest: one run in another data type does not change what the others are compared with.
    """
    methods = list(dict.fromkeys(run.method for run in runs))
    plain = [method for method in methods if method.partition("(")[0] == "plain"]
    if len(methods) == 1:
        return methods[0]
    if "plain" in methods or not plain:
        return "plain"
    ways = {method: [loaded(run) for run in runs if run.method == method] for method in methods}

    def weight(method: str) -> tuple[int, int]:
        alike = sum(any(way in ways[method] for way in ways[other]) for other in methods)
        return alike, sum(len(run.records) for run in runs if run.method == method)

    return max(plain, key=weight)


def remarks(runs: Sequence[Run], methods: Sequence[str], one_model: bool = True) -> list[str]:
    """A sentence for each method that was loaded or asked in another way than the first of `methods`, the baseline.

    one_model: the runs are of one model. Those of several differ in how they are loaded anyway, so only their generation is compared.
    """

    def conditions(method: str) -> list[dict[str, Any]]:
        own = [run for run in runs if run.method == method]
        return [(loaded(run) if one_model else {}) | generated(run) for run in own]

    def budgets_of(method: str) -> dict[str, int]:
        return {task: n for run in runs if run.method == method for task, n in run.budgets.items()}

    baseline, found = methods[0], []
    base, base_budgets = conditions(baseline), budgets_of(baseline)
    for method in methods[1:]:
        other = conditions(method)
        differ = []
        for key in dict.fromkeys(key for one in (*base, *other) for key in one):
            ours, theirs = (list(dict.fromkeys(_text(one.get(key)) for one in side)) for side in (other, base))
            unknown = key == "dtype" and any(one.get(key) in UNKNOWN for one in (*base, *other))
            if set(ours) != set(theirs) and not unknown:
                differ.append(f"{key} {' and '.join(ours)}, not {' and '.join(theirs)}")
        own_budgets = budgets_of(method)
        for task in sorted(own_budgets.keys() & base_budgets.keys()):
            if own_budgets[task] != base_budgets[task]:
                differ.append(f"{own_budgets[task]:,} tokens for a reply to {task}, not {base_budgets[task]:,}")
        if differ:
            found.append(
                f"{method} was not run as {baseline} was ({'; '.join(differ)}), so the difference between them is not the method's alone."
            )
    return found


def _text(value: Any) -> str:
    text = "none" if value is None else str(value)
    return " ".join(visible(text if len(text) <= SHOWN else f"{text[:SHOWN]}…").split())
