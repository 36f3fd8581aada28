"""Intervals and p-values that stay valid however often one looks, and whenever one stops."""

import math

from seal_eval.core.types import Estimate
from seal_eval.stats.intervals import check_level
from seal_eval.stats.layout import Values
from seal_eval.stats.paired import restricted


def anytime(both: int, only_a: int, only_b: int, neither: int, level: float = 0.95) -> Estimate:
    """Confidence sequence of the difference A − B of paired 0/1 scores; its p-value is below α at any look with chance at most α.

    The evidence against a difference δ is e(δ) = ∫ L dπ / max L under δ: the likelihood of the counts (only A, only B, concordant)
    averaged over Dirichlet(½, ½, 1) over the largest that δ allows. Averaged under any true shares it is at most 1 at every stopping time
    (Ville 1939; running maximum likelihood in the denominator: Wasserman, Ramdas, Balakrishnan 2020, PNAS 117:16880, section 8). The
    interval holds every δ with e(δ) < 1 / (1 − level), p = min(1, 1 / e(0)). Pairs are independent and come in an order that does not
    depend on the replies. Raises ValueError for counts that are not whole or negative, and for no pairs.
    """
    from scipy.optimize import brentq

    check_level(level)
    counts = (both, only_a, only_b, neither)
    if any(x < 0 or x != int(x) for x in counts) or not sum(counts):
        raise ValueError(f"{counts}: needs whole counts of at least 0, and a pair at least")
    b, c, n = only_a, only_b, sum(counts)
    mixture = _log_dirichlet(b + 0.5, c + 0.5, n - b - c + 1) - _log_dirichlet(0.5, 0.5, 1)

    def evidence(delta: float) -> float:
        p = min(max(restricted(b, c, n, delta), 0.0, -delta), (1 - delta) / 2)
        best = _times_log(c, p) + _times_log(b, p + delta) + _times_log(n - b - c, 1 - 2 * p - delta)
        return mixture - best

    value, edge, bound = (b - c) / n, 1 - 1e-12, -math.log(1 - level)
    low = -1.0 if evidence(-edge) <= bound else float(brentq(lambda d: min(evidence(d), 1e9) - bound, -edge, value, xtol=1e-12))
    high = 1.0 if evidence(edge) <= bound else float(brentq(lambda d: min(evidence(d), 1e9) - bound, value, edge, xtol=1e-12))
    p_value = math.exp(-max(0.0, evidence(0.0)))
    return Estimate(value, low, high, level, n, "confidence sequence, anytime-valid", p_value=p_value, n_discordant=b + c)


def anytime_clusters(differences_by_cluster: Values, level: float = 0.95) -> Estimate:
    """The same for documents that hold several samples: their mean difference, when it is symmetric about its expectation.

    With S = Σ (d − δ) and V = Σ (d − δ)² of K documents, exp(λS − λ²V/2) is at most 1 in the mean for every λ (de la Peña 1999, Ann.
    Probab. 27:537); averaged over λ ~ N(0, 1), e(δ) = (1 + V)^(−1/2) exp(S² / (2 (1 + V))). The differences lie in −1 to 1, in an order
    that does not depend on the replies. Under the null that the methods' names may be swapped in each document, p is valid as it stands.
    Raises ValueError for no document and for differences out of range.
    """
    import numpy as np
    from scipy.optimize import brentq

    check_level(level)
    d = np.asarray(differences_by_cluster, dtype=float)
    if d.ndim != 1 or not len(d) or not (abs(d) <= 1).all():
        raise ValueError(f"differences_by_document: {d.shape} values, needs one between −1 and 1 for each of at least one document")
    bound = -math.log(1 - level)

    def evidence(delta: float) -> float:
        s, v = float((d - delta).sum()), float(((d - delta) ** 2).sum())
        return s * s / (2 * (1 + v)) - math.log1p(v) / 2

    value = float(d.mean())
    low = -1.0 if evidence(-1.0) <= bound else float(brentq(lambda x: evidence(x) - bound, -1.0, value, xtol=1e-12))
    high = 1.0 if evidence(1.0) <= bound else float(brentq(lambda x: evidence(x) - bound, value, 1.0, xtol=1e-12))
    p_value = min(1.0, math.exp(-evidence(0.0)))
    how = "confidence sequence of documents, anytime-valid"
    return Estimate(value, low, high, level, len(d), how, p_value=p_value, n_discordant=int((d != 0).sum()))


def _log_dirichlet(*alpha: float) -> float:
    return sum(map(math.lgamma, alpha)) - math.lgamma(sum(alpha))


def _times_log(count: float, p: float) -> float:
    return 0.0 if count == 0 else count * math.log(p) if p > 0 else -math.inf
