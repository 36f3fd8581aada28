"""How methods change with length (effective length, method × length) and with the position of the needed fact."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from seal_eval.results.comparison import OverLengths, Position
from seal_eval.results.paired import PairedScores
from seal_eval.stats import effective_of, method_by_length, position_bias, simultaneous, weighted_shares
from seal_eval.stats.choose_test import accuracy
from seal_eval.tasks import RULER_GROUP, ruler_tasks


def over_lengths(paired: PairedScores, level: float, sequential: bool) -> Iterator[OverLengths]:
    """For each task at several lengths and each method; for the mean of RULER's thirteen tasks too, over the lengths at which all are
    there. Samples whose length is not known are left out.

    The bounds of the effective length hold together over all cells of a method, so also for the shortest effective length over tasks.
    """
    strict = simultaneous(level, sum(length is not None for _, length in paired.cells))
    subjects = [(task, paired.of_task(task)) for task in paired.tasks]
    if set(ruler_tasks()) <= set(paired.tasks):
        lengths = [{length for name, length in paired.cells if name == task} for task in ruler_tasks()]
        whole = [cell in {(task, n) for task in ruler_tasks() for n in set.intersection(*lengths)} for cell in paired.cells]
        subjects.append((RULER_GROUP, np.array(whole)[paired.cell]))
    sized = np.array([length is not None for _, length in paired.cells])[paired.cell]
    names = paired.tasks
    task_of_cell = np.array([names.index(task) for task, _ in paired.cells])
    for task, of_task in subjects:
        mask = of_task & sized
        size = np.array([paired.cells[i][1] for i in paired.cell[mask]])
        if len(np.unique(size)) < 2:
            continue
        for column, method in enumerate(paired.methods):
            if paired.lacked_in(column, mask):
                continue
            scores, base = paired.scores[mask, column], paired.scores[mask, 0]
            estimates = {}
            for length in np.unique(size[~np.isnan(scores)]):
                here = (size == length) & ~np.isnan(scores)
                estimates[int(length)] = accuracy(scores[here], paired.cluster[mask][here], paired.cell[mask][here], strict, sequential)
            shares = {length: estimate.value for length, estimate in estimates.items()}
            both_scored = ~np.isnan(scores) & ~np.isnan(base)
            both = np.concatenate([scores[both_scored], base[both_scored]])
            interaction = None
            if column and np.isin(both, (0, 1)).all() and not sequential and not paired.lacked_in(0, mask):
                interaction = method_by_length(
                    scores[both_scored], base[both_scored], size[both_scored], paired.cluster[mask][both_scored], level,
                    task_of_cell[paired.cell[mask][both_scored]],
                )  # fmt: skip
            averages = weighted_shares(shares, "rising"), weighted_shares(shares, "falling")
            yield OverLengths(task, method, replace(effective_of(estimates), level=level), *averages, interaction)


def positions(paired: PairedScores, level: float) -> Iterator[Position]:
    """For each task and method with 0/1 scores at known depths in at least two clusters; within lengths, then their mean."""
    for task in paired.tasks:
        for column, method in enumerate(paired.methods):
            if paired.lacked_in(column, paired.of_task(task)):
                continue
            scores = paired.scores[:, column]
            mask = paired.of_task(task) & ~np.isnan(paired.depth) & ~np.isnan(scores)
            if not mask.any() or not np.isin(scores[mask], (0, 1)).all() or len(np.unique(paired.cluster[mask])) < 2:
                continue
            bias = position_bias(scores[mask], paired.depth[mask], paired.cluster[mask], level, paired.cell[mask])
            if bias:
                yield Position(task, method, bias)
