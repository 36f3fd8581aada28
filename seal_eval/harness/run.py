"""`seal-eval run`: lm-eval's own command line, with our engine, our names and nothing lost."""

import fnmatch
import os
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from seal_eval.baselines import take_method
from seal_eval.core.errors import SealError, nearest
from seal_eval.core.names import ENGINE, method_label, safe
from seal_eval.harness.resume import complete, fingerprint
from seal_eval.harness.task_config import check_keys
from seal_eval.harness.vllm import vllm_args
from seal_eval.models.hub import resolve

# of lm-eval's arguments those that replies depend on; a run that goes on may have another batch size
DECIDES = (
    "model", "tasks", "metadata", "num_fewshot", "limit", "samples", "gen_kwargs", "apply_chat_template", "fewshot_as_multiturn",
    "system_instruction", "seed", "predict_only", "device",
)  # fmt: skip
FASTER = ("batch_size", "max_batch_size", "prefill_chunk", "share_prefixes")  # of model_args
USAGE = "seal-eval run --model_args pretrained=M,method=NAME[,SETTING=VALUE…] --tasks TASK[,TASK…] [more of lm-eval's flags]"
DESCRIPTION = (
    "lm-eval's own command with our engine: --model defaults to 'seal', whose method= is applied and whose prompts are never cut; "
    "M is a short name, a folder or a hub id. Results and samples go to OUTPUT_PATH/MODEL__METHOD (default: results)."
)


def run(argv: list[str]) -> Path:
    """Run lm-eval with `argv` (its own flags). Returns the folder that holds the new result files.

    Results go to OUTPUT_PATH/MODEL__METHOD/results_TIME.json and samples_TASK_TIME.jsonl (default output path: results).
    Raises SealError before any model is loaded for an unknown model, task, method or setting.
    """
    register()
    from lm_eval._cli import HarnessCLI
    from lm_eval.utils import setup_logging

    os.environ.setdefault("LMEVAL_LOG_LEVEL", "ERROR")  # its warnings are about flags that are meant here; set the variable to see them
    setup_logging()
    harness = HarnessCLI()
    parser = harness._subparsers.choices["run"]
    parser.usage, parser.description, parser.epilog = USAGE, DESCRIPTION, None
    args = harness._parser.parse_args(["run", *argv])
    _read_config(args)
    args.model = args.model or ENGINE
    model_args = {key: _from_home(value) for key, value in (args.model_args or {}).items()}
    args.model_args = _checked(args.model, model_args)
    check_keys(args.metadata or {}, strict=True)
    args.metadata = {  # lm-eval does not hand these to tasks, whose lengths count them
        "chat_template": getattr(args, "apply_chat_template", None) or False,
        "system_instruction": args.system_instruction or "",
        **{key: _from_home(value) for key, value in (args.metadata or {}).items()},
    }
    ours_alone = _check_tasks(args, model_args)
    method = method_label(args.model, model_args)
    folder = Path(_from_home(args.output_path or "results")) / f"{safe(model_args.get('pretrained') or args.model)}__{safe(method)}"
    args.log_samples = True

    def evaluate(out: Path) -> None:
        args.output_path = str(out / "results.json")  # lm-eval puts the time into the name and the samples beside it
        if args.model != ENGINE and not args.use_cache:
            args.use_cache = str(out.parent / "replies")  # other engines' replies, kept by lm-eval
        with _short_index() if ours_alone else nullcontext():
            harness.execute(args)

    _, note = complete(folder, spec_of(args), command(argv), evaluate)
    if note:
        print(f"{folder}: {note}", file=sys.stderr)
    return folder


def register() -> None:
    """Make `--model seal` known to lm-eval in this process; the engine is imported when it is used."""
    import lm_eval.models  # noqa: F401  must come first, or lm-eval's own models disappear
    from lm_eval.api.registry import model_registry

    if ENGINE not in model_registry:
        model_registry.register(ENGINE, target="seal_eval.harness.engine:SealLM")


def command(argv: list[str]) -> str:
    """The command that repeats this run, with the user's home folder written as ~."""
    home, said = str(Path.home()), [shlex.quote(a) for a in argv]
    if home != "/":
        whole = re.compile(rf"(?<![\w./~-]){re.escape(home)}(?=/|'?$)")  # where a path begins: with /home/al not /home/alice, /mnt/home/al
        said = [whole.sub("~", a) for a in said]
    return "seal-eval run " + " ".join(said)


def _from_home(value: Any) -> Any:
    """A path as `command` writes it, in full; anything else as it is."""
    return str(Path(value).expanduser()) if isinstance(value, str) and (value == "~" or value.startswith("~/")) else value


def spec_of(args: Any) -> dict[str, Any]:
    """Everything that the replies of a run depend on, but not what only makes it faster."""
    from importlib.metadata import version

    wanted = {key: value for key, value in args.model_args.items() if key not in FASTER}
    given = {key: getattr(args, key, None) for key in DECIDES}
    files = {k: fingerprint(Path(v)) for k, v in wanted.items() if isinstance(v, str) and Path(v).exists()}
    if args.include_path:
        files["include_path"] = fingerprint(Path(args.include_path))
    files |= {f"tasks/{name}": fingerprint(Path(name)) for name in args.tasks if Path(name).exists()}
    versions = {name: version(name) for name in ("seal-eval", "lm-eval", "transformers", "torch")}
    return {"model_args": wanted, **given, "files": files, "versions": versions}


def _read_config(args: Any) -> None:
    """lm-eval's --config file, its values taken where the command line gives none. Raises SealError for one that cannot be taken."""
    if not args.config:
        return
    from lm_eval.config.evaluate_config import DICT_KEYS, EvaluatorConfig
    from lm_eval.utils import simple_parse_args_string

    if not Path(args.config).is_file():
        raise SealError(f"--config {args.config} does not exist; name a YAML file whose keys are lm-eval's flags")
    try:
        found = EvaluatorConfig.load_yaml_config(args.config)
    except (ValueError, TypeError) as error:  # YAML's own errors take several lines
        raise SealError(f"--config {args.config}: {' '.join(str(error).split())}") from error
    for key, value in found.items():
        if key not in EvaluatorConfig.__dataclass_fields__:
            raise SealError(f"--config {args.config}: unknown key '{key}'{nearest(str(key), EvaluatorConfig.__dataclass_fields__)}")
        taken = simple_parse_args_string(value) if key in DICT_KEYS and isinstance(value, str) else value
        if key in DICT_KEYS and not isinstance(taken or {}, dict):
            raise SealError(f"--config {args.config}: {key} is {value!r}, must be a mapping or text such as NAME=VALUE,NAME=VALUE")
        if not getattr(args, key, None):
            setattr(args, key, taken)
    if isinstance(args.tasks, str):
        args.tasks = args.tasks.split(",")
    args.config = None


def _checked(engine: str, model_args: dict[str, Any]) -> dict[str, Any]:
    """The model_args that lm-eval's class is given: ours takes a model's short name itself, other engines its folder."""
    if engine not in (ENGINE, "hf", "vllm"):
        return model_args
    if not isinstance(model_args.get("pretrained"), str):
        raise SealError("no model: pass --model_args pretrained=SHORT_NAME_FOLDER_OR_HUB_ID")
    if engine == "vllm":
        return vllm_args(model_args)
    place = resolve(model_args["pretrained"])
    if engine == "hf":
        return {**model_args, "pretrained": place}
    take_method(model_args)
    return model_args


def _check_tasks(args: Any, model_args: dict[str, Any]) -> bool:
    """Whether all tasks are ours. Raises SealError for an unknown one, and for what is wrong with the documents of ours."""
    from lm_eval.tasks.manager import TaskManager

    from seal_eval.harness.dataset import documents
    from seal_eval.harness.task_config import SIZE_KEYS, leaves
    from seal_eval.tasks import get_task, task_names

    if not args.tasks:
        raise SealError("no task: pass --tasks, for example --tasks seal_lines")
    included = args.include_path
    args.include_path = included or _own_tasks()
    known = {"seal_eval": ("", 0), **{name: (name, 0) for name in task_names()}, **leaves()}
    own = {name for pattern in args.tasks for name in fnmatch.filter(known, pattern)}
    for name in task_names() if "seal_eval" in own else sorted(own):
        task, size = known[name]
        sizes = {SIZE_KEYS[get_task(task).unit]: [size]} if size else {}
        documents(task, **(sizes | model_args | args.metadata))  # what is wrong with them is told before a model is loaded
    foreign = [t for t in args.tasks if not fnmatch.filter([*own], t) and not t.endswith(".yaml") and not Path(t).is_dir()]
    if not foreign:
        return not included
    manager = TaskManager(include_path=args.include_path)
    for name in foreign:
        if not manager.match_tasks([name]):
            names = task_names() if name.startswith("seal") else manager.all_tasks
            hint = nearest(name, names)
            raise SealError(
                f"task '{name}' not found among lm-eval's tasks{hint if len(hint) < 200 else '; list them with: lm_eval ls tasks'}"
            )
    return False


@contextmanager
def _short_index() -> Iterator[None]:
    """Let lm-eval index our task files only: it reads fourteen thousand otherwise, for six seconds."""
    import lm_eval.tasks

    room: Any = lm_eval.tasks  # its class is replaced for a moment
    whole = room.TaskManager
    installed = Path(lm_eval.tasks.__file__).parent / "seal"

    def ours(include_path: str | None = None, **kwargs: Any) -> Any:
        return whole(include_path=include_path or str(installed), include_defaults=False, **kwargs)

    room.TaskManager = ours
    try:
        yield
    finally:
        room.TaskManager = whole


def _own_tasks() -> str | None:
    """The YAML folder of a checkout that has tasks which are not installed into lm_eval (new ones, another site-packages); else None."""
    import lm_eval.tasks

    installed = Path(lm_eval.tasks.__file__).parent / "seal"
    folder = Path(__file__).resolve().parents[2] / "tasks" / "yaml"
    return str(folder) if {f.name for f in folder.glob("*.yaml")} - {f.name for f in installed.glob("*.yaml")} else None
