"""Do SEAL's scales, the effect of removing a head, its prediction by the gradient, and copy scores agree on which heads matter?

    seal-eval heads --model M --by both --out heads
    python benchmarks/head_agreement.py docs/head-agreement.jsonl M heads seal-c=adapter seal-h=other-adapter
    python benchmarks/head_agreement.py docs/head-agreement.jsonl        # the table of what OUT holds, and its figures

An adapter is the folder that `seal-eval tune` writes, or a results file of a run with it. Each model is a line of OUT: its maps, as
[n_layers][n_heads]. Correlations are Spearman's over all heads. Intervals at 95 % are percentiles over resampled heads (scipy), as if
heads were independent.
"""

import argparse
import warnings
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from run_log import log, logged, markdown
from scipy.stats import bootstrap, spearmanr

from seal_eval.core.figure import THEMES, canvas, svg_text
from seal_eval.core.files import CARD, MAP, read_object

LABELS = {
    "copy": "copy score", "gradient": "gradient", "pruned": "effect of removal", "seal-h": "scale, SEAL-H", "seal-c": "scale, SEAL-C",
    "seal-c-again": "scale, SEAL-C, again",
}  # fmt: skip


def scales_of(place: Path) -> list[list[float]]:
    """The mean scale of each head of an adapter, from its card or from a results file of a run with it."""
    card = read_object(place / CARD) if place.is_dir() else read_object(place)["config"]["seal_eval"]["about"]
    return [list(map(float, row)) for row in card["mean_scales"]]


def correlation(a: list[list[float]], b: list[list[float]]) -> tuple[float, float, float]:
    """Spearman's rank correlation of two maps and its interval at 95 %."""
    x, y = np.ravel(a), np.ravel(b)

    def rho(x: Any, y: Any) -> float:
        return float(spearmanr(x, y).statistic)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = bootstrap((x, y), rho, paired=True, vectorized=False, n_resamples=4000, rng=np.random.default_rng(0), method="percentile")
    low, high = np.nanquantile(found.bootstrap_distribution, (0.025, 0.975))  # a resample without a head that copies has no ranks
    return rho(x, y), float(low), float(high)


def table(rows: list[dict[str, Any]], found: dict[tuple[str, str, str], tuple[float, float, float]]) -> str:
    """Return the correlations as a Markdown table, a column for each model."""
    columns = ["the one", "the other", *(f"{row['model']} ({np.size(row['maps']['pruned'])} heads)" for row in rows)]
    body = []
    for a, b in combinations(LABELS, 2):
        cells = [found.get((row["model"], a, b)) for row in rows]
        if any(cells):
            body.append([LABELS[a], LABELS[b], *(f"{c[0]:+.2f} ({c[1]:+.2f} to {c[2]:+.2f})" if c else "–" for c in cells)])
    return markdown(columns, body).replace("-0.", "−.").replace("+0.", "+.")


def picture(rows: list[dict[str, Any]], found: dict[tuple[str, str, str], tuple[float, float, float]], theme: str) -> str:
    """Return an SVG figure: a matrix of correlations for each model."""
    figure, panels = canvas(theme, (4.4 * len(rows), 4.2), across=len(rows))  # panels share their rows
    across, down = list(LABELS)[:-1], list(LABELS)[1:]
    for panel, row in zip(panels, rows, strict=True):
        square = np.full((len(down), len(across)), np.nan)
        for (model, a, b), (rho, _, _) in found.items():
            if model == row["model"]:
                i, j = across.index(a), down.index(b)
                square[j, i] = rho
                panel.text(i, j, f"{rho:+.2f}", ha="center", va="center", fontsize=9, color="#1f2328" if abs(rho) < 0.6 else "#ffffff")
        panel.imshow(square, cmap="RdBu", vmin=-1, vmax=1)
        panel.set_title(row["model"], color=THEMES[theme]["ink"], fontsize=10)
        panel.set_xticks(range(len(across)), [LABELS[n] for n in across], rotation=35, ha="right", rotation_mode="anchor")
        panel.set_yticks(range(len(down)), [LABELS[n] for n in down])
        panel.tick_params(length=0)
    return svg_text(figure, "Which heads matter", "rank correlations of measures of a head, for each model")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="the file of maps, JSON Lines")
    parser.add_argument("model", nargs="?", help="the model's name")
    parser.add_argument("map", nargs="?", type=Path, help="folder of seal-eval heads --by both")
    parser.add_argument("scales", nargs="*", metavar="NAME=ADAPTER", help=f"NAME is one of {', '.join(list(LABELS)[3:])}")
    args = parser.parse_args()
    if args.model:
        heads = read_object(args.map / MAP)
        if heads["model"] != args.model:
            parser.error(f"{args.map} is a map of {heads['model']}, not of {args.model}")
        if any(row["model"] == args.model for row in logged(args.out)):
            parser.error(f"{args.out} holds {args.model} already; remove its line, or name another file")
        scales = {name: Path(place) for name, _, place in (text.partition("=") for text in args.scales)}
        if unknown := sorted(scales.keys() - set(list(LABELS)[3:])):
            parser.error(f"'{unknown[0]}' is no name of scales; use {', '.join(list(LABELS)[3:])}")
        maps = {name: heads[name] for name in list(LABELS)[:3]}
        maps |= {name: scales_of(place) for name, place in scales.items()}
        about = {key: heads[key] for key in ("task", "length", "samples", "seed")}
        log(args.out, {"model": args.model, **about, "maps": maps})
    rows = logged(args.out)
    found = {
        (row["model"], a, b): correlation(row["maps"][a], row["maps"][b])
        for row in rows for a, b in combinations(LABELS, 2) if {a, b} <= row["maps"].keys()
    }  # fmt: skip
    print(table(rows, found))
    for theme in THEMES:
        args.out.with_name(f"{args.out.stem}-{theme}.svg").write_text(picture(rows, found, theme))


if __name__ == "__main__":
    main()
