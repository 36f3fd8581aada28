"""The command that repeats a run of stock lm_eval, which writes no file with its command."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from seal_eval.tasks import base_task, get_task

NOT_GIVEN = ("version", "config_source")  # keys of a task's metadata that its YAML file says
SEEDS, DEFAULT_SEEDS = ("random", "numpy", "torch", "fewshot"), (0, 1234, 1234, 1234)  # in the order of --seed


def stock_command(config: Mapping[str, Any], model_args: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """The command, quoted for a shell, from a results file (`data`), its `config` and the model arguments in it."""
    words = ["lm_eval", "--model", str(config.get("model")), "--model_args", json.dumps(dict(model_args))]
    words += ["--tasks", ",".join(sorted(data["results"]))]
    if metadata := _metadata(model_args, data):
        words += ["--metadata", json.dumps(metadata)]
    if config.get("limit"):
        words += ["--limit", str(config["limit"])]
    if options := config.get("gen_kwargs"):  # text in files of some versions
        words += ["--gen_kwargs", options if isinstance(options, str) else json.dumps(options)]
    examples = {(data.get("n-shot") or {}).get(task) for task in data["results"] if not (data.get("group_subtasks") or {}).get(task)}
    if len(examples) == 1 and any(examples) and not any(map(base_task, data["results"])):  # ours have none
        words += ["--num_fewshot", str(examples.pop())]
    if tuple(seeds := [config.get(f"{name}_seed") for name in SEEDS]) != DEFAULT_SEEDS and None not in seeds:
        words += ["--seed", ",".join(map(str, seeds))]
    if data.get("chat_template"):
        words += ["--apply_chat_template"]
    if data.get("system_instruction"):
        words += ["--system_instruction", str(data["system_instruction"])]
    return shlex.join([*words, "--log_samples"])


def _metadata(model_args: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata of all tasks of this project in the file that did not come from the model arguments or from a task of one length."""
    found: dict[str, Any] = {}
    for task in data["results"]:
        base = base_task(task)
        said = ((data.get("configs") or {}).get(task) or {}).get("metadata") if base else None
        if base and isinstance(said, dict):
            size = {get_task(base).size_key} if base != task else set()
            found |= {key: said[key] for key in said if key not in {*NOT_GIVEN, *model_args, *size}}
    return found
