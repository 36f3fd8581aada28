"""Checks of what a suite makes first, adapters and maps of heads, against the model that it makes them with."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, get_args

from seal_eval.core.errors import SealError
from seal_eval.models.hub import resolve
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.prompts.settings import PromptSettings
from seal_eval.suite.first_samples import prompt_format
from seal_eval.suite.schema import ModelEntry, heads_spec, tune_spec
from seal_eval.tasks import get_task
from seal_eval.tuning.config import Dtype

ADDED = ("chat", "system", "dtype")  # settings that maps did not have at first


def tuned_with(model: ModelEntry, settings: dict[str, Any]) -> dict[str, Any]:
    """The settings of a tuning run, with the model's own where `settings` has none.

    Raises SealError as `tune_spec`, and for samples that cannot be built or do not fit the window.
    """
    from seal_eval.baselines import extended
    from seal_eval.tuning.records import check_built, check_spec

    types = get_args(Dtype)
    if "dtype" not in settings and model.dtype not in types:
        raise SealError(f"dtype '{model.dtype}' of {model.pretrained} is none to tune in; write dtype here: {', '.join(types)}")
    spec = tune_spec({**_prompts_of(model), "dtype": model.dtype, **settings})
    window = _window(model)
    window = extended(check_spec(spec), window) if window else None
    _check_window(model, [*spec.mixture(), *spec.validation_mixture()], window)
    if formatted := _format(model, spec.chat, spec.system):
        check_built(formatted, spec, window)
    return asdict(spec)


def mapped_with(model: ModelEntry, settings: dict[str, Any]) -> dict[str, Any]:
    """The settings of a map of heads, with the model's chat template and system prompt where `settings` has none.

    Those of ADDED are left out where they are the default, so that maps made before there were any keep their idents. Raises SealError as
    `heads_spec`, and for samples that cannot be built or do not fit the window.
    """
    from seal_eval.tuning.head_importance import HeadsSpec
    from seal_eval.tuning.records import check_window

    spec, window = heads_spec({**_prompts_of(model), **settings}), _window(model)
    _check_window(model, [(spec.task, spec.length)], window)
    if formatted := _format(model, spec.chat, spec.system):
        check_window(get_task(spec.task).build(formatted, spec.length, 1, spec.seed, split="tune"), window)
    return {key: value for key, value in asdict(spec).items() if key not in ADDED or value != getattr(HeadsSpec, key)}


def _prompts_of(model: ModelEntry) -> dict[str, Any]:
    return {"chat": model.apply_chat_template, "system": model.system_instruction}


def _window(model: ModelEntry) -> int | None:
    from seal_eval.models.window import window_of

    return window_of(model.pretrained, bool(model.args.get("trust_remote_code")))


def _check_window(model: ModelEntry, parts: Iterable[tuple[str, int]], window: int | None) -> None:
    """Raise SealError for a length in tokens above the window; samples of other sizes are built for that. parts: (task, size)."""
    longest = max((size for task, size in parts if get_task(task).unit == "tokens"), default=0)
    if window and longest > window:
        raise SealError(f"samples of {longest} tokens do not fit the window of {model.pretrained}, {window}; choose a shorter length")


def _format(model: ModelEntry, chat: bool, system: str) -> PromptFormat | None:
    """The model's tokenizer with its template and system prompt; None where it is not here, or has code of its own."""
    if model.args.get("trust_remote_code"):
        return None
    return prompt_format(resolve(model.pretrained), PromptSettings(chat_template=chat, system_instruction=system), model.template())
