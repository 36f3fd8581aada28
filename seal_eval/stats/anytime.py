"""Intervals and p-values that stay valid however often the results are checked and whenever the experiment stops."""

import math

from seal_eval.core.types import Estimate
from seal_eval.stats.intervals import check_level
from seal_eval.stats.layout import Values
from seal_eval.stats.paired import restricted


def anytime(both: int, only_a: int, only_b: int, neither: int, level: float = 0.95) -> Estimate:
    """Confidence sequence and p-value for the difference A − B of paired 0/1 scores, valid at every check of a growing sample.

    If A and B are equally accurate, the p-value ever falls to α or below with probability at most α.

    The evidence against a difference δ is e(δ) = ∫ L dπ / max L. L is the likelihood of the counts (only A, only B, concordant): averaged
    over a Dirichlet(½, ½, 1) prior in the numerator, maximised over the shares whose difference is δ in the denominator. If the true
    difference is δ, e(δ) has expectation at most 1 at every stopping time (Ville 1939; running maximum likelihood in the denominator:
    Wasserman, Ramdas, Balakrishnan 2020, PNAS 117:16880, section 8). The interval holds every δ with e(δ) < 1 / (1 − level);
    p = min(1, 1 / e(0)). Assumes independent pairs in an order that does not depend on the replies. Raises ValueError for counts that are
    negative or not whole, for no pairs, and for a level outside 0 to 1.
    """
    from scipy.optimize import brentq

    check_level(level)
    counts = (both, only_a, only_b, neither)
    if any(x < 0 or x != int(x) for x in counts) or not sum(counts):
        raise ValueError(f"counts {counts}: needs whole numbers of at least 0, and at least one pair")
    b, c, n = only_a, only_b, sum(counts)
    mixture = _log_dirichlet(b + 0.5, c + 0.5, n - b - c + 1) - _log_dirichlet(0.5, 0.5, 1)

    def log_evidence(delta: float) -> float:
        p = min(max(restricted(b, c, n, delta), 0.0, -delta), (1 - delta) / 2)
        highest = _times_log(c, p) + _times_log(b, p + delta) + _times_log(n - b - c, 1 - 2 * p - delta)
        return mixture - highest

    value, edge, bound = (b - c) / n, 1 - 1e-12, -math.log(1 - level)
    low = -1.0 if log_evidence(-edge) <= bound else float(brentq(lambda d: min(log_evidence(d), 1e9) - bound, -edge, value, xtol=1e-12))
    high = 1.0 if log_evidence(edge) <= bound else float(brentq(lambda d: min(log_evidence(d), 1e9) - bound, value, edge, xtol=1e-12))
    p_value = math.exp(-max(0.0, log_evidence(0.0)))
    return Estimate(value, low, high, level, n, "confidence sequence, anytime-valid", p_value=p_value, n_discordant=b + c)


def anytime_clusters(differences_by_cluster: Values, level: float = 0.95) -> Estimate:
    """The same for clusters (documents with several samples), from the difference A − B of each: [n_clusters], in −1 to 1.

    The value is the mean of the differences d, n the number of clusters. With S = Σ (d − δ) and V = Σ (d − δ)², exp(λS − λ²V/2) has
    expectation at most 1 for every λ (de la Peña 1999, Ann. Probab. 27:537); averaged over λ ~ N(0, 1) it is
    e(δ) = (1 + V)^(−1/2) exp(S² / (2 (1 + V))). The interval assumes differences that are symmetric about their expectation, in an order
    that does not depend on the replies. The p-value only assumes, as its null hypothesis, that A and B may be swapped within each cluster.
    Raises ValueError for no cluster, for differences out of range, and for a level outside 0 to 1.
    """
    import numpy as np
    from scipy.optimize import brentq

    check_level(level)
    d = np.asarray(differences_by_cluster, dtype=float)
    if d.ndim != 1 or not len(d) or not (abs(d) <= 1).all():
        raise ValueError(f"differences_by_cluster: shape {d.shape}, needs one value between −1 and 1 per cluster and at least one cluster")
    bound = -math.log(1 - level)

    def log_evidence(delta: float) -> float:
        s, v = float((d - delta).sum()), float(((d - delta) ** 2).sum())
        return s * s / (2 * (1 + v)) - math.log1p(v) / 2

    value = float(d.mean())
    low = -1.0 if log_evidence(-1.0) <= bound else float(brentq(lambda x: log_evidence(x) - bound, -1.0, value, xtol=1e-12))
    high = 1.0 if log_evidence(1.0) <= bound else float(brentq(lambda x: log_evidence(x) - bound, value, 1.0, xtol=1e-12))
    p_value = min(1.0, math.exp(-log_evidence(0.0)))
    method = "confidence sequence of documents, anytime-valid"
    return Estimate(value, low, high, level, len(d), method, p_value=p_value, n_discordant=int((d != 0).sum()))


def _log_dirichlet(*alpha: float) -> float:
    return sum(map(math.lgamma, alpha)) - math.lgamma(sum(alpha))


def _times_log(count: float, p: float) -> float:
    return 0.0 if count == 0 else count * math.log(p) if p > 0 else -math.inf
