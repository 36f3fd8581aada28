"""SVG text from matplotlib and layer × head maps. The same data gives the same bytes."""

import io
import re
from html import escape
from typing import Any

THEMES = {
    "light": {"ink": "#1f2328", "soft": "#59636e", "grid": "#d8dee4", "none": "#eaeef2"},
    "dark": {"ink": "#e6edf3", "soft": "#9aa4af", "grid": "#30363d", "none": "#21262d"},
}


def head_picture(effect: list[list[float]], theme: str, label: str = "rise of the answer's loss without the head (nats)") -> str:
    """SVG map of layers (down) × heads (across): blue above 0, red below.

    effect: [n_layers][n_heads], what `label` says; by default blue where removing the head hurts, red where it helps. theme: a key of
    THEMES.
    """
    from matplotlib.colors import SymLogNorm

    largest = max(abs(v) for row in effect for v in row) or 1.0
    norm = SymLogNorm(linthresh=largest / 100, vmin=-largest, vmax=largest)
    return _map(effect, norm, label, theme)


def scale_picture(scales: list[list[float]], theme: str) -> str:
    """SVG map of each head's mean scale: blue above 1 (amplified), red below 1 (reduced). scales: [n_layers][n_heads]."""
    from matplotlib.colors import CenteredNorm

    return _map(scales, CenteredNorm(1.0, max(abs(v - 1) for row in scales for v in row) or 0.01), "mean scale of the head", theme)


def _map(values: list[list[float]], norm: Any, label: str, theme: str) -> str:
    import matplotlib as mpl

    figure, axes = single_panel(theme, (1.8 + 0.28 * len(values[0]), 1.2 + 0.2 * len(values)))
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
    return svg_text(figure, "Layer × head map", label)


def single_panel(theme: str, size: tuple[float, float]) -> tuple[Any, Any]:
    """A figure with one panel (matplotlib Axes). size: (width, height) in inches."""
    figure, axes = canvas(theme, size)
    return figure, axes[0]


def canvas(theme: str, size: tuple[float, float], across: int = 1, down: int = 1) -> tuple[Any, list[Any]]:
    """A figure and its `across` × `down` panels, row by row, in the colours of the theme. size: (width, height) in inches."""
    from matplotlib.figure import Figure

    colours = THEMES[theme]
    figure = Figure(figsize=size, layout="constrained")
    figure.patch.set_alpha(0)
    axes = list(figure.subplots(down, across, sharey=across * down > 1, squeeze=False).flat)
    for panel in axes:
        panel.set_facecolor("none")
        panel.tick_params(colors=colours["soft"], labelsize=9)
        panel.xaxis.label.set_color(colours["soft"])
        panel.yaxis.label.set_color(colours["soft"])
        for side, spine in panel.spines.items():
            spine.set_color(colours["grid"])
            spine.set_visible(side in ("left", "bottom"))
    return figure, axes


def size_of(svg: str) -> tuple[int, int]:
    """(width, height) of an SVG figure in CSS pixels."""
    view_box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert view_box
    return round(float(view_box[1]) * 4 / 3), round(float(view_box[2]) * 4 / 3)  # matplotlib writes points


def svg_text(figure: Any, title: str, description: str) -> str:
    """SVG text of a figure, with a title and a description for screen readers."""
    import matplotlib as mpl

    out = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "seal-eval", "svg.fonttype": "path"}):
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    head, body = out.getvalue().split("<svg ", 1)
    attributes, body = body.split(">", 1)
    return f'{head}<svg role="img" {attributes}>\n <title>{escape(title)}</title>\n <desc>{escape(description)}</desc>{body}'
