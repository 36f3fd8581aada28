"""The site's figures as SVG text, each in a light and a dark theme. The same data gives the same bytes."""

import itertools
import math
from typing import Any

from seal_eval.core.figure import THEMES, canvas, single_panel, svg_text
from seal_eval.core.types import Estimate
from seal_eval.results.comparison import Row
from seal_eval.results.depths import DEPTH_EDGES
from seal_eval.results.numbers import whole_percent
from seal_eval.stats import wilson

BASELINE = {"light": "#59636e", "dark": "#9aa4af"}
# Okabe and Ito's palette: distinguishable with any colour vision, on light and dark pages
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
LONGEST_NAME = 60  # characters
MARKS = ("o", "s", "D", "^", "v", "P", "X")

NOWHERE = Estimate(math.nan, math.nan, math.nan, 0.95, 0, "not run")


def curves(rows: list[Row], baseline: str, theme: str, unit: str) -> str:
    """Accuracy against length: one line per method with its interval as a band. rows: one per method and length; unit: of the lengths.

    A length that a method lacks is a gap in its line. Samples without a length stand in one place.
    """
    lengths = sorted({row.length or 1 for row in rows})
    methods = list(dict.fromkeys(row.method for row in rows))
    figure, axes = single_panel(theme, (6.4, tall(3.4, len(methods))))
    for i, method in enumerate(methods):
        method_rows = [row for row in rows if row.method == method]
        x: list[float] = [row.length or 1 for row in method_rows]
        if len(lengths) == 1:  # side by side, so that no method hides another
            x = [lengths[0] * beside(i, len(methods), 1.04)]
        colour = _colour(i, method, baseline, theme)
        whole = all(row.accuracy for row in method_rows)
        estimates = [row.accuracy or NOWHERE for row in method_rows]  # so that no line joins the lengths on both sides of a missing one
        if all(e is NOWHERE for e in estimates):
            continue
        axes.plot(x, [e.value for e in estimates], color=colour, marker=MARKS[i % len(MARKS)], label=str(i), linewidth=2, clip_on=False)
        if len(estimates) > 1 and whole:
            axes.fill_between(x, [e.low for e in estimates], [e.high for e in estimates], color=colour, alpha=0.18, linewidth=0)
        else:
            bars = [[e.value - e.low for e in estimates], [e.high - e.value for e in estimates]]
            axes.errorbar(x, [e.value for e in estimates], yerr=bars, color=colour, capsize=4, linestyle="none")
    axes.set_xscale("log", base=2)
    any_length = all(row.length is None for row in rows)
    axes.set_xticks(lengths, ["any length"] if any_length else [f"{n:,}" for n in lengths])
    axes.minorticks_off()
    if len(lengths) == 1:
        axes.set_xlim(lengths[0] / 1.5, lengths[0] * 1.5)
    axes.set_ylim(0, 1)
    _percent_axis(axes.yaxis)
    axes.set_xlabel("" if any_length else f"length ({unit})")
    axes.grid(axis="y", color=THEMES[theme]["grid"], linewidth=0.8)
    _legend(axes, theme, methods)
    return svg_text(figure, "Accuracy by length", "One line per method with its interval as a band.")


def ink_on(face: tuple[float, ...]) -> str:
    """Black or white, whichever has more contrast on a colour (WCAG 2.2, relative luminance). face: red, green, blue, from 0 to 1."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in face[:3]]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#000000" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "#ffffff"


def heatmap(cells: dict[str, dict[int, list[Estimate | None]]], theme: str, unit: str) -> str:
    """Accuracy by depth (down) and length (across), one panel per method. cells: method → length → one estimate per fifth of depth."""
    import matplotlib as mpl
    from matplotlib.colors import Normalize

    across = min(len(cells), 3)
    down = -(-len(cells) // across)
    n_lengths = max(map(len, cells.values()))
    figure, axes = canvas(theme, (1.6 + across * max(2.0, 0.85 * n_lengths), 0.2 + 3.1 * down), across, down)
    colours = mpl.colormaps["cividis"]
    for panel, (method, by_length) in zip(axes, cells.items(), strict=False):
        lengths = sorted(by_length)
        n_depths = len(DEPTH_EDGES) - 1
        for x, length in enumerate(lengths):
            for y, cell in enumerate(by_length[length]):
                face = colours(cell.value) if cell else THEMES[theme]["none"]
                panel.add_patch(mpl.patches.Rectangle((x - 0.48, y - 0.48), 0.96, 0.96, facecolor=face, linewidth=0))
                if cell:
                    text = f"{whole_percent(cell.value)} %\n{100 * cell.low:.0f}–{100 * cell.high:.0f}\nn={cell.n}"
                    panel.text(x, y, text, ha="center", va="center", fontsize=8, color=ink_on(mpl.colors.to_rgb(face)))
        panel.set_xlim(-0.5, len(lengths) - 0.5)
        panel.set_ylim(n_depths - 0.5, -0.5)
        panel.set_xticks(range(len(lengths)), [f"{n:,}" for n in lengths])
        panel.set_yticks(range(n_depths), [f"{a:.0%}–{b:.0%}" for a, b in itertools.pairwise(DEPTH_EDGES)])
        panel.set_title(_cut(method), fontsize=10, color=THEMES[theme]["ink"], parse_math=False)
        panel.set_xlabel(f"length ({unit})")
        panel.tick_params(length=0)
        for spine in panel.spines.values():
            spine.set_visible(False)
    for unused in axes[len(cells) :]:
        unused.set_visible(False)
    for first in axes[::across]:
        first.set_ylabel("depth of the fact")
    bar = figure.colorbar(
        mpl.cm.ScalarMappable(Normalize(0, 1), colours), ax=axes, shrink=0.9 / down, format=lambda v, _: f"{100 * v:.0f} %"
    )
    bar.outline.set_visible(False)
    bar.ax.tick_params(colors=THEMES[theme]["soft"], labelsize=8)
    return svg_text(figure, "Accuracy by depth and length", "A panel for each method; colour, number, interval and n in every cell.")


def depth_curves(cells: dict[str, dict[int, list[Estimate | None]]], theme: str, baseline: str) -> str:
    """Accuracy against depth, all lengths together: one line per method that has them all, with Wilson intervals as bars.

    cells: as in `heatmap`.
    """
    figure, axes = single_panel(theme, (6.4, tall(3.2, len(cells))))
    middles = [(a + b) / 2 for a, b in itertools.pairwise(DEPTH_EDGES)]
    for i, (method, by_length) in enumerate(cells.items()):
        if not all(any(row) for row in by_length.values()):  # all lengths together: nothing to compare with where one is missing
            continue
        colour, points = _colour(i, method, baseline, theme), []
        for fifth, x in enumerate(middles):
            estimates = [e for e in (row[fifth] for row in by_length.values()) if e]
            if estimates:
                n = sum(e.n for e in estimates)
                points.append(
                    (x + min(0.008, 0.16 / len(cells)) * (i - len(cells) / 2), wilson(round(sum(e.value * e.n for e in estimates)), n))
                )
        axes.errorbar(
            [x for x, _ in points], [e.value for _, e in points],
            yerr=[[e.value - e.low for _, e in points], [e.high - e.value for _, e in points]],
            color=colour, marker=MARKS[i % len(MARKS)], label=str(i), linewidth=1.6, elinewidth=0.8,
        )  # fmt: skip
    _percent_axis(axes.yaxis)
    _percent_axis(axes.xaxis)
    axes.set_ylim(0, 1)
    axes.set_xlim(0, 1)
    axes.set_xlabel("depth of the fact in the prompt")
    axes.grid(axis="y", color=THEMES[theme]["grid"], linewidth=0.8)
    _legend(axes, theme, list(cells))
    return svg_text(figure, "Accuracy by depth", "One line per method over all lengths, with Wilson intervals.")


def pareto(points: list[tuple[str, float, Estimate]], theme: str, x_label: str, y_label: str, less: bool = True) -> str:
    """Accuracy against a cost: points are (label, cost, accuracy); a dotted line joins the Pareto front.

    less: the cost is a fraction, shown in percent, and less of it is better. Otherwise it is a number, such as speed, and more is better.
    """
    figure, axes = single_panel(theme, (7.2, tall(3.6, len(points))))
    for i, (_, cost, e) in enumerate(points):
        axes.errorbar(
            [cost], [e.value], yerr=[[e.value - e.low], [e.high - e.value]], color=COLOURS[i % len(COLOURS)], marker=MARKS[i % len(MARKS)],
            linestyle="none", elinewidth=0.8, label=str(i), zorder=3,
        )  # fmt: skip
    sign = 1 if less else -1
    front = [p for p in points if not any(sign * q[1] <= sign * p[1] and q[2].value >= p[2].value and q[1:] != p[1:] for q in points)]
    front.sort(key=lambda p: sign * p[1])
    axes.step([p[1] for p in front], [p[2].value for p in front], where="post", color=THEMES[theme]["soft"], linewidth=1, linestyle=":")
    axes.set_ylim(0, 1.02)
    axes.xaxis.set_major_formatter(
        (lambda x, _: f"{100 * x:+.3g} %".replace("+0 ", "0 ").replace("-", "−")) if less else (lambda x, _: f"{x:,.0f}")
    )
    if not less:
        axes.set_xlim(0, 1.08 * max(cost for _, cost, _ in points))
    _percent_axis(axes.yaxis)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.grid(color=THEMES[theme]["grid"], linewidth=0.8)
    _legend(axes, theme, [label for label, _, _ in points], beside=True)
    return svg_text(
        figure,
        f"{y_label} against {x_label}",
        "One mark per method with its interval; the dotted line joins the methods that no other beats in both.",
    )


def tall(height: float, n: int) -> float:
    """The height of a figure in inches, for a legend of `n` names beside it: matplotlib cuts what does not fit."""
    return max(height, 0.3 + 0.19 * n)


def beside(i: int, n: int, step: float) -> float:
    """A factor for the position of method `i` of `n` on a logarithmic axis: side by side, and away from the next length."""
    return float(min(step, 1.3 ** (2 / max(n - 1, 1))) ** (i - (n - 1) / 2))


def _colour(i: int, method: str, baseline: str, theme: str) -> str:
    return BASELINE[theme] if method == baseline else COLOURS[(i - 1) % len(COLOURS)]


def _percent_axis(axis: Any) -> None:
    axis.set_major_formatter(lambda y, _: f"{100 * y:.0f} %")


def _legend(axes: Any, theme: str, names: list[str], beside: bool = False) -> None:
    """Add a legend: above the axes for up to four names, to their right for more or when `beside`.

    The names replace placeholders: matplotlib would leave out one that begins with an underscore, and read dollar signs as mathematics.
    """
    above = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "ncols": 4}
    right = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5), "fontsize": 8}
    legend = axes.legend(frameon=False, labelcolor=THEMES[theme]["ink"], **(right if beside or len(names) > 4 else above))
    for text, name in zip(legend.get_texts(), [names[int(text.get_text())] for text in legend.get_texts()], strict=True):
        text.set_parse_math(False)
        text.set_text(_cut(name))


def _cut(name: str) -> str:
    """A name as figures show it: the middle of a long one is left out."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME // 2]}…{name[-LONGEST_NAME // 2 + 1 :]}"
