"""Many tests at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class CochranQ:
    """value: Q, with `degrees` degrees of freedom; both it and p_value None when no sample tells the methods apart."""

    value: float | None
    p_value: float | None
    degrees: int
    n: int
    n_discordant: int
    method: str = "Cochran's Q"


def cochran_q(scores: Any) -> CochranQ:
    """Are several methods equally accurate on the same samples? scores: 0/1, [n_samples, n_methods] (Cochran 1950, Biometrika 37:256).

    Asymptotic, for independent samples; with two methods it is McNemar's uncorrected test. Raises ValueError for other scores and for
    fewer than two methods.
    """
    from statsmodels.stats.contingency_tables import cochrans_q

    x = np.asarray(scores, dtype=float)
    if x.ndim != 2 or x.shape[1] < 2 or not len(x):
        raise ValueError(f"scores: shape {x.shape}, needs [n_samples, n_methods] with two methods at least")
    if not np.isin(x, (0, 1)).all():
        raise ValueError("scores must be 0 or 1")
    n, m = x.shape
    told = int((x.min(axis=1) != x.max(axis=1)).sum())
    if not told:
        return CochranQ(None, None, m - 1, n, 0)
    found = cochrans_q(x)
    return CochranQ(float(found.statistic), float(found.pvalue), m - 1, n, told)


def holm(p: Sequence[float]) -> list[float]:
    """p-values adjusted so that the chance of any false rejection stays below the level (Holm 1979, Scand. J. Statist. 6:65).

    In the order given. Raises ValueError for values outside 0 to 1.
    """
    # by hand: statsmodels' multipletests collects garbage at every call, seconds each beside the records of a large comparison
    values = _check(p)
    order, m = np.argsort(values, kind="stable"), len(values)
    adjusted = np.empty(m)
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * np.arange(m, 0, -1)), 1)
    return [float(x) for x in adjusted]


def benjamini_hochberg(p: Sequence[float]) -> list[float]:
    """p-values adjusted so that the expected share of false rejections stays below the level (Benjamini & Hochberg 1995, JRSS B 57:289).

    In the order given. Raises ValueError for values outside 0 to 1.
    """
    from scipy.stats import false_discovery_control

    return [float(x) for x in false_discovery_control(_check(p), method="bh")] if len(p) else []


def _check(p: Sequence[float]) -> np.ndarray:
    values = np.asarray(p, dtype=float)
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"p={list(p)}: p-values lie between 0 and 1")
    return values
