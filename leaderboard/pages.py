"""Render boards as HTML. Pages work without JavaScript, except the sample browser; templates escape text from result files."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from seal_eval import __version__
from seal_eval.baselines import get_method, method_settings, source_package
from seal_eval.core.errors import SealError
from seal_eval.core.names import visible
from seal_eval.core.types import Estimate, Run
from seal_eval.leaderboard.asked import how_asked
from seal_eval.leaderboard.board import ModelBoard, Pair, pairs
from seal_eval.leaderboard.columns import COLUMNS
from seal_eval.leaderboard.display import addresses, installed_name, shown_name, shown_settings
from seal_eval.leaderboard.methodology import chapters
from seal_eval.leaderboard.other_tasks import about
from seal_eval.leaderboard.samples import chunk_of
from seal_eval.results.comparison import Row
from seal_eval.results.depths import DEPTH_EDGES
from seal_eval.results.missing import Lacks, in_short
from seal_eval.results.numbers import p_equals, p_text, percent, size
from seal_eval.results.reasons import Shares, of_runs, warning
from seal_eval.results.splits import GAP, whole_runs
from seal_eval.results.tables import LENGTHS_NOTE, POSITION_NOTE
from seal_eval.stats import least_p

_HERE = Path(__file__).parent
SMALL_P = 0.01  # a cell whose documents allow no p below this has no p on the page
LISTED = 200  # most discordant samples of each kind on the page of a pair; the sample browser has all


class Pages:
    """The site's pages and the values that all templates share.

    sizes: figure slug → (width, height) in CSS pixels, so that pages do not move while figures load.
    """

    def __init__(self, boards: list[ModelBoard], runs: list[Run], sizes: dict[str, tuple[int, int]]) -> None:
        self.boards, self.parts, self.runs = boards, runs, whole_runs(runs)
        self.methods = list(dict.fromkeys(e.method for board in boards for e in board.entries))
        self.addresses = addresses(self.methods)
        self.board_addresses = addresses(board.name for board in boards)
        self.environment = _environment()
        self.shared: dict[str, Any] = {
            "version": __version__, "boards": boards, "runs": self.runs, "edges": DEPTH_EDGES, "columns": COLUMNS,
            "tasks": list(dict.fromkeys(block.name for board in boards for block in board.tasks)), "task": about,
            "slug": self.slug,
            "figure_size": sizes.__getitem__, "updated": max(run.utc for run in runs), "gap": GAP,
        }  # fmt: skip

    def slug(self, method: str) -> str:
        """The path of a method's page."""
        return f"methods/{self.addresses[method]}.html"

    def files(self) -> Iterator[tuple[str, str]]:
        """Yield (relative path, text) of every page and the feed."""
        yield "index.html", self._page("index.html", "")
        for task in self.shared["tasks"]:
            blocks = [(board, block) for board in self.boards for block in board.tasks if block.name == task]
            notes = {"lengths_note": LENGTHS_NOTE, "position_note": POSITION_NOTE}
            yield f"tasks/{task}.html", self._page("task.html", "../", name=task, blocks=blocks, **notes)
        for method in self.methods:
            entries = [(board, e) for board in self.boards for e in board.entries if e.method == method]
            info = method_info(entries[0][1].run)
            displays = list(dict.fromkeys(board.shown[method] for board, _ in entries))
            shown = {"name": method, "entries": entries, "method_info": info, "displays": displays}
            yield self.slug(method), self._page("method.html", "../", **shown)
        for run in self.runs:
            parts = [(part, board) for part in self.parts for board in self.boards if (part.run_id, part.model) == (run.run_id, board.name)]
            board = parts[0][1]
            rows = [row for part, own in parts for row in _rows_of(part, own)]
            values = {
                "rows": rows,
                "board": board,
                "name": shown_name(run),
                "settings": shown_settings(run),
                "asked": how_asked(run),
                "shares": of_runs([run]),
                "shares_of": [(own, of_runs([part])) for part, own in parts],
            }
            yield f"runs/{run.run_id}.html", self._page("run.html", "../", run=run, **values)
        all_pairs: list[Pair] = []
        for board in self.boards:
            chunks = chunk_of(board)
            for unnamed in pairs(board):
                slug = "--".join((self.board_addresses[board.name], self.addresses[unnamed.b], self.addresses[unnamed.a]))
                pair = replace(unnamed, slug=slug)
                all_pairs.append(pair)
                rows = [row for row in pair.rows if row.scope != "task"]
                yield (
                    f"compare/{pair.slug}.html",
                    self._page("pair.html", "../", pair=pair, rows=rows, chunks=chunks, listed=LISTED, board=board),
                )
        yield "compare.html", self._page("compare.html", "", pairs=all_pairs)
        yield "samples.html", self._page("samples.html", "")
        yield "methodology.html", self._page("methodology.html", "", chapters=chapters())
        yield "submit.html", self._page("submit.html", "")
        yield "changelog.html", self._page("changelog.html", "")
        yield "feed.xml", self._page("feed.xml", "")

    def _page(self, template: str, root: str, **values: Any) -> str:
        return str(self.environment.get_template(template).render(self.shared | {"root": root} | values))


def _rows_of(run: Run, board: ModelBoard) -> list[Row]:
    """The rows of a run's cells on its board."""
    cells = {(record.task, record.length) for record in run.records}
    return [row for row in board.found.of("cell") if row.method == run.method and (row.task, row.length) in cells]


def method_info(run: Run) -> dict[str, Any]:
    """Summary, citation, settings and source package of a run's method; {} if the method is not installed or was given as a file."""
    if not (name := installed_name(run)):
        return {}
    try:
        parts = [get_method(part) for part in name.split("+")]
        settings = [(part, field.name, repr(field.default)) for part in name.split("+") for field in method_settings(part)]
    except SealError:
        return {}
    return {
        "summary": "; ".join(part.summary for part in parts), "citation": "; ".join(part.citation for part in parts if part.citation),
        "settings": settings, "source": ", ".join(dict.fromkeys(source_package(part) for part in name.split("+"))),
    }  # fmt: skip


def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        finalize=_shown,
    )  # fmt: skip
    filters = {
        "percent": percent,
        "p": p_text,
        "p_equals": p_equals,
        "points": _points,
        "number": _number,
        "size": size,
        "across": _across,
        "in_short": _in_short,
        "too_few": _too_few,
        "tenth": _tenth,
        "form_warnings": _form_warnings,
        "said": _said,
        "sentence": _sentence,
        "in_words": _in_words,
    }
    environment.filters |= filters
    return environment


def _in_short(row: Row, lacks: Sequence[Lacks]) -> str:
    """What stands in place of the accuracy of a row that lacks cells. lacks: of the board's methods."""
    return in_short(lacks, row.method, row.lacks, row.scope == "cell")


def _too_few(row: Row) -> str:
    """A sentence for a row with so few documents that no test can give a small p; '' for any other."""
    if not row.difference or row.difference.p_value is None:
        return ""
    least = least_p(row.n_clusters, mid_p="mid-p" in row.difference.method)
    return f"With {row.n_clusters} documents no p below {p_text(least)} is possible" if least > SMALL_P else ""


def _form_warnings(shares: Sequence[Shares], board: ModelBoard) -> list[tuple[str, str]]:
    """(sentence, address of the sample browser with the replies) for each cell whose score measures the replies' form.

    The address is '' where the board left the cell out.
    """
    found = []
    for cell in shares:
        if text := warning(replace(cell, method=board.said(cell.method))):
            shown = cell.method in board.found.methods and (cell.task, cell.length) in board.paired.cells
            place = {"model": board.number, "task": cell.task, "length": "null" if cell.length is None else cell.length}
            query = urlencode(place | {"method": board.found.methods.index(cell.method), "outcome": 0}) if shown else ""
            found.append((text, f"samples.html#{query}" if shown else ""))
    return found


def _said(run: Run) -> str:
    """A run's method in a list or a title."""
    return ", ".join(filter(None, shown_name(run)))


def _sentence(text: str) -> str:
    """A summary as a sentence of its own."""
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}."


def _in_words(value: Any) -> str:
    """A value that a method recorded, without JSON's or Python's brackets and quotes."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_in_words(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(map(_in_words, value))
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else f"{value:.6g}" if isinstance(value, float) else str(value)


def _tenth(value: float) -> int:
    """A fraction in tenths, 0 to 10: the shade of a table's cell."""
    return round(10 * value)


def _points(estimate: Estimate) -> str:
    return percent(estimate, sign=True)


def _number(value: float) -> str:
    return f"{value:,.0f}"


def _across(value: float, low: float = 0.0, high: float = 1.0) -> str:
    """A value's position between low and high, from 0 to 100; values outside are moved to the nearer end."""
    return f"{100 * (min(max(value, low), high) - low) / (high - low):.1f}"


def _shown(value: Any) -> Any:
    """What a template prints: text from result files without control characters, which XML does not allow."""
    return visible(value) if type(value) is str else value  # markup is a subclass of str; what is in it went through here before
