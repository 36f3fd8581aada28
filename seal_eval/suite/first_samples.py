"""Build first samples of a task while a suite is planned: what its runs could not build is found before anything is tuned for them."""

import copy
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from seal_eval.core.errors import SealError
from seal_eval.harness.budget import check_generation, user_budget
from seal_eval.harness.dataset import build_rows, does_not_fit
from seal_eval.harness.task_config import Spec
from seal_eval.models.loading import load_tokenizer
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.prompts.settings import PromptSettings
from seal_eval.tasks import get_task

LONG = 8192  # tokens; a task can fill more than these, unless replies take most of them, and building samples of them takes seconds
Rows = list[dict[str, Any]]


def forget() -> None:
    """Build every sample again; within a plan each is built once."""
    _built.cache_clear()
    prompt_format.cache_clear()


def checked_generation(spec: Spec, smallest: int, template: str, gen_kwargs: Mapping[str, Any] | None, stock: bool) -> dict[str, Any]:
    """Return --gen_kwargs of the run of one size: the user's, with the task's budget where an engine of lm-eval's own must be told it.

    spec: of one size. smallest: of the task's sizes in the suite. template: text of the model's chat template from the suite, or ''. stock:
    an engine of lm-eval's own. Raises SealError as the run would, for a sample that cannot be built or does not fit and for stop strings
    and budgets that cannot work, as far as the first sample shows it. None is built where that takes long or the tokenizer is not here.
    """
    options = user_budget(gen_kwargs, "")
    rows = _rows(spec, smallest, template, wanted=bool({"until", "max_gen_toks"} & options.keys()))
    if stock and "max_gen_toks" not in options:
        needed, budget = spec.prompt.budget(spec.task.answer_tokens), get_task(spec.task.name).answer_tokens
        longest = max((row["n_tokens"] for row in rows or ()), default=spec.sizes[0] - needed if spec.task.unit == "tokens" else 0)
        beyond = spec.window is not None and longest + budget > spec.window
        if needed > budget or (needed < budget and (spec.prompt.answer_tokens or beyond)):
            options["max_gen_toks"] = needed
    check_generation(options, rows or (), spec, stock)
    return options


def _rows(spec: Spec, smallest: int, template: str, wanted: bool) -> Rows | None:
    """The first documents of the one size of `spec`; None if they were not built. wanted: build them even if the smallest size says it all.

    Raises SealError when they cannot be built or do not fit the window.
    """
    (size,), task = spec.sizes, spec.task
    if any(value.startswith("datasets:") for _, value in task.own_files()):  # would be downloaded
        return None
    basis = replace(spec, window=None, num_samples=min(spec.num_samples, getattr(task, "questions_per_record", 1)))
    generated = task.unit == "tokens" and not task.own_paths() and not wanted
    if generated and size > LONG and 2 * spec.prompt.budget(task.answer_tokens) < size:
        return None
    if generated and size != smallest and not isinstance(_built(replace(basis, sizes=(smallest,)), template), SealError):
        return None  # a length above one that can be filled can be filled
    rows = _built(replace(basis, sizes=(size,)), template)
    if isinstance(rows, SealError):
        raise SealError(str(rows))
    for row in rows or ():
        if spec.window is not None and row["n_tokens"] + row["answer_tokens"] > spec.window:
            raise SealError(does_not_fit(spec, size, row["n_tokens"], row["answer_tokens"]))
    return rows


@lru_cache(maxsize=1024)
def _built(spec: Spec, template: str) -> Rows | SealError | None:
    """The documents of `spec`, or why they cannot be built; None where the tokenizer is not here."""
    try:
        made = prompt_format(spec.tokenizer, spec.prompt, template, spec.revision)
        return None if made is None else build_rows(spec, made)
    except SealError as error:
        return error


@lru_cache(maxsize=16)
def prompt_format(tokenizer: str, settings: PromptSettings, template: str = "", revision: str = "") -> PromptFormat | None:
    """The tokenizer with its settings, and with the chat template if one is given; None where the tokenizer is not here.

    Raises SealError for a folder whose tokenizer cannot be loaded.
    """
    try:
        loaded = load_tokenizer(tokenizer, revision=revision)
    except SealError:
        if Path(tokenizer).is_dir():
            raise
        return None
    if template:
        loaded = copy.deepcopy(loaded)
        loaded.chat_template = template
    return PromptFormat(loaded, settings)
