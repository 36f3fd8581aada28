"""Whose answer budget and stop strings count: the task's, unless the user gives some in --gen_kwargs; refuses those that cannot work."""

from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

from seal_eval.core.errors import SealError
from seal_eval.harness.task_config import Spec
from seal_eval.prompts.stops import contradicts
from seal_eval.tasks import get_task

NAMES = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")  # lm-eval takes any of them
FROM_USER: ContextVar[bool] = ContextVar("budget_from_user", default=False)  # true while a run with the user's own budget is under way


def user_budget(gen_kwargs: Mapping[str, Any] | None, flag: str = "--") -> dict[str, Any]:
    """--gen_kwargs with its answer budget, if it has one, under the one name that overrides the task's: `max_gen_toks`.

    lm-eval prefers `max_gen_toks`, which every task has, to the other names; a budget under one of those would be lost. Raises SealError
    for two budgets that differ, and for one that is not a whole number above 0.
    """
    options = dict(gen_kwargs or {})
    budgets = {name: options.pop(name) for name in NAMES if name in options}
    for name, value in budgets.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise SealError(f"{flag}gen_kwargs: {name} is {value!r}, must be a whole number of at least 1")
    if len(set(budgets.values())) > 1:
        raise SealError(f"{flag}gen_kwargs: {' and '.join(f'{name}={value}' for name, value in budgets.items())} differ; give one")
    return options | ({"max_gen_toks": next(iter(budgets.values()))} if budgets else {})


def check_generation(gen_kwargs: Mapping[str, Any], docs: Iterable[Mapping[str, Any]], spec: Spec, stock: bool) -> None:
    """Raise SealError for a budget or stop strings that cannot work with a task's documents. stock: an engine of lm-eval's own."""
    docs = list(docs)
    if stock:
        _refuse_another_budget(gen_kwargs, docs, spec)
    refuse_contradictions(spec.task.name, gen_kwargs, docs, spec)


def _refuse_another_budget(gen_kwargs: Mapping[str, Any], docs: Sequence[Mapping[str, Any]], spec: Spec) -> None:
    """Raise SealError when an engine of lm-eval's own, which takes a task's budget from the task's YAML file, needs one from the user.

    That is when its budget would cut answers, is another than the user's `answer_tokens`, or would push a prompt out of the window.
    """
    needed, given = spec.prompt.budget(spec.task.answer_tokens), gen_kwargs.get("max_gen_toks")
    budget = int(given or get_task(spec.task.name).answer_tokens)
    longest = max((int(doc["n_tokens"]) for doc in docs), default=0)
    beyond = spec.window is not None and longest + budget > spec.window
    if budget < needed or (not given and (beyond or (spec.prompt.answer_tokens and budget > needed))):
        raise SealError(
            f"{spec.task.name}: answers with these settings need {needed} tokens, lm-eval's own engines generate {budget}; "
            f"pass --gen_kwargs max_gen_toks={needed}"
        )


def refuse_contradictions(name: str, gen_kwargs: Mapping[str, Any] | None, docs: Iterable[Mapping[str, Any]], spec: Spec) -> None:
    """Raise SealError for stop strings that end right replies, and for the user's own budget where it does not fit the window.

    docs: the documents of task `name`, made to `spec`. Called before a model is loaded.
    """
    options = gen_kwargs or {}
    stops, budget = options.get("until") or [], options.get("max_gen_toks") or 0
    if not (stops or "until" in options or budget):
        return
    docs = list(docs)
    thinks = spec.prompt.thinking_tokens > 0 or any(doc.get("think_open") for doc in docs)
    for stop in stops if isinstance(stops, list | tuple) else [stops]:
        if not isinstance(stop, str):
            raise SealError(f"--gen_kwargs: until is {stop!r}, must be a text or a list of texts")
        if problem := contradicts(stop, [str(doc["answer"]) for doc in docs], thinks):
            raise SealError(f"{name}: the stop string {stop!r} {problem}; leave it out of --gen_kwargs until")
    longest = max((int(doc["n_tokens"]) for doc in docs), default=0)
    if spec.window is not None and budget and longest + budget > spec.window:
        raise SealError(
            f"{name}: a prompt of {longest} tokens + max_gen_toks={budget} do not fit the window of {spec.window}; choose lengths up to "
            f"{spec.window - budget} or a smaller budget, or pass max_length=… in --model_args if the method extends the window"
        )
