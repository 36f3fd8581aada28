"""What Holm's adjustment over many methods puts out of reach is said, and only then; against p-values of the most extreme replies."""

import numpy as np
import pytest

from seal_eval.results.compare import compare
from seal_eval.results.paired import PairedScores


def extreme(documents, methods, questions=2):
    """Paired scores in which the first method has nothing right, and the others everything."""
    n = documents * questions
    scores = np.ones((n, methods))
    scores[:, 0] = 0
    names = tuple(f"m{i}" for i in range(methods))
    return PairedScores(
        "model", names, tuple(f"s{i:03}" for i in range(n)), (("task", 512),), np.zeros(n, dtype=int), np.arange(n) // questions,
        tuple(f"d{i}" for i in range(documents)), np.full(n, np.nan), scores,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("documents", "methods", "questions", "said"),
    [
        (6, 3, 2, ("0.062 over 2 comparisons with m0", "0.094 over 3 pairs of methods (ranks)")),
        (10, 15, 2, ("0.21 over 105 pairs of methods (ranks)",)),  # 14 comparisons: 14 / 512 = .027
        (12, 15, 2, ("0.051 over 105 pairs",)),
        (13, 15, 2, ()),
        (12, 15, 1, ()),  # mid-p: half as much
        (11, 15, 1, ("11 samples allow no p below 0.051 over 105 pairs",)),
        (4, 2, 2, ()),  # one comparison: the sentence names its smallest p anyway
    ],
)
def test_what_no_replies_could_show(documents, methods, questions, said):
    found = compare(extreme(documents, methods, questions))
    told = found.sentence.partition("After Holm's adjustment")[2]
    assert all(part in found.sentence for part in said) and bool(told) == bool(said)
    row = found.of("primary")[-1]
    significant, distinct = row.p_adjusted <= 0.05, found.ranks[0].group != found.ranks[-1].group
    if methods > 2:
        assert significant == ("comparisons with" not in told) and distinct == ("pairs of methods" not in told)


def test_anytime_valid_tests_have_no_such_floor():
    assert "After Holm" not in compare(extreme(6, 15), sequential=True).sentence
