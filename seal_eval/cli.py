"""The command line: each command parses its options, calls a function, prints. An error is one line on stderr, unless --debug is given."""

import contextlib
import shutil
import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from seal_eval.core.streams import collect_rarely, leave, say
from seal_eval.leaderboard import commands as leaderboard_commands
from seal_eval.models import commands as models_commands
from seal_eval.results import commands as results_commands
from seal_eval.suite import commands as suite_commands
from seal_eval.tuning import commands as tuning_commands

app = typer.Typer(
    name="seal-eval", no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Evaluate how well language models retrieve from long contexts, and which methods make them better.",
)  # fmt: skip
app.add_typer(models_commands.app, name="models")
score_app = typer.Typer(no_args_is_help=True, help="Score existing response files again.")
app.add_typer(score_app, name="score")
score_app.command("longeval-lines")(results_commands.longeval_lines_command)


def _print_version(asked: bool) -> None:
    if asked:
        from seal_eval import __version__

        print(__version__)
        raise typer.Exit


@app.callback()
def root(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)] = False,
    log_json: Annotated[
        Path | None, typer.Option("--log-json", help="Append every event to this file, one JSON object per line; /dev/stderr works too.")
    ] = None,
) -> None:
    if log_json:
        from seal_eval.core.progress import log_to

        log_to(log_json)


@app.command("quickstart")
def quickstart_command(out: Annotated[Path, typer.Option(help="Folder for results, adapter and site.")] = Path("quickstart")) -> None:
    """Try every step on a small model, from evaluation to site.

    It evaluates, tunes SEAL, evaluates again, compares and writes a site. Takes about a quarter of an hour on two CPU cores. Repeat the
    command to continue where it stopped.
    """
    from seal_eval.quickstart import quickstart as start

    start(out)


@app.command(
    "run",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    options_metavar="[LM-EVAL'S FLAGS]",
)
def run_command(context: typer.Context) -> None:
    """Evaluate a model, with lm-eval's flags.

    --model_args pretrained=M,method=NAME,… applies a method. `seal-eval run --help` lists the flags.
    """
    from seal_eval.harness.run import results_of

    results = results_of(context.args)
    if results.is_file():  # not of a process that leaves the writing to another one
        results_commands.show_reasons(results)
    say(str(results.parent))


@score_app.command("results")
def score_results_command(
    results: Annotated[Path, typer.Argument(help="Folder with lm-eval's result files; subfolders are searched too.")],
    out: Annotated[Path, typer.Option(help="New folder for the copies.")],
) -> None:
    """Score the replies of finished runs again.

    By today's rules, and says what moved. The old files stay as they are.
    """
    from seal_eval.harness.rescore import rescore

    for moved in rescore(results, out):
        change = f"{moved.up} of {moved.n} replies up, {moved.down} down" if moved.up or moved.down else "no score moved"
        say(f"{moved.file.parent.name}  {moved.task}: {100 * moved.before:.1f} → {100 * moved.after:.1f} %, {change}")
    say(str(out))


GROUPS = (tuning_commands.TUNING, results_commands.STATISTICS, suite_commands.SUITES, leaderboard_commands.PUBLICATION)
for name, command in (named for group in GROUPS for named in group.items()):
    app.command(name)(command)


@app.command("baselines")
def baselines_command() -> None:
    """List every method with its source and its settings.

    Also the settings' defaults, and the package that a method comes from.
    """
    import dataclasses

    from seal_eval.baselines import get_method, method_names, method_notes, method_settings, source_package
    from seal_eval.core.errors import SealError

    for name in method_names():
        try:
            method, fields = get_method(name), method_settings(name)
        except SealError as error:  # of a plugin: the others are listed all the same
            _say_about((name, f"cannot be used: {error}"))
            continue
        settings = ", ".join(f.name + ("" if f.default is dataclasses.MISSING else f"={f.default}") for f in fields) or "none"
        about = (method.summary, *method_notes(name), f"settings: {settings}")
        _say_about((name, *about, f"source: {method.citation or '-'}", f"from: {source_package(name)}"))


@app.command("tasks")
def tasks_command() -> None:
    """List every task with its source, settings and an example."""
    from seal_eval.harness.task_config import COMMON_KEYS
    from seal_eval.tasks import RULER_GROUP, get_task, ruler_tasks, task_names, task_settings

    for name in task_names():
        task = get_task(name)
        key, size = task.size_key, (task.sizes or (1024,))[0]
        example = f"seal-eval run --model_args pretrained=M --tasks {name} --metadata {key}=[{size}]"
        settings = ", ".join((key, *task_settings(task)))
        _say_about((name, task.summary, f"source: {task.citation}", f"settings: {settings}", f"example: {example}"))
    say(f"\nEvery task also takes: {', '.join(COMMON_KEYS)}")
    members = [name.removeprefix(f"{RULER_GROUP}_") for name in ruler_tasks()]
    example = f"seal-eval run --model_args pretrained=M --tasks {RULER_GROUP} --metadata lengths=[4096]"
    about = f"a group: RULER's {len(members)} tasks, in its composition and in this project's words; 'seal_*' does not match it"
    _say_about((RULER_GROUP, about, f"tasks: {', '.join(members)}", f"example: {example}"))


def _say_about(lines: Iterable[str]) -> None:
    """Print a name and the lines about it, indented. A terminal gets no line that it would break; a pipe gets each whole."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 1 << 20
    name, *about = lines
    filled = (textwrap.fill(line, width, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False) for line in about)
    say("\n".join([name, *filled]))


def script() -> None:
    """The console script: `main`, after which the process ends at once if it has loaded torch."""
    collect_rarely()
    try:
        main()
    except SystemExit as end:
        if "torch" not in sys.modules or not isinstance(end.code, int | None):
            raise
        leave(end.code or 0)


def _names_vllm(words: Iterable[str]) -> bool:
    """Whether the words of a command may choose the engine vLLM, itself or in a file such as that of --config.

    It is asked before anything is parsed: tqdm reads its switch when it is imported.
    """
    for word in words:
        value = word.rpartition("=")[2]
        if value == "vllm":
            return True
        with contextlib.suppress(OSError, ValueError):  # not a path: too long, or with a zero byte
            file = Path(value).expanduser()
            if file.is_file() and file.stat().st_size < 1 << 20 and b"vllm" in file.read_bytes():
                return True
    return False


def main() -> None:
    """Run the command line. Exit status: 0 success, 1 an error (one line on stderr), 2 wrong usage, 130 interrupted."""
    from seal_eval.core import streams
    from seal_eval.core.errors import SealError

    streams.prepare()
    debug = "--debug" in sys.argv[1:]
    if not sys.stderr.isatty() and "suite" not in sys.argv[1:] and not _names_vllm(sys.argv[1:]):  # a suite does so for its workers
        streams.no_bars()
    try:
        with streams.all_written():
            app()
    except SealError as error:
        if debug:
            raise
        streams.warn(f"seal-eval: {error}")
        sys.exit(1)
    except (KeyboardInterrupt, SystemExit) as stop:
        if isinstance(stop, SystemExit) and stop.code != 130:
            raise
        print("\nseal-eval: interrupted; nothing is lost, run the same command again to continue", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        if debug:
            raise
        if isinstance(error, OSError) and error.filename is not None:
            streams.warn(f"seal-eval: {error.filename}: {error.strerror} (--debug shows where)")
            sys.exit(1)
        lines = str(error).strip().splitlines() or [type(error).__name__]
        streams.warn(f"seal-eval: {type(error).__name__}: {lines[0]} (--debug shows where)")
        sys.exit(1)
