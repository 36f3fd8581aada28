"""The commands `seal-eval suite` and `seal-eval status`."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from seal_eval.suite.cells import Cell
    from seal_eval.suite.schema import Suite


def suite_command(
    file: Annotated[Path, typer.Argument(help="YAML file with name, models, methods, tasks, and adapters and heads that are made first.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for results, adapters and logs.", show_default="results/NAME, with the suite's name")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the cells, with estimates of time and memory.")] = False,
    executor: Annotated[str, typer.Option(help="local (this machine) or ray (a Ray cluster).")] = "local",
    workers: Annotated[int, typer.Option(help="Number of processes of the local executor.", min=1)] = 1,
    address: Annotated[str, typer.Option(help="Address of the Ray cluster, such as auto.", show_default="start one here")] = "",
) -> None:
    """Run models × methods × tasks × sizes from a YAML file.

    Finished cells are skipped. If a cell fails, the others go on and the exit status is 1. Repeat the command to retry
    failed cells or continue a killed suite.
    """
    from seal_eval.core.errors import SealError
    from seal_eval.suite.execute import run_suite
    from seal_eval.suite.plan import plan
    from seal_eval.suite.schema import read_suite

    if executor not in ("local", "ray"):
        raise SealError(f"--executor {executor} is not known; choose local or ray")
    if address and executor != "ray":
        raise SealError(f"--address {address} is for --executor ray; leave it out")
    out = (out or Path("results") / read_suite(file)[0].name).absolute()
    if out.exists() and not out.is_dir():
        raise SealError(f"--out {out} is a file; name a folder")
    suite, cells = plan(file, out)
    if dry_run:
        show_plan(suite, cells, out)
        return
    try:
        failed = run_suite(suite, cells, out, executor, workers, address)
    except KeyboardInterrupt:
        with suppress(SealError):  # there is none if it was interrupted before it began
            show_status(out)
        raise
    show_status(out)
    if failed:
        raise SealError(f"{failed} of {len(cells)} cells failed; their logs are in {out / 'cells'}; repeat the command to try them again")


def status_command(folder: Annotated[Path, typer.Argument(help="Output folder of a suite.")]) -> None:
    """Show the state of a suite.

    Its cells, the number of replies on disk, and the errors of failed cells.
    """
    show_status(folder)


SUITES: dict[str, Callable[..., None]] = {"suite": suite_command, "status": status_command}


def show_plan(suite: "Suite", cells: "list[Cell]", out: Path) -> None:
    """Print the cells with their estimated cost, and the total time of those that are not done."""
    from rich.table import Table

    from seal_eval.core.folders import LOCK
    from seal_eval.core.progress import console
    from seal_eval.suite.estimate import cell_cost
    from seal_eval.suite.state import state_of
    from seal_eval.suite.status import is_alive

    alive = (out / LOCK).is_file() and is_alive(out)
    table = Table("cell", "samples", "tokens read", "time", "memory", "state", box=None, header_style="bold")
    total, unknown = 0.0, 0
    for cell in cells:
        cost, state = cell_cost(suite, cell), state_of(out, cell, alive)["state"]
        if cost is None:
            unknown += 1
            table.add_row(cell.label, str(cell.n_samples or ""), "–", "–", "–", state)
            continue
        total += cost.seconds if state != "done" else 0
        memory = f"{cost.memory / 1e9:.1f} GB"
        table.add_row(cell.label, str(cell.n_samples or ""), f"{cost.n_read:,}", spell(cost.seconds), memory, state)
    console().print(table)
    without = f", without {unknown} that cannot be estimated" if unknown else ""
    print(
        f"{len(cells)} cells, about {spell(total)} left on this machine, one after the other (estimated, within a factor of about "
        f"two{without})"
    )


def show_status(folder: Path) -> None:
    """Print a line per cell, and the number of cells in each state."""
    from collections import Counter

    from rich.table import Table
    from rich.text import Text

    from seal_eval.core.progress import console
    from seal_eval.suite.status import status

    name, cells = status(folder)
    table = Table("cell", "state", "replies", "time", "", box=None, header_style="bold")
    colours = {"done": "green", "failed": "red", "running": "yellow", "interrupted": "yellow"}
    for c in cells:
        replies = f"{c.n_replies} of {c.n_samples}" if c.n_samples else ""
        state = Text(c.state, style=colours.get(c.state, ""))
        table.add_row(c.label, state, replies, spell(c.seconds) if c.seconds else "", c.error)
    console().print(table)
    counts = Counter(c.state for c in cells)
    print(f"{name}: {', '.join(f'{n} {state}' for state, n in counts.items())}")


def spell(seconds: float) -> str:
    """A duration in seconds as text: '45 s', '12 min', '3.4 h'."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
