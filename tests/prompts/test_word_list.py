"""Lists of words inside sentences, behind letters, and at the end of shown work."""

import pytest

from seal_eval.prompts.plain_text import plain_text
from seal_eval.prompts.word_list import read_words
from seal_eval.tasks.graph import other_ends

NODES = {"epzmzv", "xaobdt", "yimlfn", "kbzblu", "vkuqds", "pwedfz"}
WORK = "Step 1: pwedfz -> kbzblu, vkuqds\nStep 2: kbzblu -> epzmzv; vkuqds -> xaobdt, yimlfn\n\n"


def read(reply):
    found = read_words(other_ends(plain_text(reply), ["pwedfz"]), NODES, 3, ["pwedfz"])
    return set() if found.problem else set(found.values)


@pytest.mark.parametrize("reply", [
    "epzmzv, xaobdt and yimlfn are the most common words.", "The words epzmzv, xaobdt, and yimlfn are the most frequent.",
    "epzmzv, xaobdt, yimlfn have edges to pwedfz.", "The words are **epzmzv, xaobdt and yimlfn**, which appear most often.",
    "It is epzmzv, xaobdt and yimlfn that appear most often.", "The nodes epzmzv, xaobdt and yimlfn have an edge to the node pwedfz.",
    "a) epzmzv\nb) xaobdt\nc) yimlfn", "A. epzmzv\nB. xaobdt\nC. yimlfn", "i. epzmzv\nii. xaobdt\niii. yimlfn",
    "(a) epzmzv (b) xaobdt (c) yimlfn", "Node 1: epzmzv\nNode 2: xaobdt\nNode 3: yimlfn",
    "**Word 1:** epzmzv\n**Word 2:** xaobdt\n**Word 3:** yimlfn",
    WORK + "The nodes are: epzmzv, xaobdt, yimlfn", WORK + "Therefore: epzmzv, xaobdt, yimlfn",
    WORK + "Nodes exactly 2 edges away: epzmzv, xaobdt, yimlfn",
    "epzmzv -> pwedfz\nxaobdt -> pwedfz\nyimlfn -> pwedfz", "- epzmzv → pwedfz\n- xaobdt → pwedfz\n- yimlfn → pwedfz",
    "pwedfz -> epzmzv, xaobdt, yimlfn",
])  # fmt: skip
def test_right(reply):
    assert read(reply) == {"epzmzv", "xaobdt", "yimlfn"}


@pytest.mark.parametrize("reply", [
    "epzmzv, xaobdt", "epzmzv and xaobdt are the nodes.", "epzmzv, xaobdt, yimlfn and kbzblu are the nodes.",
    "The nodes are: kbzblu, vkuqds\n\nOther nodes: epzmzv, xaobdt, yimlfn", WORK + "The nodes are: kbzblu, vkuqds, epzmzv",
])  # fmt: skip
def test_wrong(reply):
    assert read(reply) != {"epzmzv", "xaobdt", "yimlfn"}
