"""`seal-eval run`: lm-eval's command line with our engine, folders named after model and method, and runs that continue when repeated."""

import fnmatch
import logging
import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from seal_eval.baselines import installed_code
from seal_eval.core.content import fingerprint, named_files
from seal_eval.core.errors import SealError, first_line, nearest
from seal_eval.core.folders import cache
from seal_eval.core.names import ENGINE, check_utf8
from seal_eval.harness.budget import FROM_USER, check_generation, user_budget
from seal_eval.harness.chosen import check_chosen, check_limit, chosen_samples
from seal_eval.harness.command_line import command, lm_eval_command, read_config, read_paths, refuse_for_ours, take_flags, take_selftest
from seal_eval.harness.dataset import material_versions
from seal_eval.harness.engines import get_engine, register
from seal_eval.harness.environment import described_quietly
from seal_eval.harness.logged import replies_logged
from seal_eval.harness.model_args import check_names_reached
from seal_eval.harness.processes import records_kept_whole
from seal_eval.harness.resume import complete, spec_id
from seal_eval.harness.stock_window import longer_window
from seal_eval.harness.task_config import check_metadata
from seal_eval.harness.task_files import named_tasks, task_files
from seal_eval.harness.task_index import fresh_folder, own_tasks_only
from seal_eval.models.hub import content, resolve
from seal_eval.models.placement import LOW_BITS, check_device
from seal_eval.tasks import VERSION, files_read

# arguments of lm-eval that the replies depend on, besides model_args: a killed run continues only if they are the same
DECIDES = (
    "model", "tasks", "metadata", "num_fewshot", "limit", "samples", "gen_kwargs", "apply_chat_template", "fewshot_as_multiturn",
    "system_instruction", "seed", "predict_only", "device",
)  # fmt: skip
# lm-eval's warnings about what this command does on purpose
ON_PURPOSE = ("Custom kwargs can be passed to `--metadata`", "SHOULD ONLY BE USED FOR TESTING")
# model_args that may differ when a run continues
FASTER = ("prefill_chunk", "share_prefixes", "selftest", "num_concurrent", "max_retries", "timeout")
NO_TEMPLATE = "instruct or chat variant but chat template is not applied"  # lm-eval's advice; docs/tasks.md says when to follow it


def run(argv: list[str]) -> Path:
    """Run lm-eval with `argv`, its own flags. Return the folder with the result files.

    The files are OUTPUT_PATH/MODEL__METHOD/results_TIME.json and samples_TASK_TIME.jsonl (default output path: results). The same call
    continues a run that was killed, and does not repeat one that is complete. Raises SealError before any model is loaded for an
    unknown model, task, method or setting, for samples that cannot be built, and for an argument that is not UTF-8.
    """
    return results_of(argv).parent


def results_of(argv: list[str]) -> Path:
    """Like `run`, but return the run's results file. Where processes share a run, only the first has one; others return the work folder."""
    for word in argv:
        check_utf8("argument", word)
    register()
    from lm_eval.utils import setup_logging

    os.environ.setdefault("LMEVAL_LOG_LEVEL", "WARNING")
    setup_logging()
    for name in ("lm_eval.api.task", "lm_eval.evaluator", "lm_eval._cli.run", "lm_eval.config.evaluate_config"):
        logging.getLogger(name).addFilter(_concerns_the_user)
    harness = lm_eval_command()
    try:
        args = harness._parser.parse_args(["run", *argv])
    except (ValueError, RecursionError) as error:  # of lm-eval's own conversions, such as of a number with thousands of digits
        raise SealError(f"the flags cannot be read ({first_line(error)}); check --metadata, --model_args and --gen_kwargs") from error
    read_config(args)
    read_paths(args)
    check_limit(args.limit)
    chosen = chosen_samples(args.samples, args.limit)
    engine = get_engine(args.model or ENGINE)
    args.model = engine.name
    if args.no_selftest and not engine.applies_methods:
        raise SealError(f"--no-selftest: --model {engine.name} applies no method, so there is no self-test; leave it out")
    take_selftest(args)
    if engine.name != "served":  # it says what to pass in their place
        take_flags(args)
    if getattr(args, "trust_remote_code", False) and engine.loads_checkpoint:  # lm-eval adds it later, when windows have been read
        args.model_args = {**(args.model_args or {}), "trust_remote_code": True}
    if args.device and engine.name in (ENGINE, "hf"):
        check_device(str(args.device))
    model_args = dict(args.model_args or {})
    args.model_args = engine.prepare(model_args)
    if engine.loads_checkpoint:
        check_names_reached(model_args)
    if engine.name == "vllm" and "vllm" not in sys.modules and find_spec("vllm") is None:
        raise SealError("--model vllm needs vLLM: pip install vllm (without a GPU: docs/served.md)")
    args.gen_kwargs = user_budget(args.gen_kwargs)
    args.metadata = {  # tasks need the prompt flags to count the tokens of a prompt, and lm-eval does not pass them on
        "chat_template": getattr(args, "apply_chat_template", None) or False,
        "system_instruction": args.system_instruction or "",
        **(args.metadata or {}),
    }
    if engine.name != ENGINE and "think_end_token" in model_args:
        args.metadata["think_stripped"] = True
    only_ours = _check_tasks(args, model_args, chosen)
    advice = logging.getLogger("lm_eval.evaluator")
    (advice.addFilter if only_ours else advice.removeFilter)(_is_no_advice)
    folder = engine.folder(Path(args.output_path or "results"), model_args)
    args.log_samples = True
    spec = spec_of(args)
    if args.use_cache:  # lm-eval finds its cached replies by the task's prompt and options, whatever else they depend on
        args.use_cache += f"-{spec_id({key: value for key, value in spec.items() if key not in ('tasks', 'limit', 'samples')})}"

    def evaluate(out: Path) -> None:
        args.output_path = str(out / "results.json")  # lm-eval adds the time to the name, and writes the samples next to it
        with ExitStack() as stack:
            stack.callback(FROM_USER.reset, FROM_USER.set("max_gen_toks" in args.gen_kwargs))  # a notebook may go on with an engine
            stack.enter_context(described_quietly())
            if engine.applies_methods:
                stack.enter_context(records_kept_whole())
            if only_ours:
                stack.enter_context(own_tasks_only())
            if not engine.logs_replies:
                stack.enter_context(replies_logged(engine.name, getattr(args, "batch_size", None)))
            harness.execute(args)

    results, note = complete(folder, spec, command(argv), evaluate, speed_of(args))
    if note:
        print(f"{folder}: {note}", file=sys.stderr)
    return results


def _name_tokenizer(metadata: dict[str, Any], model_args: Mapping[str, Any]) -> None:
    """Name the tokenizer's folder in `metadata` where the model has a short name, which lm-eval's RULER would look for on the hub."""
    name = str(model_args.get("pretrained") or "")
    with suppress(SealError):  # a name that only the engine knows
        if name and "tokenizer" not in {*metadata, *model_args} and (place := resolve(name)) != name:
            metadata["tokenizer"] = place


def _concerns_the_user(record: logging.LogRecord) -> bool:
    return not any(text in record.getMessage() for text in ON_PURPOSE)


def _is_no_advice(record: logging.LogRecord) -> bool:
    return NO_TEMPLATE not in record.getMessage()


def spec_of(args: Any) -> dict[str, Any]:
    """Return everything that the replies of a run depend on; settings that affect only its speed (FASTER) are left out."""
    from importlib.metadata import version

    model_args = {key: value for key, value in args.model_args.items() if key not in FASTER}
    flags = {key: getattr(args, key, None) for key in DECIDES}
    named = {**model_args, "metadata": args.metadata, "include_path": args.include_path, "samples": flags["samples"]}
    files = named_files(named, read=files_read())
    for file in (file for name in args.tasks for file in named_tasks(name)):
        files[f"tasks/{file}"] = fingerprint(Path(file))
        files |= {f"tasks/{file}/{name}": held for name, held in task_files(Path(file)).items()}
    if args.include_path and not Path(args.include_path).is_relative_to(cache()):
        files |= {f"include_path/{name}": held for name, held in task_files(Path(args.include_path)).items()}
    files |= model_files(model_args) | {f"metadata/{key}": value for key, value in model_files(args.metadata).items()}
    versions = {name: version(name) for name in ("seal-eval", "lm-eval", "transformers", "torch")}
    versions |= {"tasks": str(VERSION)} | material_versions() | installed_code(str(args.model_args.get("method", "plain")))
    versions |= {name: version(name) for name in _loaders(str(flags["model"]), model_args) if find_spec(name)}
    return {"model_args": model_args, **flags, "files": files, "versions": versions}


def _loaders(engine: str, model_args: Mapping[str, Any]) -> list[str]:
    """The packages besides transformers that a run's weights are read and computed with."""
    few_bits = model_args.get("dtype") in LOW_BITS or any(model_args.get(f"load_in_{bits}bit") for bits in (4, 8))
    needed = {"vllm": engine == "vllm", "peft": "peft" in model_args, "bitsandbytes": few_bits}
    return [name for name, needs in needed.items() if needs]


def speed_of(args: Any) -> dict[str, str]:
    """The settings of a run that affect its speed and, by rounding, a few replies."""
    given = {
        "batch_size": getattr(args, "batch_size", None) or 1,
        **{key: args.model_args.get(key) for key in ("share_prefixes", "prefill_chunk")},
    }
    return {key: str(value) for key, value in given.items() if value is not None}


def model_files(settings: Mapping[str, Any]) -> dict[str, str]:
    """The content of what settings name by folder, short name or hub id: key → `hub.content`. `named_files` has adapters in folders."""
    found = {}
    adapters = [key for key in ("peft", "delta", "lora_local_path") if settings.get(key) and not Path(str(settings[key])).is_dir()]
    for key in ("pretrained", "tokenizer", *adapters):
        config = "config.json" if key in ("pretrained", "tokenizer", "delta") else "adapter_config.json"
        with suppress(SealError):  # a served model, or a name that only the engine knows
            found[key] = content(str(settings[key]), str(settings.get("revision") or ""), config) if settings.get(key) else ""
    return {key: value for key, value in found.items() if value}


def _check_tasks(args: Any, model_args: dict[str, Any], chosen: Mapping[str, list[int]] | None = None) -> bool:
    """Return whether lm-eval needs to index our task files only. Sets args.include_path if the installed ones are out of date.

    Builds the documents of our tasks; other tasks are given the tokenizer of a model with a short name. chosen: what --samples names.
    Raises SealError for no task, an unknown task or sample, and documents that cannot be built.
    """
    from lm_eval.tasks.manager import TaskManager

    from seal_eval.harness.dataset import documents
    from seal_eval.harness.task_config import leaves, read_spec, without_effect
    from seal_eval.harness.task_yaml import yaml_files
    from seal_eval.tasks import get_task, ruler_tasks, task_names

    if not args.tasks:
        raise SealError("no task: pass --tasks, for example --tasks seal_lines")
    n_samples: dict[str, int] = {}
    included = args.include_path
    args.include_path = included or fresh_folder()
    known = {"seal_eval": ("", 0), **{name: (name, 0) for name in (*task_names(), *ruler_tasks())}, **leaves()}
    ours = {name for pattern in args.tasks for name in fnmatch.filter(known, pattern)}
    files = {name.removesuffix(".yaml") for name in yaml_files()}  # groups too
    check_metadata(args.metadata, strict=all(fnmatch.filter([*known, *files], pattern) for pattern in args.tasks))
    if any(fnmatch.filter([*known, *files], pattern) for pattern in args.tasks):
        refuse_for_ours(args)
    if ours and args.model == ENGINE:
        args.model_args |= longer_window(args.model_args)
    for name in task_names() if "seal_eval" in ours else sorted(ours):
        task, size = known[name]
        sizes = {get_task(task).size_key: [size]} if size else {}
        metadata = sizes | model_args | args.model_args | args.metadata  # the engine's arguments name its window
        docs = documents(task, **metadata)["test"]  # raises here rather than after a model is loaded
        check_generation(args.gen_kwargs, docs, read_spec(task, metadata), stock=args.model != ENGINE)
        n_samples[name] = len(docs)
    others = [t for t in args.tasks if not fnmatch.filter([*ours], t) and not t.endswith(".yaml") and not Path(t).is_dir()]
    only_ours = all(fnmatch.filter([*ours], t) for t in args.tasks)
    check_chosen(chosen or {}, n_samples, others="seal_eval" in ours or not only_ours)
    if "seal_eval" not in ours and only_ours:
        for remark in without_effect(args.metadata, {known[name][0] for name in ours}):
            print(remark, file=sys.stderr)
    if not others:
        return not included
    _name_tokenizer(args.metadata, model_args)
    manager = TaskManager(include_path=args.include_path)
    for name in others:
        if not manager.match_tasks([name]):
            names = task_names() if name.startswith("seal") else manager.all_tasks
            hint = nearest(name, names)
            raise SealError(
                f"task '{name}' not found among lm-eval's tasks{hint if len(hint) < 200 else '; list them with: lm_eval ls tasks'}"
            )
    return False
