"""Statistics for 0/1 retrieval scores: pure functions of counts and arrays."""

from seal_eval.stats.clusters import Obuchowski, SignFlip, obuchowski, sign_flip
from seal_eval.stats.intervals import clopper_pearson, jeffreys, wilson
from seal_eval.stats.lengths import effective_length, weighted_average
from seal_eval.stats.paired import McNemar, mcnemar, newcombe, tango
from seal_eval.stats.power import minimum_detectable, paired_power
from seal_eval.stats.several import benjamini_hochberg, holm

__all__ = [
    "McNemar", "Obuchowski", "SignFlip", "benjamini_hochberg", "clopper_pearson", "effective_length", "holm", "jeffreys", "mcnemar",
    "minimum_detectable", "newcombe", "obuchowski", "paired_power", "sign_flip", "tango", "weighted_average", "wilson",
]  # fmt: skip
