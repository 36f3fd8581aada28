"""Many tests at once."""

from collections.abc import Sequence

import numpy as np


def holm(p: Sequence[float]) -> list[float]:
    """p-values adjusted so that the chance of any false rejection stays below the level (Holm 1979, Scand. J. Statist. 6:65).

    In the order given. Raises ValueError for values outside 0 to 1.
    """
    from statsmodels.stats.multitest import multipletests

    return [float(x) for x in multipletests(_check(p), method="holm")[1]] if len(p) else []


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
