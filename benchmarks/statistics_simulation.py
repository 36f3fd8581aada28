"""Simulate the coverage of the intervals, the size of the tests and the power of the plans. Each design becomes a line of OUT.

    python benchmarks/statistics_simulation.py docs/statistics-simulation.jsonl     (about 25 minutes on one core)

Lines already there are kept. The tables are printed as Markdown, and the figure is written next to OUT. How data are drawn: simulated.py.
"""

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from seal_eval.core.figure import THEMES
from seal_eval.leaderboard.figures import COLOURS, MARKS

import simulated

DRAWS = {"alone": 1000, "equal": 1000, "several": 1000, "looks": 300, "plan": 4000}  # data sets per design, 500 where the part is not named
ACCURACIES = (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98)
PAIRS = ((0.5, 0.5), (0.7, 0.4), (0.9, 0.9), (0.98, 0.9), (0.1, 0.1))
EQUAL = ((2, 20), (3, 20), (4, 5), (6, 10), (6, 20), (10, 5), (10, 20), (40, 5))  # documents × questions
SHOWN = ((4, 5), (10, 5), (10, 20), (40, 5))  # of these, the panels of the figure
SIZES = {
    "200 and 5 × 4": [200] + [4] * 5,
    "100 and 5 × 10": [100] + [10] * 5,
    "2 × 100 and 8 × 4": [100] * 2 + [4] * 8,
    "2 × 100 and 18 × 2": [100] * 2 + [2] * 18,
    "3, log-normal": [4, 11, 32],
    "10, log-normal": [1, 2, 3, 5, 6, 8, 11, 15, 23, 47],
    "30, log-normal": [1, 1, 2, 2, 3, 3, 3, 4, 4, 5, 5, 5, 6, 7, 7, 8, 8, 9, 10, 11, 12, 13, 14, 16, 18, 21, 25, 30, 41, 68],
}
FIRST = {
    "alone": "documents × questions",
    "equal": "documents × questions",
    "unequal": "questions on each document",
    "fractional": "questions on each document",
    "several": "cells",
    "linked": "cells",
    "trend": "design",
    "places": "design",
    "effective": "lengths",
    "looks": "design",
    "plan": "plan",
}  # part → heading of its table's first column
PLANS = ((2, 0.44, 0.2, 0.05), (5, 0.44, 0.2, 0.05), (10, 0.44, 0.2, 0.3), (20, 0.82, 0.8, 0.1), (10, 0.2, 0.08, 0.1), (1, 0.44, 0.2, 0.0))


def designs() -> list[tuple[str, str, dict[str, Any]]]:
    """(part, name of the row of the table is called, arguments of the part's function in simulated.py) of every design."""
    out: list[tuple[str, str, dict[str, Any]]] = []
    gaps = [(p, gap) for p in ACCURACIES for gap in (0.0, 0.2) if p - gap > 0]
    out += [("alone", f"{n} × 1", {"documents": n, "p": p, "gap": gap}) for n in (20, 50, 200) for p, gap in gaps]
    some = [(p, gap) for p, gap in gaps if p not in (0.02, 0.7)]
    out += [("equal", f"{k} × {q}", {"documents": k, "questions": q, "p": p, "gap": g}) for k, q in EQUAL for p, g in some]
    out += [("unequal", name, {"sizes": s, "p": p, "q": q, "parts": 1}) for name, s in SIZES.items() for p, q in PAIRS]
    fractional = {"6 × 10": [10] * 6, "50 × 1": [1] * 50} | {name: SIZES[name] for name in ("2 × 100 and 8 × 4", "10, log-normal")}
    out += [("fractional", name, {"sizes": s, "p": p, "q": q, "parts": 4}) for name, s in fractional.items() for p, q in PAIRS]
    twelve = ([0.02, 0.2, 0.4, 0.6, 0.8, 0.98] * 2, [0.1, 0.1, 0.5, 0.5, 0.9, 0.9] * 2)
    accuracies = {"12 cells": twelve, "2 cells": ([0.99, 0.5], [0.99, 0.5])}
    for documents, questions in ((2, 10), (5, 10), (40, 1)):
        for name, (p, q) in accuracies.items():
            row = f"{name} of {documents} × {questions}"
            k, n = [documents] * len(p), [questions] * len(p)
            out.append(("several", row, {"documents": k, "questions": n, "p": p, "q": q}))
    for cells in (((2, 50), (100, 1)), ((2, 20), (20, 5), (20, 5)), ((3, 20), (60, 1)), ((10, 5), (40, 1))):
        k, n = ([cell[i] for cell in cells] for i in (0, 1))
        for x_a, x_b in PAIRS:
            row = ", ".join(f"{a} × {b}" for a, b in cells)
            out.append(("several", row, {"documents": k, "questions": n, "p": [x_a] * len(k), "q": [x_b] * len(k)}))
    for documents in ([2, 2], [3, 3], [5, 5], [3, 3, 3], [5] * 4, [10, 10], [20, 20], [2, 20], [3, 15]):
        for p, q in ((0.5, 0.5), (0.7, 0.4), (0.9, 0.9)):
            row = "documents at each length: " + ", ".join(map(str, documents))
            out.append(("trend", row, {"documents": documents, "questions": 10, "p": p, "q": q}))
    for methods, k, q, step in ((4, 100, 1, 0), (4, 6, 10, 0), (4, 10, 20, 0), (10, 100, 1, 0), (4, 400, 1, 20), (4, 40, 10, 4)):
        looks = list(range(step, k + 1, step)) if step else []
        for p in (0.5,) if step else (0.5, 0.9):
            arguments = {"methods": methods, "documents": k, "questions": q, "p": p, "looks": looks}
            out.append(("looks" if step else "places", f"{methods} equal methods, {k} × {q}", arguments))
    for name, outcomes, chances in (
        ("±1 in 40 %", [1, 0, -1], [0.2, 0.6, 0.2]), ("+1 in 1 of 20", [1, 0], [0.05, 0.95]), ("+1 in 1 of 50", [1, 0], [0.02, 0.98]),
        ("+1 in 1 of 100", [1, 0], [0.01, 0.99]), ("+½ in 30 %, −1 in 10 %", [0.5, 0, -1], [0.3, 0.6, 0.1]),
    ):  # fmt: skip
        out += [("looks", f"{name}, {n} documents", {"outcomes": outcomes, "chances": chances, "documents": n}) for n in (300, 1000)]
    for lengths in (1, 2, 4, 8):
        out += [("effective", f"{lengths} lengths", {"lengths": lengths, "n": n, "p": p}) for n in (50, 100) for p in (0.85, 0.87, 0.7)]
    for q, discordance, gap, rho in PLANS:
        for level in (0.95, 0.99):
            row = f"{q} questions, {100 * discordance:g} % differ, {100 * gap:+g} points, correlation {rho:g}, level {level:g}"
            out.append(("plan", row, {"questions": q, "discordance": discordance, "gap": gap, "correlation": rho, "level": level}))
    for cells in (((40, 1), (1, 20)), ((40, 1), (2, 20)), ((40, 1), (3, 20)), ((20, 5), (20, 5))):  # last, as numbers seed the draws
        k, n = ([cell[i] for cell in cells] for i in (0, 1))
        for x_a, x_b in (([0.9, 0.6], [0.9, 0.6]), ([0.9, 0.6], [0.9, 0.3]), ([0.5, 0.5], [0.5, 0.5])):
            row = f"{cells[0][0]} × {cells[0][1]}, of these documents {cells[1][0]} × {cells[1][1]}"
            out.append(("linked", row, {"documents": k, "questions": n, "p": x_a, "q": x_b}))
    return out


def simulate(part: str, number: int, arguments: dict[str, Any]) -> dict[str, float]:
    """Run the part's function on a random stream of its own."""
    name = {"fractional": "unequal", "looks": "places" if "methods" in arguments else "repeated_looks"}.get(part, part)
    draws = DRAWS.get(part, 500)
    return {"draws": draws} | dict(getattr(simulated, name)(np.random.default_rng([2026, number]), draws, **arguments))


def table(rows: list[dict[str, Any]], part: str, first: str, size: bool = False) -> str:
    """A Markdown table of a part: for each of its rows the lowest and the highest % over its designs.

    size: the tests' rejection rates instead of coverage.
    """
    rows = [row for row in rows if row["part"] == part]
    names = list(dict.fromkeys(n for row in rows for n in row["found"] if n != "draws" and n.startswith("size") == size))
    lines = [f"| {first} | {' | '.join(n.removeprefix('size: ') for n in names)} |", "|---" * (len(names) + 1) + "|"]
    for label in dict.fromkeys(row["row"] for row in rows):
        cells = []
        for name in names:
            values = [
                row["found"][name] * (1 if name == "records" else 100) for row in rows if row["row"] == label and name in row["found"]
            ]
            ends = dict.fromkeys(f"{x:.0f}" if name == "records" else f"{x:.1f}" for x in (min(values, default=0), max(values, default=0)))
            cells.append("–".join(ends) if values else "")
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines)


def picture(rows: list[dict[str, Any]], theme: str) -> str:
    """Return an SVG: coverage of the difference's intervals against accuracy, one panel per clustered design, where the gap is 0."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    ink, soft, grid = (THEMES[theme][key] for key in ("ink", "soft", "grid"))
    figure = Figure(figsize=(9.6, 2.9), layout="constrained")
    figure.patch.set_alpha(0)
    panels = figure.subplots(1, len(SHOWN), sharey=True)
    names = ("Tango, effective pairs", "cluster bootstrap", "Tango, as if independent")
    for axes, (k, q) in zip(panels, SHOWN, strict=True):
        panel_rows = [r for r in rows if r["part"] == "equal" and r["row"] == f"{k} × {q}" and r["design"]["gap"] == 0]
        for i, name in enumerate(names):
            values = [r["found"][name] for r in panel_rows]
            axes.plot([r["design"]["p"] for r in panel_rows], values, color=COLOURS[i], marker=MARKS[i], markersize=4, label=name)
        axes.axhline(0.95, color=soft, linewidth=1, linestyle=":")
        axes.set_title(f"{k} documents × {q}", fontsize=9, color=ink)
        axes.set_facecolor("none")
        axes.tick_params(colors=soft, labelsize=8)
        axes.set_xlabel("accuracy", color=soft, fontsize=8)
        axes.yaxis.set_major_formatter(lambda y, _: f"{100 * y:.0f} %")
        for spine in axes.spines.values():
            spine.set_color(grid)
    panels[0].set_ylabel("coverage at 95 %", color=soft, fontsize=8)
    panels[0].legend(frameon=False, labelcolor=ink, fontsize=7, loc="lower left")
    out = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "seal-eval", "svg.fonttype": "path"}):
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()


def main(out: Path) -> None:
    """Simulate the designs that `out` lacks, print the tables, and write the figures next to `out`."""
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()] if out.is_file() else []
    done = {json.dumps([row["part"], row["row"], row["design"]]) for row in rows}
    for number, (part, name, arguments) in enumerate(designs()):
        if json.dumps([part, name, arguments]) in done:
            continue
        rows.append({"part": part, "row": name, "design": arguments, "found": simulate(part, number, arguments)})
        with out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(rows[-1], ensure_ascii=False) + "\n")
        print(part, name, rows[-1]["found"], file=sys.stderr, flush=True)
    for part, first in FIRST.items():
        for size in (False, True):
            text = table(rows, part, first, size)
            print(f"{part}\n\n{text}\n" if text.count("|---") > 1 else "", end="\n" if text.count("|---") > 1 else "")
    for theme in THEMES:
        out.with_name(f"{out.stem}-{theme}.svg").write_text(picture(rows, theme), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
