"""Checks of a suite's entries, before anything is planned with them."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from seal_eval.core.errors import SealError, nearest
from seal_eval.harness.engines import get_engine
from seal_eval.harness.model_args import misspelt
from seal_eval.models.placement import LOW_BITS, is_dtype
from seal_eval.suite.estimate import in_tokens
from seal_eval.suite.other_tasks import check_other, is_other
from seal_eval.suite.schema import MethodEntry, ModelEntry, TaskEntry, tune_spec

# arguments with which a model is loaded, and which making adapters, maps and templates does not take
LOADED_WITH = {
    "revision", "subfolder", "dtype", "tokenizer", "peft", "delta", "gguf_file", "load_in_4bit", "load_in_8bit", "use_fast_tokenizer",
}  # fmt: skip
# settings of a task that the suite takes from its model → where they are written
MODELS_OWN = {"chat_template": "apply_chat_template of the model", "system_instruction": "system_instruction of the model"}


def check_model(model: ModelEntry, methods: Sequence[MethodEntry]) -> None:
    """Raise SealError for a model that cannot be found, and for a template or type that its engine does not use."""
    from seal_eval.models.hub import resolve

    engine, known = get_engine(model.engine), {method.method for method in methods}
    if unknown := [name for name in model.methods or () if name not in known]:
        raise SealError(f"methods: '{unknown[0]}' is not one of the suite's methods{nearest(unknown[0], known)}")
    if engine.loads_checkpoint:
        resolve(model.pretrained)
    elif model.chat_template or model.dtype != "auto":
        key = "chat_template" if model.chat_template else "dtype"
        raise SealError(f"{key} has no effect with engine {engine.name}, whose server decides it; leave it out")
    if engine.loads_checkpoint and model.dtype not in ("auto", *LOW_BITS) and not is_dtype(model.dtype):
        raise SealError(
            f"dtype '{model.dtype}' is no type of weights{nearest(model.dtype, ('auto', 'float32', 'bfloat16', 'float16', *LOW_BITS))}"
        )
    if engine.applies_methods and (message := misspelt(set(model.args))):
        raise SealError(message)
    engine.prepare({**engine.names_model(model.pretrained, model.dtype), **model.args})
    if model.chat_template and not Path(model.chat_template).is_file():
        raise SealError(f"chat template {model.chat_template} does not exist")
    if model.chat_template and not model.apply_chat_template:
        raise SealError(f"chat_template {model.chat_template} has no effect without apply_chat_template: true")


def check_args(model: ModelEntry, makes: Sequence[str]) -> None:
    """Raise SealError for arguments of a model that hold for its runs alone, where the suite also makes something with the model.

    makes: which of adapters and heads it makes.
    """
    made = [*(["a folder with the chat template"] if model.chat_template else []), *makes]
    for key in LOADED_WITH & model.args.keys() if made else ():
        remedy = {
            "revision": "download that revision into a folder (hf download) and name the folder",
            "dtype": "write dtype beside args",
        }.get(key, "save the model so that it needs no such argument, and name its folder")
        raise SealError(f"args: {key} holds for the runs alone, while the suite makes {' and '.join(made)} without it; {remedy}")


def tuned_with(model: ModelEntry, settings: dict[str, Any]) -> dict[str, Any]:
    """The settings of a tuning run. Raises SealError as `tune_spec` and for samples above the model's window."""
    from seal_eval.models.window import window_of

    spec = tune_spec(settings)
    window = None if spec.on else window_of(model.pretrained, bool(model.args.get("trust_remote_code")))
    longest = max(in_tokens(task, size) for task, size in (*spec.mixture(), *spec.validation_mixture()))
    if window and longest > window:
        raise SealError(f"samples of {longest} tokens do not fit the window of {model.pretrained}, {window}; choose a shorter length")
    return asdict(spec)


def check_task(task: TaskEntry) -> None:
    """Raise SealError for a task of ours without sizes and samples, and as `check_other` for any other."""
    if is_other(task.task):
        check_other(task)
        return
    if missing := [key for key in ("sizes", "num_samples") if getattr(task, key) is None]:
        raise SealError(f"{missing[0]} is missing; {task.task} takes sizes, a list, and num_samples, the number of samples of each")
    from seal_eval.tasks import get_task

    for key, where in {get_task(task.task).size_key: "sizes", **MODELS_OWN}.items():
        if key in task.settings:
            raise SealError(f"{key} is not set here but by {where}")
