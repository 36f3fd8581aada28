"""Read lm-eval's metadata: check it and turn it into the specification of a task's documents."""

import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from annotated_types import Ge, Le

from seal_eval.baselines import extended, method_parts, method_settings, take_method
from seal_eval.core.errors import SealError, nearest
from seal_eval.core.plugins import Method, Task
from seal_eval.core.settings import check_value
from seal_eval.harness.stock_window import stock_window
from seal_eval.models.hub import TOKENIZER, resolve
from seal_eval.prompts.settings import PromptSettings
from seal_eval.tasks import get_task, leaf_name, task_settings, tasks

Samples = Annotated[int, Ge(1), Le(1_000_000)]  # of one size
Seed = Annotated[int, Ge(0), Le(2**63 - 1)]  # data sets hold it in 64 bits
DEFAULT_LENGTHS = tuple(1024 * 2**k for k in range(8))  # tokens, 1K … 128K; those that fit the window are run
SHORT_LENGTHS = (256, 512)  # tokens, for windows below 1K
# keys that every task takes
COMMON_KEYS = (
    "num_samples", "seed", "tokenizer", "answer_prefix", "chat_template", "system_instruction", "date", "answer_tokens", "thinking_tokens",
)  # fmt: skip
# arguments that the engine needs and tasks only count with: in the metadata they would be counted, but not obeyed
ENGINES_OWN = ("max_length", "max_model_len", "add_bos_token", "chat_template_args", "enable_thinking")
# keys that lm-eval adds from model_args and that affect the prompt
MODEL_KEYS = (
    "pretrained",
    "model",
    "max_length",
    "add_bos_token",
    "chat_template_args",
    "enable_thinking",
    "think_start_token",
    "think_end_token",
    "think_stripped",
)


@dataclass(frozen=True)
class Spec:
    """Everything that the documents of a task depend on."""

    task: Task
    tokenizer: str  # folder or hub id
    revision: str  # of the tokenizer's hub id; '' for the newest
    sizes: tuple[int, ...]  # in the task's unit
    explicit: bool  # the user listed the sizes: one that does not fit the window is an error. False: it is left out
    window: int | None  # of the model with its method, tokens; None when unknown
    num_samples: int  # per size
    seed: int
    prompt: PromptSettings


def leaves() -> dict[str, tuple[str, int]]:
    """Return the tasks of one size, which 'seal_*' does not match: name in lm-eval → (task, size)."""
    return {leaf_name(task, size): (name, size) for name, task in tasks().items() for size in task.sizes or DEFAULT_LENGTHS}


def known_keys() -> list[str]:
    """Return every metadata key that at least one task takes, sorted."""
    return sorted({*COMMON_KEYS, *(key for task in tasks().values() for key in (task.size_key, *task_settings(task)))})


def check_metadata(keys: Iterable[str], strict: bool, place: str = "pass it in --model_args", where: str = "--metadata ") -> None:
    """Raise SealError for the user's own settings of tasks that nothing would obey: the engine's, and those of `check_keys`.

    place: how the engine is given an argument. where: what goes before a key in errors. Runs and plans of suites both call this.
    """
    keys = list(keys)
    for key in ENGINES_OWN:
        if key in keys:
            raise SealError(f"{where}{key}: the engine would not know of it; {place}")
    check_keys(keys, strict)


def check_keys(keys: Iterable[str], strict: bool) -> None:
    """Raise SealError for an unknown metadata key; without `strict` (model_args are among the keys) only for one that looks misspelt."""
    for key in keys:
        if key in known_keys() or key in MODEL_KEYS:
            continue
        close = difflib.get_close_matches(key, known_keys(), n=1, cutoff=0.8)
        if close or strict:
            raise SealError(f"unknown metadata key '{key}'{nearest(key, known_keys())}")


def without_effect(keys: Iterable[str], names: Collection[str]) -> list[str]:
    """Return a remark for each key of --metadata that is a setting of other tasks than those of `names`, which are all ours."""
    chosen = [get_task(name) for name in names]
    taken = {*COMMON_KEYS, *MODEL_KEYS, *(key for task in chosen for key in (task.size_key, *task_settings(task)))}
    remarks = []
    for key in sorted({*keys} - taken):
        remedy = f"its sizes are {chosen[0].size_key}=[…]" if key in {task.size_key for task in tasks().values()} else "leave it out"
        remarks.append(f"--metadata {key} has no effect: it is no setting of {', '.join(sorted(names))}; {remedy}")
    return remarks


def refuse_ambiguous(model_args: Mapping[str, Any]) -> None:
    """Raise SealError for a method's setting in model_args that tasks would take for theirs, because lm-eval merges the two."""
    known = known_keys()
    for part in method_parts(str(model_args.get("method", "plain"))):
        for field in method_settings(part):
            if field.name in model_args and field.name in known:
                raise SealError(
                    f"model_args: {field.name} is a setting of method '{part}' and of tasks; write {part}.{field.name}=… for the method's, "
                    f"--metadata {field.name}=… for a task's"
                )


def read_spec(name: str, metadata: Mapping[str, Any]) -> Spec:
    """Return the specification of a task's documents from its metadata and defaults.

    metadata: lm-eval's, with model_args merged into it. A key that tasks have is the task's, never the method's (`refuse_ambiguous`).
    Raises SealError naming the key, its value and the remedy.
    """
    task, method, known = get_task(name), None, known_keys()
    if "method" in metadata:
        _, method, others = take_method({key: value for key, value in metadata.items() if key not in known}, others=MODEL_KEYS)
        metadata = others | {key: value for key, value in metadata.items() if key in known}
    check_keys(metadata, strict=False)
    if changed := {key: metadata[key] for key in task_settings(task) if key in metadata}:
        task = replace(task, **changed)  # type: ignore[type-var]
    pretrained = metadata.get("pretrained") or metadata.get("model")
    tokenizer = metadata.get("tokenizer") or pretrained
    if not isinstance(tokenizer, str):
        raise SealError(f"{name} counts tokens with the model's tokenizer: pass --metadata tokenizer=FOLDER_OR_HUB_ID")
    window = _window(metadata, pretrained, method)
    sizes = metadata.get(task.size_key)
    return Spec(
        task=task,
        tokenizer=_resolved(name, tokenizer, served="tokenizer" not in metadata and not metadata.get("pretrained")),
        revision=str(metadata.get("tokenizer_revision") or metadata.get("revision") or ""),
        sizes=_checked_sizes(task, sizes, window) if sizes is not None else _default_sizes(task, window),
        explicit=sizes is not None,
        window=window,
        num_samples=check_value(name, "num_samples", metadata.get("num_samples", task.num_samples), Samples),
        seed=check_value(name, "seed", metadata.get("seed", 0), Seed),
        prompt=PromptSettings.read(name, metadata),
    )


def _resolved(name: str, tokenizer: str, served: bool) -> str:
    """`resolve`; where the only name is that of a served model, the error says how to name its tokenizer."""
    try:
        return resolve(tokenizer, any_of=TOKENIZER)
    except SealError as error:
        if not served:
            raise
        raise SealError(
            f"{name} counts tokens with the model's tokenizer, and the served model '{tokenizer}' has none here: "
            "pass --metadata tokenizer=FOLDER_OR_HUB_ID"
        ) from error


def _default_sizes(task: Task, window: int | None) -> tuple[int, ...]:
    """Return the sizes to run when the user lists none, at most those that fit the window if they are in tokens.

    Tasks in tokens use SHORT_LENGTHS only for windows below 1K, and then the largest that fits. Raises SealError when none fits.
    """
    if (available := task.available_sizes()) is not None:
        return available
    if task.unit != "tokens":
        return tuple(sorted({*task.small_sizes, *task.sizes}))
    fit = [n for n in (*SHORT_LENGTHS, *DEFAULT_LENGTHS) if window is None or n <= window]
    if not fit:
        raise SealError(f"{task.name}: the model's window of {window} tokens is below {SHORT_LENGTHS[0]}; pass --metadata lengths=[…]")
    return tuple(n for n in fit if n in DEFAULT_LENGTHS) or (fit[-1],)


def _checked_sizes(task: Task, value: Any, window: int | None) -> tuple[int, ...]:
    """Return the user's sizes (one, or a list) in ascending order. Raises SealError for one that is not allowed or above the window."""
    key, unit = task.size_key, task.unit
    sizes: list[Any] = [value] if isinstance(value, int | float | str) else list(value)
    for n in sizes:
        if isinstance(n, bool) or not isinstance(n, int) or n <= 0:
            raise SealError(f"{task.name}: {key.rstrip('s')} {n!r} is not a positive whole number of {unit}; pass e.g. {key}=[…]")
        if unit == "tokens" and window is not None and n > window:
            raise SealError(
                f"{task.name}: length {n} is above the model's window of {window} tokens, its prompts would be truncated; "
                f"choose lengths up to {window}, or pass max_length={n} in --model_args if the method extends the window"
            )
    if not sizes or len(set(sizes)) < len(sizes):
        raise SealError(f"{task.name}: {key} is {sizes}, must list at least one size and none twice")
    return tuple(sorted(sizes))


def _window(metadata: Mapping[str, Any], pretrained: Any, method: Method | None) -> int | None:
    """Return the longest prompt with its reply (tokens) that the engine reads uncut; None when unknown.

    That is max_length (vLLM: max_model_len) of model_args, else `stock_window` as the method extends it.
    """
    if given := metadata.get("max_length") or metadata.get("max_model_len"):
        if not re.fullmatch(r"[1-9]\d{0,15}", str(given)):
            raise SealError(f"--model_args: max_length is {given!r:.100}, must be a whole number of at least 1")
        return int(given)
    of = bool(metadata.get("trust_remote_code")), str(metadata.get("revision") or "")
    window = stock_window(pretrained, *of) if isinstance(pretrained, str) else None
    return extended(method, window) if window and method else window
