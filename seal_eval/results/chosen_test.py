"""A sentence about the test of a comparison: which it is, why it fits the data, and what would make it invalid."""

import numpy as np

from seal_eval.results.paired import PairedScores
from seal_eval.stats.choose_test import by_mcnemar, repeats
from seal_eval.stats.clusters import least_p
from seal_eval.stats.layout import layout

MCNEMAR, FLIPS = "the two-sided mid-p McNemar test", "a sign-flip test of samples"
DOCUMENTS = "a sign-flip test of whole documents"


def chosen_test(paired: PairedScores, sequential: bool = False) -> str:
    """The test of the primary result: 'a sign-flip test of whole documents'; with the methods that have another, as they lack scores."""
    if sequential:
        return "an anytime-valid test of documents"
    tests = _tests(paired)
    documents = repeats(layout(paired.cluster, paired.cell))
    first = next(iter(tests.values()), DOCUMENTS if documents else MCNEMAR if _binary(paired) else FLIPS)
    others: dict[str, list[str]] = {}
    for method, test in tests.items():
        if test != first:
            others.setdefault(test, []).append(method)
    listed = "; ".join(f"{test} for {', '.join(names)}" for test, names in others.items())
    return f"{first} ({listed})" if others else first


def _tests(paired: PairedScores) -> dict[str, str]:
    """Method → the test of its scored pairs with the baseline."""
    found = {}
    for column, method in enumerate(paired.methods[1:], 1):
        both = ~np.isnan(paired.scores[:, [0, column]]).any(axis=1)
        if both.any():
            design, scores = layout(paired.cluster[both], paired.cell[both]), paired.scores[both][:, [0, column]]
            found[method] = DOCUMENTS if repeats(design) else MCNEMAR if by_mcnemar(design, scores) else FLIPS
    return found


def sentence(paired: PairedScores, sequential: bool = False) -> str:
    """A sentence that names the test of the primary result, why it was chosen, and what would make it invalid."""
    n, k, c = len(paired.samples), len(paired.clusters), len(paired.cells)
    over = "one cell" if c == 1 else f"{c} cells of equal weight"
    test = chosen_test(paired, sequential)
    if test.startswith(DOCUMENTS) or (sequential and repeats(layout(paired.cluster, paired.cell))):
        least = f" (with {k} documents no p below {least_p(k):.2g} is possible)" if k <= 10 else ""
        why = f"the {n:,} samples belong to {k:,} documents, and questions on one document are not independent{least}"
        invalid = "it would be invalid if documents shared text or were not drawn independently"
    else:
        if not _binary(paired):
            why = "no document repeats, and scores are not only 0 and 1"
        elif test == MCNEMAR:
            why = "replies to the same prompt are pairs of 0/1 scores and no document repeats"
        else:
            why = "no document repeats, and cells of different sizes, counted in scored pairs, have equal weight"
        if FLIPS in test and k <= 10:
            why += f" (with {k} samples no p below {least_p(k):.2g} is possible)"
        invalid = f"it would be invalid if some of the {n:,} samples shared a text and the files did not say so"
    looks = ", or if you looked again and again until p was small (seal-eval compare --anytime allows that)"
    if sequential:
        test, looks = f"{test} (its p-value and intervals hold however often you look)", ""
        why = "it bets on the mean difference of documents, whatever its distribution"
        invalid = "it would be invalid if documents shared text, or if their sizes or their order depended on the replies"
    return f"Over {over}: {test}, because {why}; {invalid}{looks}." + (f" {paired.assumed}" if paired.assumed else "")


def out_of_reach(paired: PairedScores, level: float, n_tests: int) -> str:
    """A sentence, after a space, on what Holm's adjustment puts out of reach at the level, whatever the replies; '' for nothing.

    n_tests: how many methods are tested against the baseline; ranks compare all pairs of the methods that lack no cell. Holm's first step
    multiplies the smallest p by the number of tests; where that exceeds 1 − level for the smallest p that is possible, nothing is rejected.
    """
    k, m = len(paired.clusters), len(paired.complete)
    documents = DOCUMENTS in chosen_test(paired)
    least = least_p(k, mid_p=not documents)
    tests = ((n_tests, f"{n_tests} comparisons with {paired.baseline}"), (m * (m - 1) // 2, f"{m * (m - 1) // 2} pairs of methods (ranks)"))
    lost = [f"{min(1, n * least):.2g} over {what}" for n, what in tests if n > 1 and n * least > 1 - level]
    if not lost:
        return ""
    kind = "documents" if documents else "samples"
    return f" After Holm's adjustment {k} {kind} allow no p below {', nor below '.join(lost)}; for more, run more {kind}."


def _binary(paired: PairedScores) -> bool:
    return bool(np.isin(paired.scores[~np.isnan(paired.scores)], (0, 1)).all())
