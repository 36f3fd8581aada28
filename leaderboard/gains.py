"""The figure of gains against length: all methods of a board, a panel for each task."""

from seal_eval.core.figure import THEMES, canvas, svg_text
from seal_eval.leaderboard.figures import COLOURS, MARKS, _legend, beside, tall
from seal_eval.results.comparison import Row

ACROSS = 3  # most panels side by side


def gains(rows_of: dict[str, list[Row]], theme: str, units: dict[str, str]) -> str:
    """The difference from the baseline in points against length, with its interval as a bar: a line per method, a panel per task.

    rows_of: task → rows with a difference, one per method and length; units: of each task's lengths. Methods stand side by side at each
    length, so that no bar hides another.
    """
    methods = list(dict.fromkeys(row.method for rows in rows_of.values() for row in rows))
    across = min(len(rows_of), ACROSS)
    down = -(-len(rows_of) // across)
    figure, axes = canvas(theme, (2.2 + 3.0 * across, tall(0.4 + 2.9 * down, len(methods))), across, down)
    for panel, (task, rows) in zip(axes, rows_of.items(), strict=False):
        lengths = sorted({row.length or 1 for row in rows})
        panel.axhline(0, color=THEMES[theme]["soft"], linewidth=0.8)
        for i, method in enumerate(methods):
            own = [(row.length or 1, row.difference) for row in rows if row.method == method and row.difference]
            x = [length * beside(i, len(methods), 1.05) for length, _ in own]
            y = [100 * gain.value for _, gain in own]
            bars = [[100 * (gain.value - gain.low) for _, gain in own], [100 * (gain.high - gain.value) for _, gain in own]]
            panel.errorbar(
                x, y, yerr=bars, color=COLOURS[i % len(COLOURS)], marker=MARKS[i % len(MARKS)], markersize=4, linewidth=1.2, elinewidth=0.7,
                label=str(i) if panel is axes[across - 1] else None,
            )  # fmt: skip
        panel.set_xscale("log", base=2)
        panel.set_xticks(lengths, [f"{n:,}" for n in lengths])
        panel.minorticks_off()
        panel.set_title(task, fontsize=10, color=THEMES[theme]["ink"], parse_math=False)
        panel.set_xlabel(f"length ({units[task]})")
        panel.grid(axis="y", color=THEMES[theme]["grid"], linewidth=0.8)
    for unused in axes[len(rows_of) :]:
        unused.set_visible(False)
    for first in axes[::across]:
        first.set_ylabel("gain, points")
    _legend(axes[across - 1], theme, methods, beside=True)
    return svg_text(figure, "Gain by length", "A panel per task, a line per method: the difference from the baseline with its interval.")
