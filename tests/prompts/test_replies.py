"""Right answers score 1 in every style and notation, wrong ones score 0 in all of them; hedges, corrections and thinking."""

# ruff: noqa: E501  (tables of replies)

import itertools
import re
from dataclasses import asdict, replace

import pytest
from replier import NOTATIONS, STYLES

from seal_eval.prompts.invented import FIRST
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.tasks import get_task
from seal_eval.tasks.coreference import replies_in
from seal_eval.tasks.longeval import topics_of
from seal_eval.tasks.qa import NAME, is_town

# name → (task, settings, size); other: a value of the text that is no target; stranger: one that the text does not hold
KINDS = {
    "lines": ("seal_lines", {}, 700, "24261"), "longeval lines": ("seal_longeval_lines", {}, 20, "24261"),
    "number": ("seal_needle", {}, 700, "1234567"), "word": ("seal_needle_multikey", {"value": "word"}, 900, "quick-lamp"),
    "uuid": ("seal_needle_multikey", {"value": "uuid"}, 900, "3fdb7368-279f-45b1-ab13-a96bfa904449"),
    "numbers": ("seal_needle_multivalue", {}, 900, "1234567"), "words": ("seal_needle_multivalue", {"value": "word", "keys": 2}, 900, "quick-lamp"),
    "uuids": ("seal_needle_multiquery", {"value": "uuid"}, 2000, "3fdb7368-279f-45b1-ab13-a96bfa904449"), "queries": ("seal_needle_multiquery", {}, 1200, "1234567"),
    "pass key": ("seal_passkey", {}, 700, "1234567"), "variables": ("seal_variable_tracking", {"chains": 2}, 900, "QWXYZ"),
    "common": ("seal_common_words", {}, 1500, "zebra"), "common, long": ("seal_common_words", {}, 16000, "zebra"),
    "one word": ("seal_common_words", {"common": 1}, 800, "zebra"), "topics": ("seal_longeval_topics", {}, 3, "the taste of tea"),
    "key value": ("seal_key_value", {}, 1200, "3fdb7368-279f-45b1-ab13-a96bfa904449"), "frequent": ("seal_frequent_words", {}, 900, "qwxyzp"),
    "qa": ("seal_qa", {}, 700, "Zoriquist"), "two hops": ("seal_qa_two_hops", {}, 900, "Zoriquist"),
    "documents": ("seal_documents", {}, 6, "Zoriquist"),
    "parents": ("seal_graph", {"operation": "parents"}, 700, "qwxyzp"), "reach": ("seal_graph", {"operation": "reach"}, 700, "qwxyzp"),
    "latent": ("seal_latent", {}, 700, ""), "turn": ("seal_coreference", {}, 1200, ""), "turn of text": ("seal_coreference", {"turns": "text", "alike": 2}, 900, ""),
}  # fmt: skip
NUMBERS = [kind for kind in KINDS if KINDS[kind][3].isdecimal()]
SAMPLES = 3


@pytest.fixture(scope="module")
def asked(tokenizer):
    """kind → (task, documents)."""
    built = {}
    for kind, (name, settings, size, _) in KINDS.items():
        task = replace(get_task(name), **settings)
        built[kind] = task, [asdict(sample) for sample in task.build(PromptFormat(tokenizer), size, SAMPLES, 3)]
    return built


def others(kind, doc):
    """(a value of the text that is no target or None, one that the text does not hold)."""
    targets, text = set(doc["targets"]), doc["input"]
    if kind in ("qa", "two hops", "documents"):  # towns for a town, surnames for a surname
        town = is_town(doc["targets"][0])
        return next(n for n in NAME.findall(text) if is_town(n) == town and n not in targets), "Zoriwick" if town else "Zoriquist"
    if kind == "latent":
        people = [name for name in FIRST if re.search(rf"\b{name}\b", text)]
        return next(name for name in people if name not in targets), next(name for name in FIRST if name not in people)
    if kind.startswith("turn"):
        return next(reply for same in replies_in(text).values() for reply in same if reply not in targets), None
    found = {
        "uuid": r"[0-9a-f]{8}-[0-9a-f-]{27}", "uuids": r"[0-9a-f]{8}-[0-9a-f-]{27}", "words": r"special word [a-z ]*?(?:is|of the \S+ is) ([a-z]+-[a-z]+)\.",
        "word": r"(?:is|word) ([a-z]+-[a-z]+)\.", "variables": r"VAR ([A-Z]{5})\b", "topics": "", "common": r"\d+\. (\w+)", "common, long": r"\d+\. (\w+)",
        "one word": r"\d+\. (\w+)", "lines": r"<(\d{4,5})>", "longeval lines": r"<(\d{4,5})>", "key value": r'": "([0-9a-f-]{36})"', "parents": r"-> ([a-z]{6})\n", "reach": r"-> ([a-z]{6})\n", "frequent": r"\b(?!appear|number|object)[a-z]{6}(?= )",
    }.get(kind, r"\b\d{7}\b")  # fmt: skip
    values = topics_of(text) if kind == "topics" else re.findall(found, text)
    left = [value for value in values if value not in targets]
    return (left[0] if left else None), KINDS[kind][3]


@pytest.mark.parametrize("kind", KINDS)
def test_right_in_every_style(asked, kind):
    task, docs = asked[kind]
    for style, doc in itertools.product(STYLES, docs):
        score = task.score(STYLES[style](list(doc["targets"]), doc), doc)
        assert (score.value, score.reason) == (1.0, "exact"), (style, score)


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_in_every_style(asked, kind):
    """The first or last of the values wrong, one missing, one too many, before the others or after them."""
    task, docs = asked[kind]
    for style, doc in itertools.product(STYLES, docs):
        right = list(doc["targets"])
        for other in filter(None, others(kind, doc)):
            wrong = [[other, *right[1:]], [*right[:-1], other], *([right[:-1]] if len(right) > 1 else [])]
            # a text in front of the answer need not be a value; what follows a complete one is an explanation
            if style not in ("repeated", "explained", "keyed", "keyed bold", "arrow") and not (
                kind == "topics" and other not in topics_of(doc["input"])
            ):
                wrong += [[*right, other], [other, *right]]
            for values in wrong:
                score = task.score(STYLES[style](values, doc), doc)
                assert score.value == 0.0, (style, values, score)


@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers_in_every_notation(asked, kind, notation):
    task, docs = asked[kind]
    styles = ("plain", "sentence", "numbered bold", "json", "boxed", "table", "keyed", "blank lines", "bold label", "numbered )")
    for style, doc in itertools.product(styles, docs):
        reply = STYLES[style]([NOTATIONS[notation](value) for value in doc["targets"]], doc)
        assert task.score(reply, doc).value == 1.0, reply


@pytest.mark.parametrize(
    "hyphen", ["\u2010", "\u2011", "\u2012", "\u2013", "\u2014", "\u2212", "\uff0d", "_", " - ", " ", "\\_", "\u200b-", ""]
)
@pytest.mark.parametrize("kind", ["word", "words", "uuid", "uuids"])
def test_hyphens(asked, kind, hyphen):
    task, docs = asked[kind]
    for doc in docs:
        for style in ("plain", "numbered bold", "json", "keyed"):
            reply = STYLES[style]([value.replace("-", hyphen).upper() for value in doc["targets"]], doc)
            assert task.score(reply, doc).value == 1.0, reply


# {t}: the targets; {w}: the same with one of them wrong; {o}: the wrong one alone
SAID = [
    ("It is either {t} or {w}.", 0), ("{t} or {w}", 0), ("Maybe {t}, or possibly {w}.", 0), ("{w} or {t}", 0), ("I am not sure: {t}? Or {w}?", 0),
    ("{w}. No, sorry, it is {t}.", 1), ("{t}. No, sorry, it is {w}.", 0), ("{t}? No, wait, {w}", 0), ("{w}? No, wait, {t}", 1),
    ("First I thought {w}, but actually the answer is {t}.", 1), ("not {o} but {t}", 1), ("{w}\n\nWait, let me re-check. The answer is {t}.", 1),
    ("{t}\n\nWait, let me re-check. The answer is {w}.", 0), ("The answer is {w}. Correction: {t}", 1), ("The answer is {t}. Correction: {w}", 0),
    ("~~{w}~~ {t}", 1), ("<del>{w}</del> {t}", 1), ("Final answer: {t}\n\nExplanation: I looked at the text; {o} is another one.", 1),
    ("Draft: {w}\nFinal answer: {t}", 1), ("Draft: {t}\nFinal answer: {w}", 0), ("\\boxed{{{w}}}\n\nHmm, no. \\boxed{{{t}}}", 1),
    ("<think>{w}</think>{t}", 1), ("<think>{t}</think>{w}", 0), ("<think>{t}", 0), ("[THINK]{w}[/THINK]{t}", 1), ("[THINK]{t}", 0),
    ("<thinking>{w}</thinking>{t}", 1), ("<reasoning>{t}</reasoning>\n{w}", 0), ("◁think▷{w}◁/think▷{t}", 1), ("<THINK>{w}</THINK>{t}", 1),
    ("<|channel|>analysis<|message|>{t}<|end|>", 0), ("analysis{w}, I think.assistantfinal{t}", 1), ("analysis{t}", 0),
    ("maybe {w}\n</think>\n\n{t}", 1), ("maybe {t}\n</think>\n\n{w}", 0), ("<think>{w}</think><think>{w}</think>{t}", 1),
    ("Answer:\n{t}<|im_end|>\n<|im_start|>user\n{w}", 1), ("{t}\n\nQuestion: what else?\nAnswer: {w}", 1),
    ("I can't find it in the text.", 0), ("", 0), ("...", 0), ("\n\n{t}\n\n", 1), ("&lt;{t}&gt;", 1), ("<|start_header_id|>assistant<|end_header_id|>\n\n{t}", 1),
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_hedges_corrections_and_thinking(asked, kind):
    task, docs = asked[kind]
    for (said, right), doc in itertools.product(SAID, docs):
        for other in filter(None, others(kind, doc)):
            reply = said.format(t=", ".join(doc["targets"]), w=", ".join([other, *doc["targets"][1:]]), o=other)
            assert task.score(reply, doc).value == right, (reply, task.score(reply, doc))
