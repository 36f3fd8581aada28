"""Commands that publish results: parse, call, print."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer


def site_command(
    results: Annotated[Path, typer.Argument(help="Folder with result files, searched below too.")],
    out: Annotated[Path, typer.Option(help="Folder for the site.")],
    baseline: Annotated[str, typer.Option(help="Method the others are compared with.")] = "plain",
) -> None:
    """Write a static site: tables, curves, heatmaps and a page per run. Opens from disk."""
    from seal_eval.leaderboard.build import build

    print(build(results, out, baseline))


def submit_command(
    results: Annotated[Path, typer.Argument(help="Folder with result files, searched below too.")],
    out: Annotated[Path, typer.Option(help="New folder, such as leaderboard/results/NAME.")],
) -> None:
    """Pack runs for the leaderboard: compressed records, hashes, no absolute paths."""
    from seal_eval.leaderboard.submissions import submit as pack

    print(pack(results, out))


def check_command(
    folder: Annotated[Path, typer.Argument(help="A submission's folder, or one that holds several.")],
    tokenizer: Annotated[str, typer.Option(help="Folder or hub id, when the run's own cannot be had here.", show_default="the run's")] = "",
) -> None:
    """Check a submission: score every reply again, build every sample again, compare every hash."""
    from seal_eval.core.errors import SealError
    from seal_eval.leaderboard.checking import check_all
    from seal_eval.leaderboard.submissions import MANIFEST

    lines = check_all(folder, tokenizer)
    if not lines:
        raise SealError(f"{folder} holds no {MANIFEST}; pack results with seal-eval submit RESULTS --out FOLDER")
    print("\n".join(lines))


PUBLICATION: dict[str, Callable[..., None]] = {"site": site_command, "submit": submit_command, "check": check_command}
