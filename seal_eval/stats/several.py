"""Tests of several methods at once, and p-values adjusted for many tests."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class CochranQ:
    """value: Q, with `degrees` degrees of freedom; it and p_value are None when the methods have equal scores on every sample."""

    value: float | None
    p_value: float | None
    degrees: int
    n: int
    n_discordant: int
    method: str = "Cochran's Q"


def cochran_q(scores: Any) -> CochranQ:
    """Test whether several methods are equally accurate on the same samples (Cochran 1950, Biometrika 37:256).

    scores: 0/1, [n_samples, n_methods]. Asymptotic, for independent samples; for two methods it equals McNemar's uncorrected test. Raises
    ValueError for other scores, no sample, and fewer than two methods.
    """
    from statsmodels.stats.contingency_tables import cochrans_q

    x = np.asarray(scores, dtype=float)
    if x.ndim != 2 or x.shape[1] < 2 or not len(x):
        raise ValueError(f"scores: shape {x.shape}, needs [n_samples, n_methods] with at least two methods")
    if not np.isin(x, (0, 1)).all():
        raise ValueError("scores must be 0 or 1")
    n, m = x.shape
    n_discordant = int((x.min(axis=1) != x.max(axis=1)).sum())
    if not n_discordant:
        return CochranQ(None, None, m - 1, n, 0)
    test = cochrans_q(x)
    return CochranQ(float(test.statistic), float(test.pvalue), m - 1, n, n_discordant)


def holm(p: Sequence[float]) -> list[float]:
    """p-values adjusted so that the probability of any false rejection stays below the level (Holm 1979, Scand. J. Statist. 6:65).

    Returned in the order of `p`. Raises ValueError for values outside 0 to 1.
    """
    # not statsmodels' multipletests: it runs the garbage collector on every call, which takes seconds in a large comparison
    values = _check(p)
    order, m = np.argsort(values, kind="stable"), len(values)
    adjusted = np.empty(m)
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * np.arange(m, 0, -1)), 1)
    return [float(x) for x in adjusted]


def benjamini_hochberg(p: Sequence[float]) -> list[float]:
    """p-values adjusted so that the expected share of false rejections stays below the level (Benjamini & Hochberg 1995, JRSS B 57:289).

    Returned in the order of `p`. Raises ValueError for values outside 0 to 1.
    """
    from scipy.stats import false_discovery_control

    return [float(x) for x in false_discovery_control(_check(p), method="bh")] if len(p) else []


def _check(p: Sequence[float]) -> np.ndarray:
    values = np.asarray(p, dtype=float)
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"p={list(p)}: p-values must lie between 0 and 1")
    return values
