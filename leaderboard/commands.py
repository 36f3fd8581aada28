"""The commands that publish results: site, submit, check."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from seal_eval.core.streams import say


def site_command(
    results: Annotated[Path, typer.Argument(help="Folder with result files; subfolders are searched too.")],
    out: Annotated[Path, typer.Option(help="Folder for the site.")],
    baseline: Annotated[str, typer.Option(help="Method that the others are compared with.")] = "plain",
) -> None:
    """Write a static site that opens from disk.

    It has tables, curves, heatmaps and a page for each run.
    """
    from seal_eval.leaderboard.build import build

    say(str(build(results, out, baseline)))


def submit_command(
    results: Annotated[Path, typer.Argument(help="Folder with result files; subfolders are searched too.")],
    out: Annotated[Path, typer.Option(help="New folder, such as leaderboard/results/NAME.")],
    published: Annotated[
        Path | None, typer.Option(help="Folder of earlier submissions; runs whose samples it has, such as plain's, are left out.")
    ] = None,
) -> None:
    """Pack runs for the leaderboard.

    Samples are compressed, files hashed, and absolute paths shortened to their last part.
    """
    from seal_eval.leaderboard.submissions import submit as pack

    say(str(pack(results, out, published)))


def check_command(
    folder: Annotated[Path, typer.Argument(help="Folder of one submission, or of several.")],
    tokenizer: Annotated[
        str, typer.Option(help="Tokenizer folder or hub id, if the run's own is not available here.", show_default="the run's")
    ] = "",
    most_tokens: Annotated[
        int, typer.Option(min=1, help="Upper limit of prompt tokens to build, and of characters of replies to score, for each submission.")
    ] = 1_000_000,
) -> None:
    """Check submissions before they are published.

    Every hash is compared, every reply scored again, and every sample built again.
    """
    from seal_eval.core.errors import SealError
    from seal_eval.leaderboard.submissions import MANIFEST
    from seal_eval.leaderboard.verify import check_all

    lines = check_all(folder, tokenizer, most_tokens)
    if not lines:
        raise SealError(f"{folder} holds no {MANIFEST}; pack results with seal-eval submit RESULTS --out FOLDER")
    say(*lines)


def export_command(
    results: Annotated[Path, typer.Argument(help="Folder with result files; subfolders are searched too.")],
    out: Annotated[Path, typer.Option(help="New folder.")],
    organization: Annotated[str, typer.Option(help="Who ran the evaluation.")],
    relationship: Annotated[
        str, typer.Option(help="The organization's relation to the model: first_party, third_party, collaborative or other.")
    ] = "third_party",
    developer: Annotated[str, typer.Option(help="Developer of models whose names have no owner.", show_default="unknown")] = "",
) -> None:
    """Write results in the format of Every Eval Ever.

    Accuracies with their intervals, and a line for each sample. `compare` reads such files back, also those of other programs.
    """
    from seal_eval.core.errors import SealError, nearest
    from seal_eval.leaderboard.every_eval_ever import export

    known = ("first_party", "third_party", "collaborative", "other")
    if relationship not in known:
        raise SealError(f"--relationship '{relationship}' is not known{nearest(relationship, known)}")
    if not organization.strip():
        raise SealError("--organization is empty; name who ran the evaluation")
    say(*map(str, export(results, out, organization, relationship, developer)))


def push_command(
    folder: Annotated[Path, typer.Argument(help="Adapter of seal-eval tune, or checkpoint of seal-eval merge.")],
    repo: Annotated[str, typer.Argument(help="Model repository on the Hugging Face hub, OWNER/NAME.")],
    results: Annotated[Path | None, typer.Option(help="Folder with runs with and without the adapter, for the README.")] = None,
    dataset: Annotated[str, typer.Option(help="A benchmark's data set on the hub, to list the accuracies under.")] = "",
    base_model: Annotated[str, typer.Option(help="The base model on the hub, OWNER/NAME.", show_default="the card's")] = "",
    private: Annotated[bool, typer.Option("--private", help="Make the repository private, if it is new.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what would be uploaded.")] = False,
) -> None:
    """Upload an adapter or a checkpoint to the hub.

    Its README says what tuning measured and, with --results, what it gains. The token is the one of hf auth login, or HF_TOKEN.
    """
    from seal_eval.leaderboard.push import check_repo, files_of, push

    check_repo(repo)
    files = files_of(folder, base_model, results, dataset)
    if dry_run:
        for path, content in files.items():
            n = content.stat().st_size if isinstance(content, Path) else len(content)
            say(f"{n:>14,}  {path}")
        readme = files.get("README.md", b"")
        say("", readme.read_text(encoding="utf-8") if isinstance(readme, Path) else readme.decode())
        return
    say(push(files, repo, private, f"Upload {folder.absolute().name} with seal-eval"))


PUBLICATION: dict[str, Callable[..., None]] = {
    "site": site_command,
    "submit": submit_command,
    "check": check_command,
    "export": export_command,
    "push": push_command,
}
