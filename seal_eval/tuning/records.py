"""The records that tuning learns from and is validated on: each is a list of samples that ask about one text."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from seal_eval.baselines import check_composition, method_of
from seal_eval.core.errors import SealError
from seal_eval.core.given_texts import why_not_on_given_texts
from seal_eval.core.plugins import Method
from seal_eval.core.streams import warn
from seal_eval.core.types import Sample
from seal_eval.prompts.packing import TooShort
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.tasks import get_task, task_settings
from seal_eval.tuning.config import RECIPES, Mixture, TuneSpec

Record = list[Sample]
QUESTIONS = "questions_per_record"  # the setting of tasks that can ask several questions about one record
LONG = 8192  # tokens; a task can fill more than these, and building samples of them takes seconds
PHRASING = "phrasing"  # the setting of tasks that have several wordings; -1 takes them in turn


def records_of(prompt_format: PromptFormat, spec: TuneSpec) -> tuple[list[Record], list[Record]]:
    """Return (training records, with the tasks and sizes in turn; validation records, at least one per task), all from the tuning split.

    A part of the recipe's length that is too short for a task is left out, and stderr says so.
    """
    mixture, validated = _that_fit(prompt_format, spec), spec.validation_mixture()
    n_train, n_valid = -(-spec.samples // len(mixture)), max(spec.validation, 1)  # per task
    per_task = [_built(prompt_format, spec, task, size, n_train + (n_valid if (task, size) in validated else 0)) for task, size in mixture]
    train = [records[i] for i in range(n_train) for records in per_task][: spec.samples]
    validation = [record for records in per_task for record in records[n_train:]]
    for task, size in validated:
        if (task, size) not in mixture and (spec.validate_on or (task, size) not in spec.mixture()):
            validation += _built(prompt_format, spec, task, size, n_train + n_valid)[n_train:]  # some tasks ask the same at every size
    _say_repeated(train, validation)
    return train, validation


def _say_repeated(train: Sequence[Record], validation: Sequence[Record]) -> None:
    """Warn of validation records that ask what training asked: of a task with few questions (seal_own, seal_latent), not of random keys."""
    asked = {key for record in train for key in map(_question, record)}
    repeated = sum(all(_question(sample) in asked for sample in record) for record in validation)
    if len(asked) > 1 and repeated:
        warn(
            f"{repeated} of {len(validation)} validation records ask what training asks, because the task has too few questions; what is "
            "kept was then chosen by what it learned by heart: take fewer --samples"
        )


def _question(sample: Sample) -> tuple[str, ...]:
    """What a sample asks: its document where that is the question's own, else its keys."""
    return tuple(sample.keys) or (sample.cluster,)


def records_within(prompt_format: PromptFormat, spec: TuneSpec, window: int | None) -> tuple[list[Record], list[Record]]:
    """Return `records_of`. Raises SealError when a sample with its answer budget is longer than the window, in tokens."""
    train, validation = records_of(prompt_format, spec)
    check_window([sample for record in (*train, *validation) for sample in record], window, ", or extend it with --on")
    return train, validation


def longest_of(parts: Sequence[Sequence[Record]]) -> int:
    """Return the tokens of the longest sample in lists of records, with its answer budget."""
    return max(_longest(record) for records in parts for record in records)


def _longest(samples: Sequence[Sample]) -> int:
    return max(sample.n_tokens + sample.answer_tokens for sample in samples)


def check_window(samples: Sequence[Sample], window: int | None, remedy: str = "") -> None:
    """Raise SealError when a sample with its answer budget is longer than the window (tokens; None: unknown)."""
    longest = _longest(samples)
    if window and longest > window:
        raise SealError(f"samples of {longest} tokens do not fit the window of {window}; choose a smaller --length{remedy}")


def check_built(prompt_format: PromptFormat, spec: TuneSpec, window: int | None) -> None:
    """Raise SealError when the first record of a task and size of the run cannot be built or is longer than the window.

    It does not build them all: where a size in tokens can be filled, longer ones can, and above LONG tokens all can.
    """
    filled = set()
    for name, size in sorted({*spec.mixture(), *spec.validation_mixture()}, key=lambda part: part[1]):
        if name in filled or (get_task(name).unit == "tokens" and size > LONG):
            continue
        try:
            (record,) = _built(prompt_format, spec, name, size, 1)
        except TooShort:
            if size < spec.length and {(name, size), (name, spec.length)} <= {*spec.mixture()}:  # tuning leaves it out
                continue
            raise
        check_window(record, window)
        if get_task(name).unit == "tokens":
            filled.add(name)


def _that_fit(prompt_format: PromptFormat, spec: TuneSpec) -> Mixture:
    """Return the tasks and sizes of a run, without the parts of the length that cannot be filled."""
    kept = []
    for task, size in spec.mixture():
        try:
            if size < spec.length:
                _built(prompt_format, spec, task, size, 1)
        except TooShort:
            if (task, spec.length) not in spec.mixture():  # the user named this size
                raise
            warn(f"{task}: {size}, a part of the length {spec.length}, is too short for {spec.questions} questions and is left out")
            continue
        kept.append((task, size))
    return tuple(kept)


def check_spec(spec: TuneSpec) -> Method:
    """Return the method that is applied during tuning.

    Raises SealError for an unknown task or method, for a setting that no task of the run has, unless it is the recipe's, and for a method
    that does not act on given texts as in a reply: training reads question and answer in one pass.
    """
    on = method_of(spec.on)
    if spec.on:
        check_composition([*spec.on.partition(",")[0].split("+"), spec.method])  # what a run with the adapter will be
    if why := why_not_on_given_texts(on):
        raise SealError(f"on is '{spec.on}'; tuning reads given texts in one pass, and this method {why}; leave it out of --on")
    known = {key for name, _ in (*spec.mixture(), *spec.validation_mixture()) for key in task_settings(get_task(name))}
    if spec.questions not in (1, RECIPES[spec.recipe]["questions"]) and QUESTIONS not in known:
        raise SealError(f"questions is {spec.questions}: no task of '{spec.task}' asks several questions about a record; leave it out")
    if spec.wordings not in ("own", RECIPES[spec.recipe]["wordings"]) and PHRASING not in known:
        raise SealError(f"wordings is {spec.wordings}: no task of '{spec.task}' has several wordings; leave it out")
    return on


def _built(prompt_format: PromptFormat, spec: TuneSpec, name: str, size: int, n: int) -> list[Record]:
    """Return `n` records of a task with the settings that `spec` asks for."""
    task: Any = get_task(name)
    known = task_settings(task)
    wanted = {QUESTIONS: spec.questions} | ({PHRASING: -1} if spec.wordings == "all" else {})
    settings = {key: value for key, value in wanted.items() if key in known}
    task, questions = replace(task, **settings), settings.get(QUESTIONS, 1)
    try:
        return in_groups(task.build(prompt_format, size, n * questions, spec.seed, split="tune"), questions)
    except TooShort as error:
        if questions > 1:
            raise TooShort(f"{error}, with {questions} questions about one record; take a longer --length or fewer --questions") from error
        raise


def in_groups(samples: Sequence[Sample], n: int) -> list[Record]:
    """Return the samples in lists of `n`."""
    return [list(samples[i : i + n]) for i in range(0, len(samples), n)]
