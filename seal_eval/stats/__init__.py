"""Statistics for retrieval scores, most of them 0 or 1: pure functions of counts and arrays."""

from seal_eval.stats.anytime import anytime
from seal_eval.stats.bayes import Posterior, bayes_paired
from seal_eval.stats.clusters import SignFlip, least_p, sign_flip
from seal_eval.stats.effective import clustered_difference, clustered_proportion, intraclass_correlation
from seal_eval.stats.interaction import Interaction, method_by_length
from seal_eval.stats.intervals import wilson
from seal_eval.stats.lengths import effective_length, effective_of, simultaneous, weighted_average, weighted_shares
from seal_eval.stats.paired import McNemar, mcnemar, tango
from seal_eval.stats.position import position_bias
from seal_eval.stats.power import connor, detectable_with, minimum_detectable, paired_power, pairs_needed
from seal_eval.stats.ranking import Rank, ranks, tie_groups
from seal_eval.stats.record_plans import RecordPlan, plans, records_needed, sign_flip_power
from seal_eval.stats.several import CochranQ, benjamini_hochberg, cochran_q, holm

__all__ = [
    "CochranQ",
    "Interaction",
    "McNemar",
    "Posterior",
    "Rank",
    "RecordPlan",
    "SignFlip",
    "anytime",
    "bayes_paired",
    "benjamini_hochberg",
    "clustered_difference",
    "clustered_proportion",
    "cochran_q",
    "connor",
    "detectable_with",
    "effective_length",
    "effective_of",
    "holm",
    "intraclass_correlation",
    "least_p",
    "mcnemar",
    "method_by_length",
    "minimum_detectable",
    "paired_power",
    "pairs_needed",
    "plans",
    "position_bias",
    "ranks",
    "records_needed",
    "sign_flip",
    "sign_flip_power",
    "simultaneous",
    "tango",
    "tie_groups",
    "weighted_average",
    "weighted_shares",
    "wilson",
]  # fmt: skip
