"""Which methods lead, and which cannot be told from whom."""

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from itertools import combinations

from seal_eval.stats.several import holm


@dataclass(frozen=True)
class Rank:
    """value: the method's place by accuracy, 1 the best, equals share the better place; low..high: the places it may have.

    group: 1 for the leader and all that cannot be told from it, 2 for the best of the others and its kind, …
    """

    value: int
    low: int
    high: int
    group: int
    level: float
    method: str = "pairwise tests, Holm over all pairs"


def ranks(scores: Sequence[float], p_value: Callable[[int, int], float], level: float = 0.95) -> list[Rank]:
    """Places with intervals and tie groups from the p-values of pairwise comparisons, which are asked once for each pair.

    Two methods are told apart when their p-value, Holm-adjusted over all pairs, is at most 1 − level. A method's places run from 1 + the
    number that are better to all less the number that are worse: simultaneous confidence sets for ranks (Mogstad, Romano, Shaikh, Wilhelm
    2024, Rev. Econ. Stud. 91:476). A tie group is the best of the methods left and those that are not told from it; nobody is tied
    through a third.
    """
    m = len(scores)
    pairs = list(combinations(range(m), 2))
    told = {pair for pair, p in zip(pairs, holm([p_value(i, j) for i, j in pairs]), strict=True) if p <= 1 - level}
    told |= {(j, i) for i, j in told}
    groups = tie_groups(scores, told)
    return [
        Rank(
            1 + sum(s > scores[i] for s in scores),
            1 + sum(scores[j] > scores[i] for j in range(m) if (i, j) in told),
            m - sum(scores[j] < scores[i] for j in range(m) if (i, j) in told),
            groups[i],
            level,
        )
        for i in range(m)
    ]


def tie_groups(scores: Sequence[float], told: Set[tuple[int, int]]) -> list[int]:
    """Group of each method, as `ranks`, from the pairs that are told apart; of equal leaders the first leads."""
    left = sorted(range(len(scores)), key=lambda i: -scores[i])
    group, found = 0, [0] * len(scores)
    while left:
        group += 1
        leader = left[0]
        tied = [j for j in left if (leader, j) not in told]
        for j in tied:
            found[j] = group
        left = [j for j in left if j not in tied]
    return found
