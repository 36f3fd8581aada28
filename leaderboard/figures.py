"""Pictures as SVG text: same data, same bytes. Every figure is drawn for a light and a dark page."""

import io
import itertools
from typing import Any

from seal_eval.cells import DEPTH_EDGES
from seal_eval.compare import Row
from seal_eval.types import Estimate

THEMES = {
    "light": {"ink": "#1f2328", "soft": "#59636e", "grid": "#d8dee4", "none": "#eaeef2"},
    "dark": {"ink": "#e6edf3", "soft": "#9aa4af", "grid": "#30363d", "none": "#21262d"},
}
BASELINE = {"light": "#59636e", "dark": "#9aa4af"}
# Okabe and Ito's palette: told apart with any colour vision, on light and dark
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKS = ("o", "s", "D", "^", "v", "P", "X")


def curves(rows: list[Row], baseline: str, theme: str, unit: str) -> str:
    """Accuracy against length, one line per method with its interval as a band."""
    figure, axes = _canvas(theme, (6.4, 3.4))
    lengths = sorted({row.length or 0 for row in rows})
    methods = list(dict.fromkeys(row.method for row in rows))
    for i, method in enumerate(methods):
        mine = [row for row in rows if row.method == method]
        x: list[float] = [row.length or 0 for row in mine]
        if len(lengths) == 1:  # side by side, or one method hides the other
            x = [lengths[0] * 1.04 ** (i - (len(methods) - 1) / 2)]
        colour = BASELINE[theme] if method == baseline else COLOURS[(i - 1) % len(COLOURS)]
        axes.plot(x, [r.accuracy.value for r in mine], color=colour, marker=MARKS[i % len(MARKS)], label=method, linewidth=2, clip_on=False)
        if len(mine) > 1:
            axes.fill_between(x, [r.accuracy.low for r in mine], [r.accuracy.high for r in mine], color=colour, alpha=0.18, linewidth=0)
        else:
            e = mine[0].accuracy
            axes.errorbar(x, [e.value], yerr=[[e.value - e.low], [e.high - e.value]], color=colour, capsize=4)
    axes.set_xscale("log", base=2)
    axes.set_xticks(lengths, [f"{n:,}" for n in lengths])
    axes.minorticks_off()
    if len(lengths) == 1:
        axes.set_xlim(lengths[0] / 1.5, lengths[0] * 1.5)
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(lambda y, _: f"{100 * y:.0f} %")
    axes.set_xlabel(f"length ({unit})")
    axes.grid(axis="y", color=THEMES[theme]["grid"], linewidth=0.8)
    axes.legend(frameon=False, loc="best", labelcolor=THEMES[theme]["ink"])
    return _svg(figure)


def heatmap(cells: dict[str, dict[int, list[Estimate | None]]], theme: str, unit: str) -> str:
    """Accuracy by depth (down) and length (across), one panel per method: {method: {length: one estimate per fifth}}."""
    import matplotlib as mpl
    from matplotlib.colors import Normalize

    figure, axes = _canvas(theme, (2.4 + 2.2 * len(cells), 3.2), len(cells))
    colours = mpl.colormaps["cividis"]
    for panel, (method, by_length) in zip(axes if len(cells) > 1 else [axes], cells.items(), strict=True):
        lengths = sorted(by_length)
        n_depths = len(DEPTH_EDGES) - 1
        for x, length in enumerate(lengths):
            for y, cell in enumerate(by_length[length]):
                face = colours(cell.value) if cell else THEMES[theme]["none"]
                panel.add_patch(mpl.patches.Rectangle((x - 0.48, y - 0.48), 0.96, 0.96, facecolor=face, linewidth=0))
                if cell:
                    ink = "#000000" if cell.value > 0.55 else "#ffffff"
                    panel.text(x, y, f"{100 * cell.value:.0f} %\nn={cell.n}", ha="center", va="center", fontsize=8, color=ink)
        panel.set_xlim(-0.5, len(lengths) - 0.5)
        panel.set_ylim(n_depths - 0.5, -0.5)
        panel.set_xticks(range(len(lengths)), [f"{n:,}" for n in lengths])
        panel.set_yticks(range(n_depths), [f"{a:.0%}–{b:.0%}" for a, b in itertools.pairwise(DEPTH_EDGES)])
        panel.set_title(method, fontsize=10, color=THEMES[theme]["ink"])
        panel.set_xlabel(f"length ({unit})")
        panel.tick_params(length=0)
        for spine in panel.spines.values():
            spine.set_visible(False)
    (axes[0] if len(cells) > 1 else axes).set_ylabel("depth of the fact")
    bar = figure.colorbar(mpl.cm.ScalarMappable(Normalize(0, 1), colours), ax=axes, shrink=0.9, format=lambda v, _: f"{100 * v:.0f} %")
    bar.outline.set_visible(False)
    bar.ax.tick_params(colors=THEMES[theme]["soft"], labelsize=8)
    return _svg(figure)


def pareto(points: list[tuple[str, float, Estimate]], theme: str, x_label: str, y_label: str) -> str:
    """Gain against cost: (label, cost, accuracy) each; those that no other beats in both are joined by a line."""
    figure, axes = _canvas(theme, (7.2, 3.6))
    for i, (label, cost, e) in enumerate(points):
        axes.errorbar(
            [cost], [e.value], yerr=[[e.value - e.low], [e.high - e.value]], color=COLOURS[i % len(COLOURS)], marker=MARKS[i % len(MARKS)],
            linestyle="none", elinewidth=0.8, label=label, zorder=3,
        )  # fmt: skip
    best = [p for p in points if not any(q[1] <= p[1] and q[2].value >= p[2].value and q[1:] != p[1:] for q in points)]
    best.sort(key=lambda p: p[1])
    axes.step([p[1] for p in best], [p[2].value for p in best], where="post", color=THEMES[theme]["soft"], linewidth=1, linestyle=":")
    axes.set_ylim(0, 1.02)
    axes.xaxis.set_major_formatter(lambda x, _: f"{100 * x:+.1f} %")
    axes.yaxis.set_major_formatter(lambda y, _: f"{100 * y:.0f} %")
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.grid(color=THEMES[theme]["grid"], linewidth=0.8)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5), labelcolor=THEMES[theme]["ink"], fontsize=8)
    return _svg(figure)


def head_picture(effect: list[list[float]], theme: str) -> str:
    """A layer (down) × head (across) map: blue where removing the head hurts, red where it helps. effect: [n_layers][n_heads], nats."""
    import matplotlib as mpl
    from matplotlib.colors import SymLogNorm

    figure, axes = _canvas(theme, (1.8 + 0.28 * len(effect[0]), 1.2 + 0.2 * len(effect)))
    most = max(abs(v) for row in effect for v in row) or 1.0
    norm = SymLogNorm(linthresh=most / 100, vmin=-most, vmax=most)
    axes.pcolormesh(effect, cmap="RdBu", norm=norm, edgecolors="face", linewidth=0.2)
    axes.invert_yaxis()
    for axis, n in ((axes.xaxis, len(effect[0])), (axes.yaxis, len(effect))):
        step = max(1, n // 12)
        axis.set_ticks([k + 0.5 for k in range(0, n, step)], [str(k) for k in range(0, n, step)])
    axes.set_xlabel("head")
    axes.set_ylabel("layer")
    axes.tick_params(length=0)
    bar = figure.colorbar(mpl.cm.ScalarMappable(norm, "RdBu"), ax=axes, shrink=0.9)
    bar.set_label("rise of the answer's loss without the head (nats)", color=THEMES[theme]["soft"], fontsize=8)
    bar.outline.set_visible(False)
    bar.ax.tick_params(colors=THEMES[theme]["soft"], labelsize=8)
    return _svg(figure)


def _canvas(theme: str, size: tuple[float, float], panels: int = 1) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    colours = THEMES[theme]
    figure = Figure(figsize=size, layout="constrained")
    figure.patch.set_alpha(0)
    axes = figure.subplots(1, panels, sharey=panels > 1)
    for one in axes if panels > 1 else [axes]:
        one.set_facecolor("none")
        one.tick_params(colors=colours["soft"], labelsize=9)
        one.xaxis.label.set_color(colours["soft"])
        one.yaxis.label.set_color(colours["soft"])
        for side, spine in one.spines.items():
            spine.set_color(colours["grid"])
            spine.set_visible(side in ("left", "bottom"))
    return figure, axes


def _svg(figure: Any) -> str:
    import matplotlib as mpl

    out = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "seal-eval", "svg.fonttype": "path"}):
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()
