"""The methodology page: how every number is computed, taken from the docstrings of the code that computes it."""

import inspect
from dataclasses import dataclass
from typing import Any

from seal_eval import stats
from seal_eval.results import compare
from seal_eval.results import depths as cells
from seal_eval.stats import choose_test, effective, layout, position, power, ranking

# heading → the functions explained under it, in the order of the page
BEHIND = {
    "Pairing and the choice of a test": (choose_test.accuracy, choose_test.difference, compare.method_rows),
    "One proportion": (stats.wilson, stats.clustered_proportion, effective.effective_size),
    "Two methods on the same samples": (
        stats.mcnemar,
        stats.tango,
        stats.sign_flip,
        stats.clustered_difference,
    ),
    "Cells and documents": (layout.layout, layout.variance, layout.strays),
    "Many comparisons": (stats.holm, stats.benjamini_hochberg, stats.cochran_q),
    "Ranks and tie groups": (ranking.ranks, ranking.tie_groups),
    "Over lengths": (stats.effective_length, stats.weighted_average, stats.method_by_length),
    "Over depths": (cells.by_depth, position.position_bias),
    "What a comparison could have shown": (stats.minimum_detectable, power.detectable_by_flips, stats.detectable_with, stats.paired_power),
}


@dataclass(frozen=True)
class Explained:
    """A function and the paragraphs of its docstring."""

    name: str
    module: str
    paragraphs: list[str]


def chapters() -> dict[str, list[Explained]]:
    """Heading → its functions with their docstrings."""
    return {heading: [_explained(f) for f in functions] for heading, functions in BEHIND.items()}


def _explained(function: Any) -> Explained:
    text = inspect.getdoc(function) or ""
    return Explained(function.__name__, function.__module__, text.split("\n\n"))
