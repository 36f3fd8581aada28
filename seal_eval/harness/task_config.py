"""From lm-eval's metadata to a checked specification of a task's documents."""

import difflib
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from seal_eval.baselines import extended, take_method
from seal_eval.core.errors import SealError, nearest, whole_number
from seal_eval.core.types import Method, Task
from seal_eval.models.hub import resolve
from seal_eval.models.loading import window_of
from seal_eval.prompts.longeval_cases import official_sizes
from seal_eval.tasks import get_task, leaf_name, task_settings, tasks

DEFAULT_LENGTHS = tuple(1024 * 2**k for k in range(8))  # 1K … 128K, those that fit the window
SHORT_LENGTHS = (256, 512)  # for windows below 1K
SIZE_KEYS = {"tokens": "lengths", "lines": "lines", "topics": "topics"}  # unit → key
COMMON_KEYS = ("num_samples", "seed", "tokenizer", "answer_prefix", "chat_template", "system_instruction")
# what lm-eval mixes in from model_args and matters to the prompt
MODEL_KEYS = ("pretrained", "model", "max_length", "add_bos_token", "chat_template_args", "enable_thinking")


@dataclass(frozen=True)
class Spec:
    """Everything the documents of a task depend on."""

    task: Task
    tokenizer: str  # folder or hub id
    sizes: tuple[int, ...]  # in the task's unit
    explicit: bool  # sizes were asked for: one that does not fit the window is an error, else it is left out
    window: int | None  # tokens; None when unknown
    num_samples: int  # per size
    seed: int
    begin_answer: bool
    chat: bool | str
    system: str
    add_bos: bool | None
    template_args: str  # JSON: what else the chat template is given


def leaves() -> dict[str, tuple[str, int]]:
    """lm-eval's names of tasks at one size, outside of 'seal_*' → (task, size)."""
    return {leaf_name(task, size): (name, size) for name, task in tasks().items() for size in task.sizes or DEFAULT_LENGTHS}


def known_keys() -> list[str]:
    """Every metadata key that some task takes."""
    return sorted({*COMMON_KEYS, *SIZE_KEYS.values(), *(key for task in tasks().values() for key in task_settings(task))})


def check_keys(keys: Iterable[str], strict: bool) -> None:
    """Raise for an unknown metadata key; not `strict` (model_args are mixed in): only for a near miss of a known one."""
    for key in keys:
        if key in known_keys() or key in MODEL_KEYS:
            continue
        close = difflib.get_close_matches(key, known_keys(), n=1, cutoff=0.8)
        if close or strict:
            raise SealError(f"unknown metadata key '{key}'{nearest(key, known_keys())}")


def read_spec(name: str, metadata: Mapping[str, Any]) -> Spec:
    """Check the metadata and fill in the defaults. Raises SealError naming the key, its value and the remedy."""
    task, method = get_task(name), None
    mixed = metadata
    if "method" in metadata:
        _, method, mixed = take_method(metadata, others=[*known_keys(), *MODEL_KEYS])
    check_keys(mixed, strict=False)
    if own := {key: metadata[key] for key in task_settings(task) if key in metadata}:
        task = replace(task, **own)  # type: ignore[type-var]
    pretrained = metadata.get("pretrained") or metadata.get("model")
    tokenizer = metadata.get("tokenizer") or pretrained
    if not isinstance(tokenizer, str):
        raise SealError(f"{name} counts tokens with the model's tokenizer: pass --metadata tokenizer=FOLDER_OR_HUB_ID")
    window = _window(metadata, pretrained, method)
    asked = metadata.get(SIZE_KEYS[task.unit])
    chat = metadata.get("chat_template", _told_to_lm_eval("--apply_chat_template"))
    if not isinstance(chat, bool | str):
        raise SealError(f"{name}: chat_template is {chat!r}, must be true, false or the name of a template")
    system = metadata.get("system_instruction", _told_to_lm_eval("--system_instruction")) or ""
    return Spec(
        task=task,
        tokenizer=resolve(tokenizer),
        sizes=_sizes(task, asked, window) if asked is not None else _default_sizes(task, window),
        explicit=asked is not None,
        window=window,
        num_samples=whole_number(name, "num_samples", metadata.get("num_samples", task.num_samples), 1),
        seed=whole_number(name, "seed", metadata.get("seed", 0), 0),
        begin_answer=_flag(name, "answer_prefix", metadata.get("answer_prefix", True)),
        chat=chat,
        system=str(system),
        add_bos=metadata.get("add_bos_token"),
        template_args=json.dumps(_template_args(metadata), sort_keys=True),
    )


def _default_sizes(task: Task, window: int | None) -> tuple[int, ...]:
    if data := getattr(task, "longeval_data", ""):
        from pathlib import Path

        return tuple(official_sizes(Path(data), task.unit))
    if task.unit != "tokens":
        return tuple(sorted({*task.small, *task.sizes}))  # type: ignore[attr-defined]
    fit = [n for n in (*SHORT_LENGTHS, *DEFAULT_LENGTHS) if window is None or n <= window]
    if not fit:
        raise SealError(f"{task.name}: the model's window of {window} tokens is below {SHORT_LENGTHS[0]}; pass --metadata lengths=[…]")
    return tuple(n for n in fit if n in DEFAULT_LENGTHS) or (fit[-1],)


def _sizes(task: Task, asked: Any, window: int | None) -> tuple[int, ...]:
    key, unit = SIZE_KEYS[task.unit], task.unit
    sizes: list[Any] = [asked] if isinstance(asked, int | float | str) else list(asked)
    for n in sizes:
        if isinstance(n, bool) or not isinstance(n, int) or n <= 0:
            raise SealError(f"{task.name}: {key.rstrip('s')} {n!r} is not a positive whole number of {unit}; pass e.g. {key}=[…]")
        if unit == "tokens" and window is not None and n > window:
            raise SealError(
                f"{task.name}: length {n} is above the model's window of {window} tokens, its prompts would be cut; "
                f"choose lengths up to {window}, or pass max_length={n} in --model_args if the method extends the window"
            )
    if not sizes or len(set(sizes)) < len(sizes):
        raise SealError(f"{task.name}: {key} {sizes} name {'none' if not sizes else 'one twice'}")
    return tuple(sorted(sizes))


def _flag(name: str, key: str, value: Any) -> bool:
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise SealError(f"{name}: {key} is {value!r}, must be true or false")
    return value


def _template_args(metadata: Mapping[str, Any]) -> dict[str, Any]:
    args = dict(metadata.get("chat_template_args") or {})
    if metadata.get("enable_thinking") is not None:
        args["enable_thinking"] = metadata["enable_thinking"]
    return args


def _told_to_lm_eval(flag: str) -> Any:
    """What lm-eval's own command line says of a flag that it does not hand to tasks; False when absent."""
    argv = sys.argv[1:]
    for i, word in enumerate(argv):
        if word.startswith(flag + "="):
            return word.split("=", 1)[1]
        if word == flag:
            value = argv[i + 1] if i + 1 < len(argv) else "-"
            return True if value.startswith("-") else value
    return False


def _window(metadata: Mapping[str, Any], pretrained: Any, method: Method | None) -> int | None:
    """Tokens the model can read: max_length of the model_args, else its own window as its method extends it; None when unknown."""
    if metadata.get("max_length"):
        return int(metadata["max_length"])
    window = window_of(pretrained) if isinstance(pretrained, str) else None
    return extended(method, window) if window and method else window
