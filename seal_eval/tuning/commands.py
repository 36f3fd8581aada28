"""`seal-eval tune`, `heads` and `merge`."""

import inspect
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal, get_origin, get_type_hints

import typer

from seal_eval.core.streams import say
from seal_eval.models.commands import ModelOption, TrustOption
from seal_eval.tuning.config import TuneSpec

MapOption = Annotated[
    str,
    typer.Option(help="Spread the model over devices: auto, balanced, balanced_low_0, sequential, or a JSON object of module → device."),
]
MACHINE: dict[str, Any] = {"trust_remote_code": (TrustOption, False), "device_map": (MapOption, "")}


def tune_command(model: str, out: Path, trust_remote_code: bool = False, device_map: str = "", **settings: Any) -> None:
    """Learn SEAL's scales, LoRA or DoRA on generated samples.

    They are saved as a PEFT adapter, which stock lm_eval loads with peft=FOLDER. Repeat the command to continue a killed run.
    """
    from seal_eval.tuning.tune import forgetting_line, tune, validation_line

    card = tune(model, TuneSpec(**settings), out, trust_remote_code=trust_remote_code, device_map=device_map)
    if card:  # of several processes, the first one
        say(f"{out}: {forgetting_line(card)}; {validation_line(card)}")


def with_options(command: Callable[..., None], spec: type, **first: Any) -> Callable[..., None]:
    """Return the command with an option for each parameter in `first` (name → annotation) and each field of the settings class `spec`."""
    hints = get_type_hints(spec)
    parameters = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation) for name, annotation in first.items()]
    for name, (annotation, default) in MACHINE.items():
        if name in inspect.signature(command).parameters:
            parameters.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default))
    for f in fields(spec):
        flags = [f.metadata["flag"]] if f.metadata["flag"] else []
        option = typer.Option(*flags, help=f.metadata["help"], show_default=f.metadata["shown"])
        kind = str if get_origin(hints[f.name]) is Literal else hints[f.name]  # a Literal is checked by the settings class
        annotation = Annotated[kind, option]
        parameters.append(inspect.Parameter(f.name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=f.default))
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command


OutAdapter = Annotated[Path, typer.Option(help="New folder for the PEFT adapter and its card.")]


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
    chat: Annotated[bool, typer.Option("--apply_chat_template", help="Render the samples with the model's chat template.")] = False,
    system: Annotated[str, typer.Option("--system_instruction", help="System prompt of the samples.")] = "",
    dtype: Annotated[str, typer.Option(help="Type of the weights, such as bfloat16; auto: as saved.")] = "auto",
    trust_remote_code: TrustOption = False,
    device_map: MapOption = "",
) -> None:
    """Measure how much each attention head matters for a task.

    The map (layer × head) holds the rise of the answer's loss when the head is removed: predicted by one backward pass per
    sample, and exact.
    With --by copy it holds copy scores, which need no loss: how often the head attends most to the token that the answer copies.
    """
    from seal_eval.tuning.head_importance import HeadsSpec, head_map

    spec = HeadsSpec(task, length, samples, seed, sweep, by, chat, system, dtype)  # type: ignore[arg-type]  # checked by the class
    heads = head_map(model, spec, out, trust_remote_code, device_map)
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
        ranks = "no ranks to correlate" if heads["spearman"] is None else f"Spearman {heads['spearman']:.3f}"
        say(f"prediction against exact effect: {ranks}, same sign for {same} of heads")


def merge_command(
    model: ModelOption,
    out: Annotated[Path, typer.Option(help="New folder for the checkpoint.")],
    adapter: Annotated[str, typer.Option(help="Adapter folder, for example one written by tune.")] = "",
    on: Annotated[str, typer.Option(help="Rotary scaling to write into the configuration, such as yarn,factor=4.")] = "",
    trust_remote_code: TrustOption = False,
    device_map: MapOption = "",
) -> None:
    """Fold an adapter or a method into an ordinary checkpoint.

    An adapter goes into the weights, rotary scaling into the configuration. Inference then costs nothing extra.
    """
    from seal_eval.tuning.merge import export

    export(model, out, adapter, on, trust_remote_code, device_map)
    say(str(out))


TUNING: dict[str, Callable[..., None]] = {
    "tune": with_options(tune_command, TuneSpec, model=ModelOption, out=OutAdapter), "heads": heads_command, "merge": merge_command,
}  # fmt: skip
