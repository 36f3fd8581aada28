"""The command of a run, which its page shows to be copied: one plain command of ours or lm-eval's that says what the results file says."""

import contextlib
import fnmatch
import io
import re
import shlex
from pathlib import Path
from typing import Any

from seal_eval.core.errors import SealError
from seal_eval.core.files import read_text
from seal_eval.core.names import ENGINE, visible
from seal_eval.core.strict_json import short
from seal_eval.harness.budget import user_budget
from seal_eval.harness.command_line import lm_eval_command, take_selftest
from seal_eval.harness.task_config import known_keys, leaves
from seal_eval.harness.task_yaml import yaml_files
from seal_eval.leaderboard.submissions import PATH_KEYS
from seal_eval.leaderboard.verify_settings import KEPT
from seal_eval.prompts.settings import KEYS
from seal_eval.results.run_files import model_args_of
from seal_eval.results.stock_command import SEEDS
from seal_eval.tasks import base_task, get_task, ruler_tasks, task_names

PROGRAMS = (["seal-eval", "run"], ["lm_eval", "run"], ["lm-eval", "run"], ["lm_eval"], ["lm-eval"], ["python", "-m", "lm_eval"])
# words as shlex.quote writes them: outside of quotes there is nothing that a shell reads as more than text
PLAIN = re.compile(r"""(?:[A-Za-z0-9@%+=:,./~_-]|'[^']*'|"'"| (?=\S))*""")
# flags that let the command read files that others do not have, run code, ask other samples, or send results elsewhere
ELSEWHERE = (
    "config", "include_path", "samples", "cache_requests", "check_integrity", "wandb_args", "wandb_config_args", "trackio_args",
    "hf_hub_log_args", "predict_only", "trust_remote_code", "confirm_run_unsafe_code",
)  # fmt: skip


def check_command(file: Path, data: dict[str, Any]) -> None:
    """Raise SealError unless the command in a file is one run that the results file (`data`) agrees with.

    Its words are parsed by lm-eval's own parser, and compared: engine, model arguments, tasks, metadata, limit, generation settings,
    chat template and system prompt.
    """
    text = read_text(file).removesuffix("\n")
    if text != visible(text) or not PLAIN.fullmatch(text):
        raise SealError(f"{file}: {short(text)} must be one command without shell operators, quoted as shlex.join does it; {REMEDY}")
    words = shlex.split(text)
    program = next((p for p in PROGRAMS if words[: len(p)] == p), None)
    if program is None:
        raise SealError(f"{file}: {short(text)} must be a command of seal-eval run or lm_eval; {REMEDY}")
    args = _parsed(file, words[len(program) :])
    for flag in ELSEWHERE:
        if getattr(args, flag, None):
            raise SealError(f"{file}: --{flag} is nothing that others can repeat; publish a run without it")
    ours = program[0] == "seal-eval"
    _compare(file, args, data, ours)


REMEDY = "publish the file as seal-eval submit wrote it"


def _parsed(file: Path, words: list[str]) -> Any:
    """The words after the program's name, read by lm-eval's parser."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            args = lm_eval_command()._parser.parse_args(["run", *words])
        take_selftest(args)
        return args
    except SystemExit:
        why = (said.getvalue().strip().splitlines() or ["no run"])[-1]
    except Exception as error:  # the parser evaluates values as Python literals, which raises many types
        why = type(error).__name__
    raise SealError(f"{file}: lm-eval cannot read the command ({short(why)}); {REMEDY}")


def _compare(file: Path, args: Any, data: dict[str, Any], ours: bool) -> None:
    config, recorded = data["config"], model_args_of(data["config"])

    def must(fits: bool, flag: str, said: Any, there: Any) -> None:
        if not fits:
            raise SealError(f"{file}: --{flag} says {short(said)}, the results file {short(there)}; {REMEDY}")

    engine = args.model or (ENGINE if ours else "hf")
    must(engine == config["model"], "model", engine, config["model"])
    said = dict(args.model_args or {})
    if engine != ENGINE and said.get("method") == "plain":
        del said["method"]  # seal-eval run takes it out for engines that apply no method
    for key in said.keys() | (recorded.keys() if engine == ENGINE or not ours else set()):
        must(_same(key, said.get(key), recorded.get(key)), "model_args", {key: said.get(key)}, {key: recorded.get(key)})
    tasks = sorted({name for pattern in _list(args.tasks) for name in _expanded(pattern)})
    must(tasks == sorted(data["results"]), "tasks", args.tasks, sorted(data["results"]))
    must(args.limit == config["limit"], "limit", args.limit, config["limit"])
    generation = dict(config.get("gen_kwargs") or {})
    must(user_budget(args.gen_kwargs) == user_budget(generation), "gen_kwargs", args.gen_kwargs, generation)
    for name, flag, default in (("chat_template", "apply_chat_template", False), ("system_instruction", "system_instruction", "")):
        value = getattr(args, flag, None) or default
        if not ours:
            there = data.get(name) or default
            must(bool(value) == bool(there) and (name == "chat_template" or value == there), flag, value, there)
    must(not args.num_fewshot, "num_fewshot", args.num_fewshot, 0)
    seeds = [config[f"{name}_seed"] for name in SEEDS if config.get(f"{name}_seed") is not None]
    must(len(seeds) < len(SEEDS) or list(args.seed or seeds) == seeds, "seed", args.seed, seeds)
    metadata = dict(args.metadata or {})
    for task, setup in data["configs"].items():
        size = leaves().get(task)
        base = base_task(task)
        assert base  # checked before
        prompt = {"chat_template": getattr(args, "apply_chat_template", None) or False, "system_instruction": args.system_instruction or ""}
        for key, flag in (("chat_template", "apply_chat_template"), ("system_instruction", "system_instruction")):
            there = setup["metadata"].get(key)
            must(not ours or not prompt[key] or prompt[key] == there, flag, prompt[key], there)
        sizes = {get_task(base).size_key: [size[1]]} if size else {}
        # lm-eval's engines take out the thinking, and the run tells the tasks
        stripped = {"think_stripped": True} if engine != ENGINE and "think_end_token" in said else {}
        given = (prompt if ours else {}) | stripped | sizes | said | metadata
        for key in metadata.keys() | ({*known_keys(), *KEPT, *KEYS} & setup["metadata"].keys()):
            must(
                _same(key, given.get(key), setup["metadata"].get(key)), "metadata", {key: given.get(key)}, {key: setup["metadata"].get(key)}
            )


def _same(key: str, said: Any, there: Any) -> bool:
    """Whether two values are equal; of paths, the last parts: they are shortened in different ways in text and in JSON."""
    if key in PATH_KEYS and isinstance(said, str) and isinstance(there, str):
        return re.split(r"[\\/]", said.rstrip("\\/"))[-1] == re.split(r"[\\/]", there.rstrip("\\/"))[-1]
    return bool(said == there) and isinstance(said, bool) == isinstance(there, bool)


def _list(tasks: Any) -> list[str]:
    return tasks.split(",") if isinstance(tasks, str) else list(tasks or [])


def _expanded(pattern: str) -> list[str]:
    """Our tasks that a pattern of --tasks stands for."""
    import yaml

    if pattern == "seal_eval":
        return task_names()
    if (group := yaml_files().get(f"{pattern}.yaml", "")).startswith("group:"):
        return list(yaml.safe_load(group)["task"])
    return fnmatch.filter([*task_names(), *ruler_tasks(), *leaves()], pattern)
