"""RULER's thirteen tasks in its composition, for the group `sealruler`.

Hsieh et al. 2024, "RULER: What's the Real Context Size of Your Long-Context Language Models?", table 5; the settings are those of
scripts/synthetic.yaml (NVIDIA/RULER). Samples are this project's: prompts, haystacks, passages and exact lengths. Keys are words in all
tasks, where RULER's niah_multikey_3 takes UUIDs.
"""

from seal_eval.tasks.common import CommonWords
from seal_eval.tasks.frequent_words import FrequentWords
from seal_eval.tasks.needle import Needle
from seal_eval.tasks.qa import Passages
from seal_eval.tasks.tracking import VariableTracking

RULER = (
    Needle("sealruler_niah_single_1", "a number in repeated noise", haystack="noise"),
    Needle("sealruler_niah_single_2", "a number in prose"),
    Needle("sealruler_niah_single_3", "a UUID in prose", value="uuid"),
    Needle("sealruler_niah_multikey_1", "a number in prose, with three needles of other keys", keys=4),
    Needle("sealruler_niah_multikey_2", "a number among needles", haystack="needles"),
    Needle("sealruler_niah_multikey_3", "a UUID among needles", haystack="needles", value="uuid"),
    Needle("sealruler_niah_multivalue", "four numbers of one key", values=4),
    Needle("sealruler_niah_multiquery", "the numbers of four keys", keys=4, queries=4),
    VariableTracking("sealruler_vt", "variables that hold a value, through four hops"),
    CommonWords("sealruler_cwe", "the ten most common words of a list"),
    FrequentWords("sealruler_fwe", "the three most frequent words of a text"),
    Passages("sealruler_qa_1", "a question that one passage answers"),
    Passages("sealruler_qa_2", "a question that two passages answer together", hops=2),
)
