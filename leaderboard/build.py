"""Read runs, render pages, write files. Same results in, same bytes out."""

import csv
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seal_eval import __version__
from seal_eval.core.errors import SealError
from seal_eval.core.figure import THEMES, scale_picture, size_of
from seal_eval.core.files import LOCK, only_writer, write_text
from seal_eval.core.types import Run
from seal_eval.leaderboard import samples
from seal_eval.leaderboard.board import ModelBoard, TaskBlock, boards
from seal_eval.leaderboard.columns import COLUMNS
from seal_eval.leaderboard.exports import bibtex, model_index
from seal_eval.leaderboard.figures import curves, depth_curves, heatmap, pareto
from seal_eval.leaderboard.pages import Pages
from seal_eval.results.records import load_runs
from seal_eval.results.splits import comparable_groups
from seal_eval.tasks import get_task

_HERE = Path(__file__).parent
MARKER = "site.txt"  # tells a folder of ours from somebody's documents, and our files in it from others


def build(results: Path, out: Path, baseline: str = "plain") -> Path:
    """Write the site of every run below `results` into `out`; returns its index.html.

    Of what lies in `out` only files that an earlier build wrote are replaced or removed. Raises SealError when results are damaged or
    cannot be paired, and when `out` holds something and is not a site.
    """
    runs = comparable_groups(load_runs(results))
    found = boards(runs, baseline)
    if out.exists() and any(p.name != LOCK for p in out.iterdir()) and not (out / MARKER).is_file():
        raise SealError(f"{out} is not empty and not a site; name a new folder, nothing is overwritten")
    with only_writer(out):
        earlier = (out / MARKER).read_text(encoding="utf-8").splitlines()[1:] if (out / MARKER).is_file() else []
        head = f"built by seal-eval {__version__}"
        write_text(out / MARKER, "\n".join([head, *earlier]) + "\n")
        written = []
        for name, text in _files(found, runs, baseline):
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            write_text(out / name, text)
            written.append(name)
        for file in sorted((_HERE / "static").iterdir()):
            (out / "static").mkdir(exist_ok=True)
            shutil.copyfile(file, out / "static" / file.name)
            written.append(f"static/{file.name}")
        for name in set(earlier) - set(written):
            if (out / name).resolve().is_relative_to(out.resolve()):
                (out / name).unlink(missing_ok=True)
        write_text(out / MARKER, "\n".join([head, *sorted(written)]) + "\n")
    return out / "index.html"


def _files(found: list[ModelBoard], runs: list[Run], baseline: str) -> Iterator[tuple[str, str]]:
    """(relative path, text) of everything that is written."""
    figures = dict(_figures(found, baseline))
    yield from figures.items()
    sizes = {name.removeprefix("figures/").removesuffix("-light.svg"): size_of(text) for name, text in figures.items()}
    yield from Pages(found, runs, baseline, sizes).files()
    yield from samples.sample_pages(found, runs)
    yield from _downloads(found)
    for run in runs:
        (board,) = (board for board in found if board.name == run.model)
        yield f"data/runs/{run.run_id}.yml", model_index(run, board)
        yield f"data/runs/{run.run_id}.bib", bibtex(run)


def _figures(found: list[ModelBoard], baseline: str) -> Iterator[tuple[str, str]]:
    for board in found:
        for theme in THEMES:
            for name, text in _of_model(board, theme):
                yield f"figures/{name}-{theme}.svg", text
            for block in board.tasks:
                for name, text in _of_task(block, baseline, theme):
                    yield f"figures/{name}-{theme}.svg", text


def _of_model(board: ModelBoard, theme: str) -> Iterator[tuple[str, str]]:
    if len(board.speeds) > 1:
        yield f"{board.number}-speed", pareto(board.speeds, theme, "prompt tokens per second", "accuracy", less=False)
    if board.costs:
        yield f"{board.number}-cost", pareto(board.costs, theme, "rise of the perplexity of unseen prose", "accuracy")
    for e in board.entries:
        if scales := e.about.get("mean_scales"):
            yield f"{board.number}-{e.run.run_id}-scales", scale_picture(scales, theme)


def _of_task(block: TaskBlock, baseline: str, theme: str) -> Iterator[tuple[str, str]]:
    unit = get_task(block.name).unit
    yield f"{block.slug}-length", curves(block.rows, baseline, theme, unit)
    if block.has_depths:
        yield f"{block.slug}-depth", heatmap(block.depths, theme, unit)
        yield f"{block.slug}-position", depth_curves(block.depths, theme, baseline)


def _downloads(found: list[ModelBoard]) -> Iterator[tuple[str, str]]:
    """The overview's numbers unrounded, and every comparison in full."""
    from seal_eval.results.tables import as_text

    rows = [{column.key: column.value(entry) for column in COLUMNS} for board in found for entry in board.entries]
    yield "data/overview.json", _json(rows)
    out = io.StringIO()
    writer = csv.DictWriter(out, [column.key for column in COLUMNS], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    yield "data/overview.csv", out.getvalue()
    comparisons = [board.found for board in found]
    for kind, end in (("json", "json"), ("csv", "csv"), ("latex", "tex")):
        yield f"data/comparisons.{end}", as_text(comparisons, kind)


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
