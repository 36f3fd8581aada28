"""Checks of a suite's entries, before anything is planned with them."""

from collections.abc import Sequence
from pathlib import Path

from seal_eval.core.errors import SealError, closest, nearest
from seal_eval.core.streams import warn
from seal_eval.harness.budget import user_budget
from seal_eval.harness.engines import get_engine
from seal_eval.harness.model_args import misspelt
from seal_eval.harness.task_config import COMMON_KEYS, MODEL_KEYS, check_metadata, known_keys
from seal_eval.models.hub import HUB_ID, resolve
from seal_eval.suite.identity import content_of
from seal_eval.suite.other_tasks import check_other, is_other, refuse_flags
from seal_eval.suite.schema import MethodEntry, ModelEntry, TaskEntry
from seal_eval.tasks import get_task, task_settings, tasks

# arguments with which a model is loaded, and which making adapters, maps and templates does not take
LOADED_WITH = {
    "revision", "subfolder", "dtype", "tokenizer", "peft", "delta", "gguf_file", "load_in_4bit", "load_in_8bit", "use_fast_tokenizer",
}  # fmt: skip
TEMPLATES_OWN = ("enable_thinking", "chat_template_args")
PROMPTED_WITH = {*TEMPLATES_OWN, "add_bos_token"}  # arguments of prompts, which making adapters and maps does not take
# settings of a task that the suite takes from its model → where they are written
MODELS_OWN = {"chat_template": "apply_chat_template of the model", "system_instruction": "system_instruction of the model"}


def check_model(model: ModelEntry, methods: Sequence[MethodEntry]) -> None:
    """Raise SealError for a model that cannot be found, and for a template or type that its engine does not use."""
    engine, known = get_engine(model.engine), {method.method for method in methods}
    if unknown := [name for name in model.methods or () if name not in known]:
        raise SealError(f"methods: '{unknown[0]}' is not one of the suite's methods{nearest(unknown[0], known)}")
    if engine.loads_checkpoint:
        check_found(resolve(model.pretrained), str(model.args.get("revision") or ""))
    elif model.chat_template or model.dtype != "auto":
        key = "chat_template" if model.chat_template else "dtype"
        raise SealError(f"{key} has no effect with engine {engine.name}, whose server decides it; leave it out")
    elif model.batch_size is not None:
        raise SealError(f"batch_size has no effect with engine {engine.name}; leave it out, and see num_concurrent in docs/served.md")
    elif HUB_ID.fullmatch(tokenizer := str(model.args.get("tokenizer", ""))):
        check_found(tokenizer, "")
    if engine.applies_methods and (message := misspelt(set(model.args))):
        raise SealError(message)
    engine.prepare({**engine.names_model(model.pretrained, model.dtype), **model.args})
    if model.chat_template and not Path(model.chat_template).is_file():
        raise SealError(f"chat template {model.chat_template} does not exist")
    model.template()  # raises here, at the model that names it
    if model.chat_template and not model.apply_chat_template:
        raise SealError(f"chat_template {model.chat_template} has no effect without apply_chat_template: true")


def check_found(place: str, revision: str) -> None:
    """Say on stderr that a hub id could not be looked up. Raises SealError for one that looks like a folder that is missing.

    place: what `resolve` returned.
    """
    if Path(place).is_dir() or content_of(place, revision):
        return
    first, _, name = place.partition("/")
    if Path(first).is_dir():
        near = closest(name, [folder.name for folder in Path(first).iterdir()])
        hint = f"did you mean '{first}/{near}'?" if near else "check the folder's name"
        raise SealError(f"model '{place}' is neither a folder here, where {first} is one, nor a model that the hub shows; {hint}")
    warn(
        f"{place}: taken as a name on the Hugging Face hub; not verified, because it is not in the hub's cache and the hub did not show it"
    )


def check_args(model: ModelEntry, makes: Sequence[str]) -> None:
    """Raise SealError for arguments of a model that hold for its runs alone, where the suite also makes something with the model.

    makes: which of adapters and heads it makes.
    """
    made = [*(["a folder with the chat template"] if model.chat_template else []), *makes]
    alone = (LOADED_WITH if made else set()) | (PROMPTED_WITH if makes else set())
    for key in sorted(alone & model.args.keys()):
        remedy = {
            "revision": "download that revision into a folder (hf download) and name the folder",
            "dtype": "write dtype beside args",
            **dict.fromkeys(TEMPLATES_OWN, "write a chat_template that does so by itself"),
        }.get(key, "save the model so that it needs no such argument, and name its folder")
        raise SealError(f"args: {key} holds for the runs alone, while the suite makes {' and '.join(made)} without it; {remedy}")


def check_task(task: TaskEntry, parts: Sequence[TaskEntry]) -> None:
    """Raise SealError for an entry without sizes and samples, or with a setting that its runs would refuse or drop.

    parts: the tasks that the entry stands for, see `located`. A task that is not ours is checked as by `check_other`.
    """
    if task.gen_kwargs:
        user_budget(task.gen_kwargs, "")
    if is_other(task.task):
        check_other(parts[0])
    else:
        _check_ours(task, [part.task for part in parts])


def _check_ours(task: TaskEntry, names: Sequence[str]) -> None:
    """Raise SealError for what a task of ours lacks, and for settings that it does not take. names: the tasks of the entry."""
    if missing := [key for key in ("sizes", "num_samples") if getattr(task, key) is None]:
        raise SealError(f"{missing[0]} is missing; {task.task} takes sizes, a list, and num_samples, the number of samples of each")
    found = [get_task(name) for name in names]
    for key, where in {**{one.size_key: "sizes" for one in found}, **MODELS_OWN}.items():
        if key in task.settings:
            raise SealError(f"{key} is not set here but by {where}")
    if task.num_fewshot is not None:
        raise SealError(f"num_fewshot is {task.num_fewshot}: {task.task} has no few-shot examples; leave it out")
    refuse_flags({*task.settings} - {*known_keys()})
    check_metadata(task.settings, strict=True, place="write it in args of the model", where="")
    taken = {*COMMON_KEYS, *MODEL_KEYS, *(key for one in found for key in task_settings(one))}
    for key in task.settings.keys() - taken:
        owners = sorted(name for name, one in tasks().items() if key in (one.size_key, *task_settings(one)))
        raise SealError(f"{key} is a setting of {', '.join(owners)}, not of {task.task}; leave it out")
