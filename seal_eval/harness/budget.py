"""Whose answer budget counts: the task's, unless the user gives one in --gen_kwargs."""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from seal_eval.core.errors import SealError

NAMES = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")  # lm-eval takes any of them
FROM_USER: ContextVar[bool] = ContextVar("budget_from_user", default=False)  # true while a run with the user's own budget is under way


def user_budget(gen_kwargs: Mapping[str, Any] | None) -> dict[str, Any]:
    """--gen_kwargs with its answer budget, if it has one, under the one name that overrides the task's: `max_gen_toks`.

    lm-eval prefers `max_gen_toks`, which every task has, to the other names; a budget under one of those would be lost. Raises SealError
    for two budgets that differ, and for one that is not a whole number above 0.
    """
    options = dict(gen_kwargs or {})
    budgets = {name: options.pop(name) for name in NAMES if name in options}
    for name, value in budgets.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise SealError(f"--gen_kwargs: {name} is {value!r}, must be a whole number of at least 1")
    if len(set(budgets.values())) > 1:
        raise SealError(f"--gen_kwargs: {' and '.join(f'{name}={value}' for name, value in budgets.items())} differ; give one")
    return options | ({"max_gen_toks": next(iter(budgets.values()))} if budgets else {})
