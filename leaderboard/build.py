"""Build the site: read runs, render pages, write files. The same results give the same bytes."""

import csv
import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from seal_eval import __version__
from seal_eval.core.errors import SealError
from seal_eval.core.figure import THEMES, scale_picture, size_of
from seal_eval.core.files import write_text, writing
from seal_eval.core.folders import LOCK, only_writer
from seal_eval.core.types import Run
from seal_eval.leaderboard import samples
from seal_eval.leaderboard.board import ModelBoard, TaskBlock, boards
from seal_eval.leaderboard.columns import COLUMNS
from seal_eval.leaderboard.exports import bibtex, model_index
from seal_eval.leaderboard.figures import curves, depth_curves, heatmap, pareto
from seal_eval.leaderboard.gains import gains
from seal_eval.leaderboard.other_tasks import about
from seal_eval.leaderboard.pages import Pages
from seal_eval.results.records import load_runs
from seal_eval.results.splits import comparable_groups, whole_runs

_HERE = Path(__file__).parent
PART = ".part"  # hidden folder for the files of a build that is not complete
MARKER = "site.txt"  # marks a folder as a site; lists the files that a build wrote, so that no other file is removed


def build(results: Path, out: Path, baseline: str = "plain") -> Path:
    """Write the site of every run below `results` into `out`; return the path of its index.html.

    Tasks from outside this project are shown by their first metric that lies in 0 to 1; those that have none are left out, with a remark.

    In `out`, files of an earlier build that are no longer needed are removed; files from elsewhere are kept, unless a page has the same
    name. All files are written to a hidden folder first: a full disk leaves the earlier site as it is. Raises SealError when results are
    damaged or cannot be paired, when `out` is not empty and not a site, and when it cannot be written.
    """
    runs = comparable_groups(load_runs(results, foreign=True, scored_only=True))
    site_boards = boards(runs, baseline)
    if out.exists() and any(p.name not in (LOCK, PART) for p in out.iterdir()) and not (out / MARKER).is_file():
        raise SealError(f"{out} is not empty and not a site; name a new folder, nothing is overwritten")
    with only_writer(out):
        earlier = (out / MARKER).read_text(encoding="utf-8").splitlines()[1:] if (out / MARKER).is_file() else []
        head = f"built by seal-eval {__version__}"
        part = out / PART
        shutil.rmtree(part, ignore_errors=True)  # of a killed build
        try:
            written = list(_write(part, _files(site_boards, runs)))
            write_text(out / MARKER, "\n".join([head, *sorted({*earlier, *written})]) + "\n")
            for name in written:
                with writing(out / name):
                    (out / name).parent.mkdir(parents=True, exist_ok=True)
                    (part / name).replace(out / name)
        finally:
            shutil.rmtree(part, ignore_errors=True)
        for name in set(earlier) - set(written):
            if (out / name).resolve().is_relative_to(out.resolve()):
                (out / name).unlink(missing_ok=True)
        write_text(out / MARKER, "\n".join([head, *sorted(written)]) + "\n")
    return out / "index.html"


def _write(folder: Path, files: Iterator[tuple[str, str]]) -> Iterator[str]:
    """Write files and the static ones below a folder; yield their relative paths."""
    for name, text in files:
        with writing(folder / name):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_text(folder / name, text)
        yield name
    for file in sorted((_HERE / "static").iterdir()):
        with writing(folder / "static" / file.name):
            (folder / "static").mkdir(exist_ok=True)
            shutil.copyfile(file, folder / "static" / file.name)
        yield f"static/{file.name}"


def _files(site_boards: list[ModelBoard], runs: list[Run]) -> Iterator[tuple[str, str]]:
    """Yield (relative path, text) of every generated file."""
    figures = dict(_figures(site_boards))
    yield from figures.items()
    sizes = {name.removeprefix("figures/").removesuffix("-light.svg"): size_of(text) for name, text in figures.items()}
    yield from Pages(site_boards, runs, sizes).files()
    yield from samples.sample_pages(site_boards, runs)
    yield from _downloads(site_boards)
    for run in whole_runs(runs):
        (board,) = (board for board in site_boards if board.name == run.model)
        yield f"data/runs/{run.run_id}.yml", model_index(run, board)
        yield f"data/runs/{run.run_id}.bib", bibtex(run)


def _figures(site_boards: list[ModelBoard]) -> Iterator[tuple[str, str]]:
    """Yield (relative path, SVG text) of every figure, for the light and the dark theme."""
    for board in site_boards:
        for theme in THEMES:
            for name, text in _board_figures(board, theme):
                yield f"figures/{name}-{theme}.svg", text
            for block in board.tasks:
                for name, text in _task_figures(board, block, theme):
                    yield f"figures/{name}-{theme}.svg", text


def _board_figures(board: ModelBoard, theme: str) -> Iterator[tuple[str, str]]:
    if len(board.speeds) > 1:
        yield f"{board.number}-speed", pareto(board.speeds, theme, "prompt tokens per second", "accuracy", less=False)
    if board.costs:
        yield f"{board.number}-cost", pareto(board.costs, theme, "rise in perplexity on unseen prose", "accuracy")
    if board.gains:
        yield f"{board.number}-gain", gains(board.gains, theme, {task: about(task).unit for task in board.gains})
    for e in board.entries:
        if scales := e.about.get("mean_scales"):
            yield f"{board.number}-{e.run.run_id}-scales", scale_picture(scales, theme)


def _task_figures(board: ModelBoard, block: TaskBlock, theme: str) -> Iterator[tuple[str, str]]:
    unit, first = about(block.name).unit, board.said(board.found.baseline)
    yield f"{block.slug}-length", curves([replace(row, method=board.said(row.method)) for row in block.rows], first, theme, unit)
    if block.has_depths:
        depths = {board.said(method): cells for method, cells in block.depths.items()}
        yield f"{block.slug}-depth", heatmap(depths, theme, unit)
        yield f"{block.slug}-position", depth_curves(depths, theme, first)


def _downloads(site_boards: list[ModelBoard]) -> Iterator[tuple[str, str]]:
    """Yield (relative path, text) of the overview with unrounded numbers, and of all comparisons."""
    from seal_eval.results.escapes import csv_cell
    from seal_eval.results.tables import as_text

    rows = [
        {column.key: column.value(entry) for column in COLUMNS} | {"lacks": entry.lacks} for board in site_boards for entry in board.entries
    ]
    yield "data/overview.json", _json(rows)
    out = io.StringIO()
    writer = csv.DictWriter(out, [*(column.key for column in COLUMNS), "lacks"], lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: csv_cell(value) for key, value in row.items()} for row in rows)
    yield "data/overview.csv", out.getvalue()
    comparisons = [board.found for board in site_boards]
    for kind, end in (("json", "json"), ("csv", "csv"), ("latex", "tex")):
        yield f"data/comparisons.{end}", as_text(comparisons, kind)


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
