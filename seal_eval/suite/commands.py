"""`seal-eval suite` and `seal-eval status`."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from seal_eval.suite.cells import Cell
    from seal_eval.suite.spec import Suite


def suite_command(
    file: Annotated[Path, typer.Argument(help="YAML file: models, methods, tasks; docs/suites.md describes it.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for results, adapters and logs.", show_default="results/ and the suite's name")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the cells with an estimate of time and memory, run nothing.")] = False,
    executor: Annotated[str, typer.Option(help="[b]local[/b], or [b]ray[/b]: a Ray cluster.")] = "local",
    workers: Annotated[int, typer.Option(help="Processes of the local executor.", min=1)] = 1,
    address: Annotated[str, typer.Option(help="Of the Ray cluster, such as auto.", show_default="one started here")] = "",
) -> None:
    """Run models × methods × tasks × sizes. What is done is skipped, what fails is noted and the rest goes on (exit status 1)."""
    from seal_eval.core.errors import SealError
    from seal_eval.suite.cells import plan
    from seal_eval.suite.execute import run_suite
    from seal_eval.suite.spec import read_suite

    if executor not in ("local", "ray"):
        raise SealError(f"--executor {executor} is not known; choose local or ray")
    out = (out or Path("results") / read_suite(file)[0].name).absolute()
    asked, cells = plan(file, out)
    if dry_run:
        show_plan(asked, cells, out)
        return
    try:
        failed = run_suite(asked, cells, out, executor, workers, address)
    except KeyboardInterrupt:
        show_status(out)
        raise
    show_status(out)
    if failed:
        raise SealError(f"{failed} of {len(cells)} cells failed; their logs are in {out / 'cells'}; repeat the command to try them again")


def status_command(folder: Annotated[Path, typer.Argument(help="A suite's output folder.")]) -> None:
    """A suite under way or over: its cells, their replies on disk, what failed and why."""
    show_status(folder)


SUITES: dict[str, Callable[..., None]] = {"suite": suite_command, "status": status_command}


def show_plan(asked: "Suite", cells: "list[Cell]", out: Path) -> None:
    """The cells, what each takes, and the sum."""
    from rich.table import Table

    from seal_eval.core.progress import console
    from seal_eval.suite.cells import state_of
    from seal_eval.suite.estimate import cell_cost

    table = Table("cell", "samples", "tokens read", "time", "memory", "state", box=None, header_style="bold")
    total = 0.0
    for cell in cells:
        found, state = cell_cost(asked, cell), state_of(out, cell)["state"]
        total += found.seconds if state != "done" else 0
        for_table = (str(cell.n_samples or ""), f"{found.n_read:,}", spell(found.seconds), f"{found.memory / 1e9:.1f} GB", state)
        table.add_row(cell.label, *for_table)
    console().print(table)
    print(f"{len(cells)} cells, about {spell(total)} to go on this machine, one after the other (arithmetic, to a factor of two or so)")


def show_status(folder: Path) -> None:
    """A line per cell, and how many are in which state."""
    from collections import Counter

    from rich.table import Table
    from rich.text import Text

    from seal_eval.core.progress import console
    from seal_eval.suite.status import status as look

    name, cells = look(folder)
    table = Table("cell", "state", "replies", "time", "", box=None, header_style="bold")
    colours = {"done": "green", "failed": "red", "running": "yellow", "interrupted": "yellow"}
    for c in cells:
        of = f"{c.n_replies} of {c.n_samples}" if c.n_samples else ""
        state = Text(c.state, style=colours.get(c.state, ""))
        table.add_row(c.label, state, of, spell(c.seconds) if c.seconds else "", c.error)
    console().print(table)
    counts = Counter(c.state for c in cells)
    print(f"{name}: {', '.join(f'{n} {state}' for state, n in counts.items())}")


def spell(seconds: float) -> str:
    """A duration in words."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
