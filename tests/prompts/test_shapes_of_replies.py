"""Shapes of replies: fields behind the answer's, ticked boxes, folded thinking, numbers in other notations, choices among several."""

# ruff: noqa: E501  (tables of replies)

import pytest
from test_lists_in_replies import DOCUMENTS as LISTS
from test_ordinary_replies import ASKED, FIVE, VALUES, document

from seal_eval.tasks import get_task

PAIRS = {**VALUES, "own": ("slate", "oak"), "variable": (FIVE, FIVE.replace("YDHKV", "BBBBB"))}
ONE = ("lines", "word", "person", "topics")
RIGHT = [
(tuple(PAIRS), "- [ ] {w}\n- [x] {t}"), (tuple(PAIRS), '<details type="reasoning" done="true">\n<summary>Thought for 3 seconds</summary>\n> Maybe {w}\n</details>\n{t}'), (("lines", "word", "person", "multivalue", "variable"), '{{"answer": "{t}", "rejected": ["{w}"]}}'),
(ONE, "I considered two options, {w} and {t}. The text supports {t}."), (ONE, "I see {w} and {t} in the text. The one you want is {t}."), (ONE, "Between {w} and {t}, the latter is correct."), (ONE, "Of {w} and {t}, it is {t}."),
(ONE, "{t} (I initially misread it as {w})."), (ONE, "I was about to say {w}, but it is {t}."), (ONE, "My first instinct was {w}. However, the text says {t}."), (ONE, "Nothing in the text suggests {w}; it says {t}."), (ONE, "It might look like {w}, but the text clearly says {t}."),
(ONE, "{t}, whereas {w} is unrelated."), (ONE, "The distractor {w} should not be used; {t} is correct."), (ONE, "First candidate: {w} – no match. Second candidate: {t} – match."), (ONE, "{w}—sorry, typo—{t}."),
]  # fmt: skip
WRONG = [
(("lines", "own", "multivalue"), "- [x] {w}\n- [ ] {t}"), (("multivalue", "variable"), '{{"answer": "{w}", "rejected": ["{t}"]}}'), (ONE, "My first instinct was {t}. However, the text says {w}."), (("lines", "own"), "{t} is unrelated to the question. The answer is {w}."),
(("person",), "{t} lives there, but the text does not say who it was, so I cannot answer."), (("own",), "Could be {t}. Could be {w}."), (("own",), "50/50 between {t} and {w}."), (("own",), "{t}? {w}? I do not know."), (("own",), "{t} – alternatively {w}."), (("own",), "While {t} may seem right, the correct answer is {w}."),
]  # fmt: skip
BAN = document(
    "seal_own",
    "Pencils are lent. Fountain pens are not allowed there.\n\nWhat is not allowed there? Answer in a few words.\n",
    ["fountain pens"],
)
DEEP = document("seal_own", "They are seven metres deep.\n\nHow deep are they?\n", ["seven metres | 7 m"])
ROW = document(
    "seal_lines", "| raspy-shopper | 10449 |\n| red-door | 25801 |\nWhat is the code of raspy-shopper?", ["10449"], ["raspy-shopper"]
)
CODE = "Gvb7hWT4iF"
TALK = document(
    "seal_coreference",
    "User: Write a poem about the day.\nAssistant: O day, a soft rice and a different trove, you sleep beside a wide management.\nUser: Write a poem about the day.\nAssistant: O day, a grubby mode and an irate incident, you sleep beside a sour meaning.\nUser: The first poem?\nAssistant:",
    ["O day, a soft rice and a different trove, you sleep beside a wide management"],
    [CODE],
)
SINGLE = [
(BAN, 1, "You may not use fountain pens."), (DEEP, 1, "$7\\,\\text{m}$"), (DEEP, 1, "$7\\ \\mathrm{m}$"), (ROW, 1, "10449 |\n|---|---|"), (TALK, 1, f"{CODE}O day, a soft rice and a different trove, you sleep beside a wide management."), (TALK, 0, f"{CODE}O day, a grubby mode and an irate incident, you sleep beside a sour meaning."),
(TALK, 1, f"{CODE} O day, a soft rice and a different trove, you sleep beside a wide management.\n\n(The second: O day, a grubby mode and an irate incident, you sleep beside a sour meaning.)"),
*((ASKED["lines"], 1, reply) for reply in ("2万6022", "2만 6022", "二万六千零二十二", "二万六千二十二", "two, six, zero, two, two")), (ASKED["lines"], 0, "二万六千零二十三"), (ASKED["needle"], 1, "793万1233"), (ASKED["needle"], 1, "七百九十三万一千二百三十三"),
(ASKED["needle"], 1, "sept millions neuf cent trente et un mille deux cent trente-trois"), (ASKED["variable"], 1, f"{FIVE}\n\nAAAAA and BBBBB were only part of the example."),
(ASKED["word"], 0, "hesitant-genius is the word of raspy-neighbourhood; selfish-portrait has shocking-vengeance."), (LISTS["frequent"], 1, "The most frequent words are akvdbe, sigmmt and bbeofg. fgabai, wckvak and peyvlz are rarer."),
(LISTS["parents"], 1, "vattku, fdwxrh, kbydli. iecgtd leads to lzysez instead."),
]  # fmt: skip


def value(kind, form):
    right, other = PAIRS[kind]
    return get_task(ASKED[kind]["task"]).score(form.format(t=right, w=other), ASKED[kind]).value


@pytest.mark.parametrize(("kind", "form"), [(kind, form) for kinds, form in RIGHT for kind in kinds])
def test_right(kind, form):
    assert value(kind, form) == 1


@pytest.mark.parametrize(("kind", "form"), [(kind, form) for kinds, form in WRONG for kind in kinds])
def test_wrong(kind, form):
    assert value(kind, form) == 0


@pytest.mark.parametrize(("doc", "right", "reply"), SINGLE)
def test_single_replies(doc, right, reply):
    assert get_task(doc["task"]).score(reply, doc).value == right
