"""Statistics for 0/1 retrieval scores: pure functions of counts and arrays."""

from seal_eval.stats.intervals import wilson
from seal_eval.stats.lengths import effective_length, weighted_average
from seal_eval.stats.paired import McNemar, mcnemar, tango

__all__ = ["McNemar", "effective_length", "mcnemar", "tango", "weighted_average", "wilson"]
