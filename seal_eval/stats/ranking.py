"""Which methods lead, and which cannot be told from whom."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
    method: str = "pairwise tests, Holm for each method"


def ranks(scores: Sequence[float], p_value: Callable[[int, int], float], level: float = 0.95) -> list[Rank]:
    """Places with intervals and tie groups from the p-values of pairwise comparisons, which are asked once for each pair.

    A method's places run from 1 + the number that are better to all less the number that are worse, by its own tests at 1 − level after
    Holm: marginal confidence sets for ranks (Mogstad, Romano, Shaikh, Wilhelm 2024, Rev. Econ. Stud. 91:476). A tie group is the leader
    among the methods left and those that Holm-adjusted tests against it do not tell apart; nobody is tied through a third.
    """
    m = len(scores)
    p = [[1.0] * m for _ in range(m)]
    for i in range(m):
        for j in range(i):
            p[i][j] = p[j][i] = p_value(i, j)
    found = []
    groups = tie_groups(scores, lambda i, j: p[i][j], level)
    for i in range(m):
        others = [j for j in range(m) if j != i]
        told = [j for j, q in zip(others, holm([p[i][j] for j in others]), strict=True) if q <= 1 - level]
        low = 1 + sum(scores[j] > scores[i] for j in told)
        high = m - sum(scores[j] < scores[i] for j in told)
        found.append(Rank(1 + sum(s > scores[i] for s in scores), low, high, groups[i], level))
    return found


def tie_groups(scores: Sequence[float], p_value: Callable[[int, int], float], level: float = 0.95) -> list[int]:
    """Group of each method, as `ranks`; ties of the leaders go to the first."""
    left = sorted(range(len(scores)), key=lambda i: -scores[i])
    group, found = 0, [0] * len(scores)
    while left:
        group += 1
        leader, *others = left
        adjusted = holm([p_value(leader, j) for j in others])
        tied = [leader, *(j for j, q in zip(others, adjusted, strict=True) if q > 1 - level)]
        for j in tied:
            found[j] = group
        left = [j for j in left if j not in tied]
    return found
