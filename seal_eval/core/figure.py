"""SVG text from matplotlib, same data same bytes; a layer × head map."""

import io
import re
from html import escape
from typing import Any

THEMES = {
    "light": {"ink": "#1f2328", "soft": "#59636e", "grid": "#d8dee4", "none": "#eaeef2"},
    "dark": {"ink": "#e6edf3", "soft": "#9aa4af", "grid": "#30363d", "none": "#21262d"},
}


def head_picture(effect: list[list[float]], theme: str) -> str:
    """A layer (down) × head (across) map: blue where removing the head hurts, red where it helps. effect: [n_layers][n_heads], nats."""
    from matplotlib.colors import SymLogNorm

    most = max(abs(v) for row in effect for v in row) or 1.0
    norm = SymLogNorm(linthresh=most / 100, vmin=-most, vmax=most)
    return _map(effect, norm, "rise of the answer's loss without the head (nats)", theme)


def scale_picture(scales: list[list[float]], theme: str) -> str:
    """The same map of each head's mean scale: blue where louder than in the plain model, red where quieter. scales: [n_layers][n_heads]."""
    from matplotlib.colors import CenteredNorm

    return _map(scales, CenteredNorm(1.0, max(abs(v - 1) for row in scales for v in row) or 0.01), "mean scale of the head", theme)


def _map(values: list[list[float]], norm: Any, label: str, theme: str) -> str:
    import matplotlib as mpl

    figure, axes = _one(theme, (1.8 + 0.28 * len(values[0]), 1.2 + 0.2 * len(values)))
    axes.pcolormesh(values, cmap="RdBu", norm=norm, edgecolors="face", linewidth=0.2)
    axes.invert_yaxis()
    for axis, n in ((axes.xaxis, len(values[0])), (axes.yaxis, len(values))):
        step = max(1, n // 12)
        axis.set_ticks([k + 0.5 for k in range(0, n, step)], [str(k) for k in range(0, n, step)])
    axes.set_xlabel("head")
    axes.set_ylabel("layer")
    axes.tick_params(length=0)
    bar = figure.colorbar(mpl.cm.ScalarMappable(norm, "RdBu"), ax=axes, shrink=0.9)
    bar.set_label(label, color=THEMES[theme]["soft"], fontsize=8)
    bar.outline.set_visible(False)
    bar.ax.tick_params(colors=THEMES[theme]["soft"], labelsize=8)
    return _svg(figure, "Layer × head map", label)


def _one(theme: str, size: tuple[float, float]) -> tuple[Any, Any]:
    figure, axes = _canvas(theme, size)
    return figure, axes[0]


def _canvas(theme: str, size: tuple[float, float], across: int = 1, down: int = 1) -> tuple[Any, list[Any]]:
    """A figure and its panels, row by row."""
    from matplotlib.figure import Figure

    colours = THEMES[theme]
    figure = Figure(figsize=size, layout="constrained")
    figure.patch.set_alpha(0)
    axes = list(figure.subplots(down, across, sharey=across * down > 1, squeeze=False).flat)
    for one in axes:
        one.set_facecolor("none")
        one.tick_params(colors=colours["soft"], labelsize=9)
        one.xaxis.label.set_color(colours["soft"])
        one.yaxis.label.set_color(colours["soft"])
        for side, spine in one.spines.items():
            spine.set_color(colours["grid"])
            spine.set_visible(side in ("left", "bottom"))
    return figure, axes


def size_of(svg: str) -> tuple[int, int]:
    """(width, height) of a figure in CSS pixels."""
    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert found
    return round(float(found[1]) * 4 / 3), round(float(found[2]) * 4 / 3)


def _svg(figure: Any, title: str, description: str) -> str:
    import matplotlib as mpl

    out = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "seal-eval", "svg.fonttype": "path"}):
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    head, body = out.getvalue().split("<svg ", 1)
    attributes, body = body.split(">", 1)
    return f'{head}<svg role="img" {attributes}>\n <title>{escape(title)}</title>\n <desc>{escape(description)}</desc>{body}'
