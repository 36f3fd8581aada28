"""lm-eval's command line: its --config file, the prompt flags of stock lm_eval, and the command that repeats a run."""

import contextlib
import io
import json
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seal_eval.core import strict_json
from seal_eval.core.errors import SealError, nearest
from seal_eval.core.home import from_home
from seal_eval.core.names import ENGINE, without_tokens
from seal_eval.core.settings import key_values

USAGE = """seal-eval run --model_args pretrained=M,method=NAME[,SETTING=VALUE…]
                     --tasks TASK[,TASK…] [more of lm-eval's flags]"""
DESCRIPTION = """\
lm-eval's own command with this project's engine, which applies a method, reads
what prompts have in common only once and never cuts a prompt. M is a short name
(seal-eval models list), a folder or a hub id. Results and samples go to
OUTPUT_PATH/MODEL__METHOD.

The tasks' settings go into --metadata, such as
  --metadata '{"lengths": [1024, 4096], "num_samples": 100}'
`seal-eval tasks` lists them, and `seal-eval baselines` lists the methods."""
FLAGS = ("batch_size", "max_batch_size", "device")  # a second value, in model_args, would be a TypeError
HELP = {  # of flags that mean something else here than in lm-eval
    "model": "seal (default), or a model class that runs checkpoints as they are: hf, vllm, served, or another of lm-eval's",
    "model_args": "Arguments of the model: pretrained=, dtype=, method= and its settings, max_length=, prefill_chunk=, share_prefixes=",
    "batch_size": "Prompts at a time, a number; auto is 8 with the model class seal",
    "output_path": "Folder of the results (default: results)",
    "log_samples": "Samples are always saved here",
    "num_fewshot": "Examples in the prompt, of tasks from outside only",
    "cache_requests": "Of tasks from outside only; this project's have a cache of their own",
    "metadata": "Settings of the tasks, as JSON or NAME=VALUE",
}


def stock_arguments() -> Any:
    """The arguments of the `lm_eval` command that this process runs, its --config file included; None in any other process.

    They are read with lm-eval's own parser, so abbreviations, repeated flags and values that begin with "-" mean here what they mean there.
    """
    program = Path(sys.argv[0])
    if program.name not in ("lm_eval", "lm-eval") and program.parts[-2:] != ("lm_eval", "__main__.py"):
        return None
    from lm_eval._cli import HarnessCLI

    argv = sys.argv[1:] if sys.argv[1:2] == ["run"] else ["run", *sys.argv[1:]]
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            args = HarnessCLI()._parser.parse_args(argv)
    except SystemExit:  # not a run: lm_eval ls, validate
        return None
    read_config(args)
    return args


def stock_prompt_flags(args: Any) -> dict[str, Any]:
    """Chat template and system prompt of `stock_arguments` as metadata keys, and whether lm-eval strips thinking; {} when those are None.

    Stock lm_eval does not pass them to the tasks, whose lengths and scores depend on them.
    """
    if args is None:
        return {}
    strips = {"think_stripped": True} if "think_end_token" in (args.model_args or {}) else {}
    return {
        "chat_template": getattr(args, "apply_chat_template", False) or False,
        "system_instruction": args.system_instruction or "",
        **strips,
    }


def refuse_for_ours(args: Any) -> None:
    """Raise SealError for flags of lm-eval that our tasks cannot obey."""
    if args.num_fewshot:
        raise SealError(f"--num_fewshot {args.num_fewshot}: seal_* tasks have no few-shot examples; leave it out")
    template = getattr(args, "apply_chat_template", None)
    if isinstance(template, str) and template != "default" and args.model != ENGINE:
        raise SealError(
            f"--apply_chat_template {template}: lm-eval's own engines render the default one of several templates, whatever the name; use "
            f"seal-eval run with --model {ENGINE}, or save the model with that template alone"
        )
    if args.cache_requests:
        raise SealError(
            "--cache_requests: lm-eval would ask the prompts of an earlier --metadata; leave it out, samples have a cache of their own"
        )


def read_config(args: Any) -> None:
    """Fill in `args`, in place, from lm-eval's --config file where the command line sets no value. Returns at once without --config.

    Raises SealError for a file that is missing or not YAML, an unknown key, and text where a mapping is needed.
    """
    if not args.config:
        return
    from lm_eval.config.evaluate_config import DICT_KEYS, EvaluatorConfig

    if not Path(args.config).is_file():
        raise SealError(f"--config {args.config} does not exist; name a YAML file whose keys are lm-eval's flags")
    try:
        config = EvaluatorConfig.load_yaml_config(args.config)
    except (ValueError, TypeError) as error:  # YAML's error messages have several lines
        raise SealError(f"--config {args.config}: {' '.join(str(error).split())}") from error
    for key, value in config.items():
        if key not in EvaluatorConfig.__dataclass_fields__:
            raise SealError(f"--config {args.config}: unknown key '{key}'{nearest(str(key), EvaluatorConfig.__dataclass_fields__)}")
        parsed = key_values(f"--config {args.config}, {key}", value) if key in DICT_KEYS and isinstance(value, str) else value
        if key in DICT_KEYS and not isinstance(parsed or {}, dict):
            raise SealError(f"--config {args.config}: {key} is {value!r}, must be a mapping or text such as NAME=VALUE,NAME=VALUE")
        given = getattr(args, key, None)
        if not given and given != 0:  # as lm-eval decides it: 0 and false are values
            setattr(args, key, parsed)
    if isinstance(args.tasks, str):
        args.tasks = args.tasks.split(",")
    args.config = None


def read_paths(args: Any) -> None:
    """Write the paths in parsed arguments that begin with ~, as `command` writes them, with the home folder in full."""
    for key, value in vars(args).items():
        setattr(args, key, from_home(value, key=key))


def take_flags(args: Any) -> None:
    """Move what lm-eval hands to every engine itself (FLAGS) from model_args to its flags, in place.

    Raises SealError for one that is given in both places with two values.
    """
    for key in FLAGS:
        if key in (args.model_args or {}):
            value, flag = args.model_args[key], getattr(args, key, None)
            if flag is not None and str(flag) != str(value):
                raise SealError(f"--{key} {flag} and {key}={value} in --model_args differ; give one of them")
            args.model_args = {name: item for name, item in args.model_args.items() if name != key}
            setattr(args, key, value)


def lm_eval_command() -> Any:
    """lm-eval's command line object, whose parser of `run` is `seal-eval run`'s: its help, and --no-selftest (see `take_selftest`).

    A JSON object with further values behind it, such as `--metadata '{"lengths": [512]}' num_samples=4`, is a wrong use: lm-eval would drop
    them and say nothing.
    """
    from lm_eval._cli import HarnessCLI
    from lm_eval._cli.utils import MergeDictAction

    class OneForm(MergeDictAction):
        def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
            if values and values[0].lstrip().startswith("{"):
                name = option_string or self.dest
                if len(values) > 1:
                    parser.error(f"argument {name}: {values[1]!r} behind a JSON object; write all as JSON, or all as NAME=VALUE")
                if wrong := _given_twice(values[0], vars(namespace).get(self.dest) or {}):
                    parser.error(f"argument {name}: {wrong}")
            super().__call__(parser, namespace, values, option_string)

    harness = HarnessCLI()
    parser = harness._subparsers.choices["run"]
    parser.add_argument("--no-selftest", action="store_true", help="Apply the method without trying it on the model first")
    parser.prog, parser.usage, parser.description, parser.epilog = "seal-eval run", USAGE, DESCRIPTION, None
    harness._parser.prog, harness._parser.usage = "seal-eval run", USAGE
    for action in parser._actions:
        action.help = HELP.get(action.dest, action.help)
        if type(action) is MergeDictAction:
            action.__class__ = OneForm
    return harness


def _given_twice(text: str, before: Mapping[str, Any]) -> str:
    """What is wrong with a JSON object of which lm-eval would take the last of two values and say nothing; '' where nothing is.

    before: what the same flag gave earlier in the command. For NAME=VALUE lm-eval itself says what it overwrites.
    """
    try:
        given = strict_json.loads(text, nan=True)
    except json.JSONDecodeError:
        return ""  # lm-eval says so
    except ValueError as error:
        return f"{error}"
    both = [key for key in given if key in before and before[key] != given[key]]
    return f"{both[0]} is {before[both[0]]!r} before and {given[both[0]]!r} here; give it once" if both else ""


def take_selftest(args: Any) -> None:
    """Move --no-selftest of parsed arguments to model_args, because lm-eval does not know the flag."""
    if args.no_selftest:
        args.model_args = {**(args.model_args or {}), "selftest": False}
    del args.no_selftest


def command(argv: list[str]) -> str:
    """Return the command that repeats this run, quoted for a shell; the user's home folder is ~ in it, a token of the hub HF_TOKEN."""
    home, words = str(Path.home()), [shlex.quote(without_tokens(word)) for word in argv]
    if home != "/":
        # only a path that begins with the home folder: for /home/al neither /home/alice nor /mnt/home/al
        begins_at_home = re.compile(rf"(?<![\w./~-]){re.escape(home)}(?=/|'?$)")
        words = [begins_at_home.sub("~", word) for word in words]
    return "seal-eval run " + " ".join(words)
