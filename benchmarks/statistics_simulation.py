"""Simulate the coverage of the intervals and the size of the tests. Each design becomes a line of OUT; lines already there are kept.

    python benchmarks/statistics_simulation.py docs/statistics-simulation.jsonl     (about 12 minutes on one core)

A reply is right when a normal variable falls below the accuracy's quantile. The variable is the sum of four parts: one per document that
both methods share, one per document and method, one per sample that both methods share, and independent noise. The tables are printed as
Markdown, and the figure is written next to OUT.
"""

import io
import json
import sys
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binom, norm

from seal_eval.core.figure import THEMES
from seal_eval.leaderboard.figures import COLOURS, MARKS
from seal_eval.stats import cluster_bootstrap, clustered_difference, clustered_proportion, mcnemar, sign_flip, tango, wilson
from seal_eval.stats.choose_test import pair_table

from alternatives import clopper_pearson, jeffreys, newcombe, obuchowski

ACCURACIES = (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98)
ALONE = (20, 50, 200)
CLUSTERED = ((4, 5), (10, 5), (10, 20), (40, 5))  # documents × questions
GAPS = (0.0, 0.2)
SHARED, IN_DOCUMENT = 0.4, 0.3  # shares of the variance; half of a document's share is the method's own
DRAWS, RESAMPLES = 1000, 1000

Found = dict[str, list[float]]  # name → 0/1 per draw: whether the interval contains the truth, or the test rejects


def replies(rng: np.random.Generator, k: int, q: int, accuracies: tuple[float, float], in_cluster: float) -> list[np.ndarray]:
    """Draw the 0/1 scores of two methods on k documents of q questions, [k * q] each; `in_cluster` is the documents' share of variance."""
    cluster, sample = rng.normal(size=(k, 1)), rng.normal(size=(k, q))
    out = []
    for p in accuracies:
        own, rest = rng.normal(size=(k, 1)), rng.normal(size=(k, q))
        z = np.sqrt(in_cluster / 2) * (cluster + own) + np.sqrt(SHARED) * sample + np.sqrt(1 - SHARED - in_cluster) * rest
        out.append((z < norm.ppf(p)).astype(float).ravel())
    return out


@cache
def of_table(table: tuple[int, int, int, int]) -> tuple[Any, Any, Any]:
    """Return McNemar's test, Tango's interval and Newcombe's interval of a paired table."""
    return mcnemar(*table), tango(*table), newcombe(*table)


def holds(interval: Any, truth: float) -> float:
    """Return 1.0 if the interval contains `truth`, else 0.0."""
    return float(interval.low - 1e-12 <= truth <= interval.high + 1e-12)


def alone(rng: np.random.Generator, n: int, p: float, gap: float) -> Found:
    """Simulate DRAWS data sets of n samples, each from a different document."""
    found: Found = defaultdict(list)
    for _ in range(DRAWS):
        a, b = replies(rng, n, 1, (p, p - gap), 0.0)
        test, score, newcombes = of_table(pair_table(a, b))
        found["Tango"].append(holds(score, gap))
        found["Newcombe"].append(holds(newcombes, gap))
        if not gap:
            found["size: mid-p McNemar"].append(test.p_midp <= 0.05)
            found["size: exact McNemar"].append(test.p_exact <= 0.05)
    return found


def clustered(rng: np.random.Generator, k: int, q: int, p: float, gap: float) -> Found:
    """Simulate DRAWS data sets of k documents with q questions each."""
    found: Found = defaultdict(list)
    clusters = np.arange(k).repeat(q)
    for draw in range(DRAWS):
        a, b = replies(rng, k, q, (p, p - gap), IN_DOCUMENT)
        table = pair_table(a, b)
        test, score, _ = of_table(table)
        found["Tango, as if independent"].append(holds(score, gap))
        found["Tango, effective pairs"].append(holds(clustered_difference(a, b, clusters), gap))
        found["cluster bootstrap"].append(holds(cluster_bootstrap(a - b, clusters, resamples=RESAMPLES, seed=draw), gap))
        found["Wilson, as if independent"].append(holds(wilson(int(a.sum()), k * q), p))
        found["Wilson, effective samples"].append(holds(clustered_proportion(a, clusters), p))
        if not gap:
            won, lost = ((x).reshape(k, q).sum(axis=1) for x in (a > b, a < b))
            chi2 = obuchowski(won, lost).p_value
            found["size: mid-p McNemar, as if independent"].append(test.p_midp <= 0.05)
            found["size: sign-flip of documents"].append(sign_flip(won.astype(float) - lost).p_value <= 0.05)
            found["size: Obuchowski"].append(chi2 is not None and chi2 <= 0.05)
    return found


def exact(n: int, p: float) -> dict[str, float]:
    """Return the exact coverage of the intervals for one proportion, by summing the binomial distribution."""
    k = np.arange(n + 1)
    chance = binom.pmf(k, n, p)
    kinds = {"Wilson": wilson, "Clopper-Pearson": clopper_pearson, "Jeffreys": jeffreys}
    return {name: float(sum(c * holds(f(int(x), n), p) for x, c in zip(k, chance, strict=True))) for name, f in kinds.items()}


def designs() -> list[tuple[int, int, float, float]]:
    """Return (documents, questions, accuracy, gap) of every design whose lower accuracy is above 0."""
    sizes = [(n, 1) for n in ALONE] + list(CLUSTERED)
    return [(k, q, p, gap) for k, q in sizes for p in ACCURACIES for gap in GAPS if p - gap > 0]


def table(rows: list[dict[str, Any]], size: bool) -> str:
    """Return a Markdown table, a row per number of documents and questions: the lowest and highest % over accuracies and gaps.

    `size`: the tests' rejection rates instead of the intervals' coverage.
    """
    names = list(dict.fromkeys(name for row in rows for name in row["found"] if name.startswith("size") == size))
    lines = [f"| documents × questions | {' | '.join(n.removeprefix('size: ') for n in names)} |", "|---" * (len(names) + 1) + "|"]
    for k, q in dict.fromkeys((row["documents"], row["questions"]) for row in rows):
        cells = []
        for name in names:
            values = [100 * r["found"][name] for r in rows if (r["documents"], r["questions"]) == (k, q) and name in r["found"]]
            cells.append(f"{min(values):.1f}–{max(values):.1f}" if values else "")
        lines.append(f"| {k} × {q} | {' | '.join(cells)} |")
    return "\n".join(lines)


def picture(rows: list[dict[str, Any]], theme: str) -> str:
    """Return an SVG: coverage of the difference's intervals against accuracy, one panel per clustered design, where the gap is 0."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    ink, soft, grid = (THEMES[theme][key] for key in ("ink", "soft", "grid"))
    figure = Figure(figsize=(9.6, 2.9), layout="constrained")
    figure.patch.set_alpha(0)
    panels = figure.subplots(1, len(CLUSTERED), sharey=True)
    names = ("Tango, effective pairs", "cluster bootstrap", "Tango, as if independent")
    for axes, (k, q) in zip(panels, CLUSTERED, strict=True):
        panel_rows = [r for r in rows if (r["documents"], r["questions"], r["gap"]) == (k, q, 0.0)]
        for i, name in enumerate(names):
            values = [r["found"][name] for r in panel_rows]
            axes.plot([r["accuracy"] for r in panel_rows], values, color=COLOURS[i], marker=MARKS[i], markersize=4, label=name)
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
    rows = [json.loads(line) for line in out.read_text().splitlines()] if out.is_file() else []
    done = {(row["documents"], row["questions"], row["accuracy"], row["gap"]) for row in rows}
    for k, q, p, gap in designs():
        if (k, q, p, gap) in done:
            continue
        rng = np.random.default_rng([k, q, round(100 * p), round(100 * gap)])
        found = alone(rng, k, p, gap) if q == 1 else clustered(rng, k, q, p, gap)
        shares = {name: float(np.mean(values)) for name, values in found.items()} | (exact(k, p) if q == 1 else {})
        rows.append({"documents": k, "questions": q, "accuracy": p, "gap": gap, "draws": DRAWS, "found": shares})
        with out.open("a") as file:
            file.write(json.dumps(rows[-1]) + "\n")
        print(rows[-1], file=sys.stderr, flush=True)
    print(table([r for r in rows if r["questions"] == 1], False), end="\n\n")
    print(table([r for r in rows if r["questions"] > 1], False), end="\n\n")
    print(table([r for r in rows if r["questions"] == 1], True), end="\n\n")
    print(table([r for r in rows if r["questions"] > 1], True))
    for theme in THEMES:
        out.with_name(f"{out.stem}-{theme}.svg").write_text(picture(rows, theme))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
