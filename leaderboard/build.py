"""Read runs, render pages, write files. Same results in, same bytes out."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seal_eval import __version__
from seal_eval.cells import DEPTH_EDGES, by_depth
from seal_eval.compare import Row, compare
from seal_eval.design import design_of
from seal_eval.errors import SealError
from seal_eval.files import LOCK, only_writer, write_text
from seal_eval.leaderboard.figures import THEMES, curves, heatmap
from seal_eval.reading import p_text, percent
from seal_eval.records import by_method, load_runs, models
from seal_eval.tasks import get_task
from seal_eval.types import Estimate, Run

HERE = Path(__file__).parent
NOTE = (
    "Accuracy: Wilson's interval; differences: pairs of replies to the same prompt, Tango's score interval and the mid-p McNemar test. "
    "Where documents repeat, both at the effective sample size, and whole documents are flipped. p is not adjusted."
)
MARKER = "site.txt"  # tells a folder of ours from somebody's documents


@dataclass(frozen=True)
class TaskBlock:
    """One task of one model on the overview."""

    name: str
    summary: str
    citation: str
    unit: str  # of a length
    rows: list[Row]
    cells: dict[str, dict[int, list[Estimate | None]]]  # method → length → one estimate per fifth of depth
    slug: str

    @property
    def has_depths(self) -> bool:
        """False for a task whose fact stands in no one place."""
        return any(cell for lengths in self.cells.values() for row in lengths.values() for cell in row)


def build(results: Path, out: Path, baseline: str = "plain") -> Path:
    """Write the site of every run below `results` into `out`; returns its index.html.

    Raises SealError when results are damaged or cannot be paired, and when `out` holds something that is not a site.
    """
    runs = load_runs(results)
    pages = render(runs, baseline)
    if out.exists() and any(p.name != LOCK for p in out.iterdir()) and not (out / MARKER).is_file():
        raise SealError(f"{out} is not empty and not a site; name a new folder, nothing is overwritten")
    with only_writer(out):
        write_text(out / MARKER, f"built by seal-eval {__version__}\n")
        for folder in ("figures", "runs", "static"):
            (out / folder).mkdir(exist_ok=True)
        for name in sorted(pages):
            write_text(out / name, pages[name])
        for file in sorted((HERE / "static").iterdir()):
            shutil.copyfile(file, out / "static" / file.name)
    return out / "index.html"


def render(runs: list[Run], baseline: str) -> dict[str, str]:
    """Relative path → text of every page and figure."""
    pages: dict[str, str] = {}
    blocks: dict[str, list[TaskBlock]] = {}
    sentences: dict[str, str] = {}
    for number, model in enumerate(models(runs)):
        found = compare(design_of(runs, model, baseline))
        rows = found.of("cell")
        sentences[model] = found.sentence
        records = by_method(runs, model)
        blocks[model] = []
        for task in dict.fromkeys(row.task or "" for row in rows):
            mine = [row for row in rows if row.task == task]
            cells = {
                method: {
                    length: by_depth([r for r in records[method].values() if (r.task, r.length) == (task, length)])
                    for length in sorted({row.length or 0 for row in mine})
                }
                for method in dict.fromkeys(row.method for row in mine)
            }
            module = get_task(task)
            block = TaskBlock(task, module.summary, module.citation, module.unit, mine, cells, f"{number}-{task}")
            for theme in THEMES:
                pages[f"figures/{block.slug}-length-{theme}.svg"] = curves(mine, baseline, theme, module.unit)
                if block.has_depths:
                    pages[f"figures/{block.slug}-depth-{theme}.svg"] = heatmap(cells, theme, module.unit)
            blocks[model].append(block)
    environment = _environment()
    shared = {"version": __version__, "baseline": baseline, "note": NOTE}
    methods = {model: _methods(runs, model, baseline) for model in blocks}
    pages["index.html"] = environment.get_template("index.html").render(
        shared | {"root": "", "blocks": blocks, "runs": runs, "methods": methods, "edges": DEPTH_EDGES, "sentences": sentences}
    )
    for run in runs:
        pages[f"runs/{run.run_id}.html"] = environment.get_template("run.html").render(shared | {"root": "../", "run": run})
    return pages


def _methods(runs: list[Run], model: str, baseline: str) -> list[Run]:
    """The newest run of each method, the baseline first."""
    newest = {run.method: run for run in runs if run.model == model}
    return sorted(newest.values(), key=lambda run: (run.method != baseline, run.method))


def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"percent": percent, "p": p_text, "points": _points, "ratio": _ratio, "number": _number}
    return environment


def _points(estimate: Estimate) -> str:
    return percent(estimate, sign=True)


def _ratio(value: float) -> str:
    """1.013 → '+1.3 %'"""
    return f"{100 * (value - 1):+.1f} %"


def _number(value: float) -> str:
    return f"{value:,.0f}"
