"""Ranks of methods with intervals, and groups of methods that cannot be distinguished."""

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from itertools import combinations

from seal_eval.stats.several import holm


@dataclass(frozen=True)
class Rank:
    """value: the method's rank by accuracy, 1 is best, equal accuracies share the better rank; low..high: the ranks it may have.

    group: 1 for the leader and all methods that cannot be distinguished from it, 2 for the best of the others and its ties, …
    """

    value: int
    low: int
    high: int
    group: int
    level: float
    method: str = "pairwise tests, Holm over all pairs"


def ranks(scores: Sequence[float], p_value: Callable[[int, int], float], level: float = 0.95) -> list[Rank]:
    """Ranks with intervals and tie groups, from p-values of pairwise comparisons.

    p_value(i, j), i < j, is called once per pair. Two methods are distinguished when their p-value, Holm-adjusted over all pairs, is at
    most 1 − level. Among m methods, one that is distinguished from b better and w worse ones has the ranks 1 + b to m − w: simultaneous
    confidence sets for ranks (Mogstad, Romano, Shaikh, Wilhelm 2024, Rev. Econ. Stud. 91:476). A tie group is the best of the remaining
    methods and those that cannot be distinguished from it; two methods are never tied only through a third.
    """
    m = len(scores)
    pairs = list(combinations(range(m), 2))
    adjusted = holm([p_value(i, j) for i, j in pairs])
    distinct = {pair for pair, p in zip(pairs, adjusted, strict=True) if p <= 1 - level}
    distinct |= {(j, i) for i, j in distinct}
    groups = tie_groups(scores, distinct)
    return [
        Rank(
            1 + sum(s > scores[i] for s in scores),
            1 + sum(scores[j] > scores[i] for j in range(m) if (i, j) in distinct),
            m - sum(scores[j] < scores[i] for j in range(m) if (i, j) in distinct),
            groups[i],
            level,
        )
        for i in range(m)
    ]


def tie_groups(scores: Sequence[float], distinct: Set[tuple[int, int]]) -> list[int]:
    """Group of each method as in `ranks`, from the pairs that are distinguished, each in both orders; of equal scores the first leads."""
    remaining = sorted(range(len(scores)), key=lambda i: -scores[i])
    group, groups = 0, [0] * len(scores)
    while remaining:
        group += 1
        leader = remaining[0]
        tied = [j for j in remaining if (leader, j) not in distinct]
        for j in tied:
            groups[j] = group
        remaining = [j for j in remaining if j not in tied]
    return groups
