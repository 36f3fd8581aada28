"""Statistics for 0/1 retrieval scores: pure functions of counts and arrays."""

from seal_eval.stats.intervals import wilson
from seal_eval.stats.paired import McNemar, mcnemar, tango

__all__ = ["McNemar", "mcnemar", "tango", "wilson"]
