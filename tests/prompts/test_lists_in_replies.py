"""Replies that list words and nodes: introductions, notes and text behind the list are no items; drafts and work are no answers."""

# ruff: noqa: E501  (a table of replies)

import json
import time

import pytest

from seal_eval.prompts.stops import answer_end
from seal_eval.tasks import get_task

COMMON = "belly talk pie scrutiny terrapin tract algebra guide tax squid".split()  # noqa: SIM905
WORDS = "akvdbe akvdbe akvdbe akvdbe akvdbe sigmmt sigmmt sigmmt sigmmt bbeofg bbeofg bbeofg fgabai fgabai wckvak peyvlz"
GRAPH = "".join(f"{edge}\n" for edge in (
    "vattku -> mksneu", "fdwxrh -> mksneu", "kbydli -> mksneu", "mksneu -> pqoedn", "mksneu -> irpqfh", "pqoedn -> ntpaxt", "pqoedn -> zblkop",
    "irpqfh -> tavtcy", "irpqfh -> lyurbr", "iecgtd -> lzysez", "lzysez -> usvidn",
))  # fmt: skip
NODES = "Which nodes have an edge to mksneu?", "Which nodes are exactly 2 edges away from mksneu, along the direction of the edges?"


def document(task, text, targets, prefix, keys=()):
    return {"task": task, "input": text, "targets": targets.split(", "), "keys": list(keys), "prefix": prefix, "answer_tokens": 80}


T, F, P, R = ", ".join(COMMON), "akvdbe, sigmmt, bbeofg", "vattku, fdwxrh, kbydli", "ntpaxt, zblkop, tavtcy, lyurbr"
DOCUMENTS = {
    "common": document(
        "seal_common_words", "The list:" + "".join(f" {i}. {w}" for i, w in enumerate([*COMMON * 6, "puzzle", "pizza"], 1)), T,
        "The 10 words that appear most often in the list are:",
    ),
    "frequent": document("seal_frequent_words", f"The text: {WORDS}\n(End of the text.)", F, "The 3 words that appear most often in the text are:"),
    "parents": document("seal_graph", f"{GRAPH}\n{NODES[0]}", P, "The nodes are:", ["mksneu"]),
    "reach": document("seal_graph", f"{GRAPH}\n{NODES[1]}", R, "The nodes are:", ["mksneu"]),
    "needle": document("seal_needle", "The special number of the bright-souvenir is 7931233.", "7931233", "The special number is", ["bright-souvenir"]),
}  # fmt: skip
NUMBERED, LINES = "\n".join(f"{i}. {w}" for i, w in enumerate(COMMON, 1)), "\n".join(COMMON)
COUNTS = "Let me count:\n\n- akvdbe: 5\n- sigmmt: 4\n- bbeofg: 3\n- fgabai: 2\n- wckvak: 1\n- peyvlz: 1\n\n"
CHAINS = "mksneu -> pqoedn -> ntpaxt\nmksneu -> pqoedn -> zblkop\nmksneu -> irpqfh -> tavtcy\nmksneu -> irpqfh -> lyurbr\n"
RIGHT = {
    "common": (
        f"Here you go:\n{NUMBERED}", f"Top ten:\n{LINES}", f"Top ten:\n{NUMBERED}", f"Absolutely, {T}", f"Counter: {[(w, 6) for w in COMMON]}",
        f"{NUMBERED}\n\nThey appear 6 times each.", f"{LINES}\n\nAll words appear six times.", f"{T}\n\nOther words such as puzzle appear once.",
        f"{T}\n\nTotal words: 10", f"{T}\n\nConfidence: 95%", f"{NUMBERED}\nEnjoy!", f"{T} all appear six times.", f"{T}\n\nUser: thanks\nAssistant: puzzle, pizza",
        f"{T}\nQ: and?\nA: puzzle", "The most common word is belly, followed by " + T[7:].replace("squid", "and squid"),
        T.replace(", squid", " und squid"), T.replace(", squid", " y squid"), T.replace(", squid", " и squid"), T.replace(", squid", "和squid"),
        " - ".join(COMMON), f"出现最多的词是{T}。", f"Not puzzle, but {T}", f"{T}, not puzzle.", f"<r><value>{T}</value></r>", f"<center><b>{T}</b></center>",
        f'print("{T}")', f'```python\nanswer = "{T}"\nprint(answer)\n```', f"words = {json.dumps(COMMON)}", f"\\begin{{align*}}{T}\\end{{align*}}",
        f'{{"name": "respond", "arguments": {{"text": "{T}"}}}}', f"❌ {T.replace('tax', 'puzzle')}\n✅ {T}", f"Final answer: {T}\n\nI counted each.",
        "\n".join(f"\\boxed{{{w}}}" for w in COMMON), f"belly, talk, pie, scrutiny, terrapin\n\n{', '.join(COMMON[5:])}",
        f"{T} (puzzle, pizza: 3 times each)", f"{T} (each 6 times; puzzle and pizza only once)", f"{T}. (puzzle: 1, pizza: 1)", f"{T}, followed by puzzle and pizza.", f"{T}; puzzle appears once.",
        f"{T}. Puzzle appears once.", f"{', '.join(COMMON[:9])}, followed by squid", f"({', '.join(f'{w}: 6' for w in COMMON)})",
    ),
    "frequent": (
        f"{F} (fgabai: 2)", f"{F} (fgabai and wckvak appear less often)", "They are akvdbe (most), sigmmt (second) and bbeofg (third), followed by fgabai.", f"{F}; fgabai appears twice.",
        "The winner is akvdbe. Runner-up: sigmmt. Third place: bbeofg.", f"{F}\n\nfgabai comes next with 2.",
        *(f"{said} wckvak {rest}" for said in ("akvdbe (9 times), sigmmt (8 times), bbeofg (6 times).", "akvdbe 9, sigmmt 8, bbeofg 6.") for rest in ("appears 3 times.", "has 3.")),
        COUNTS + F, f"{COUNTS}**{F}**", f"{COUNTS}Top 3: {F}", f"{COUNTS}The most frequent are {F}.", f"{COUNTS}1. akvdbe\n2. sigmmt\n3. bbeofg",
        f"{F}\n\n{COUNTS}", "akvdbe (5), sigmmt (4), bbeofg (3); fgabai (2) is next.", "akvdbe, sigmmt und bbeofg", f"<parameter name='x'>{F}</parameter>",
        f"{F}[|endofturn|]", f"{F}<eos>",
    ),
    "parents": (
        "(vattku, mksneu), (fdwxrh, mksneu), (kbydli, mksneu)", "| From | To |\n|---|---|\n| vattku | mksneu |\n| fdwxrh | mksneu |\n| kbydli | mksneu |",
        f"mksneu <- {P}", "vattku => mksneu\nfdwxrh => mksneu\nkbydli => mksneu", f"{{{P}}} -> mksneu", "vattku to mksneu\nfdwxrh to mksneu\nkbydli to mksneu",
        "vattku points to mksneu, fdwxrh points to mksneu, kbydli points to mksneu.", f"{P} all have edges to mksneu.",
        "edge(vattku, mksneu), edge(fdwxrh, mksneu), edge(kbydli, mksneu)", "Source | Target\nvattku | mksneu\nfdwxrh | mksneu\nkbydli | mksneu",
        "vattku ➔ mksneu, fdwxrh ➔ mksneu, kbydli ➔ mksneu", f"There are edges from {P} to mksneu.", f"{P}. (mksneu itself has none.)", f"iecgtd -> lzysez is another edge.\n\n{P}",
    ),
    "reach": (
        CHAINS + "\n" + R, CHAINS, "mksneu → {pqoedn, irpqfh} → {ntpaxt, zblkop, tavtcy, lyurbr}", f"{R}. Path: mksneu -> pqoedn -> ntpaxt, zblkop.",
        "ntpaxt (via pqoedn)\nzblkop (via pqoedn)\ntavtcy (via irpqfh)\nlyurbr (via irpqfh)", "ntpaxt and zblkop via pqoedn; tavtcy and lyurbr via irpqfh",
        "mksneu→pqoedn→{ntpaxt, zblkop}, mksneu→irpqfh→{tavtcy, lyurbr}", "Through pqoedn: ntpaxt, zblkop\nThrough irpqfh: tavtcy, lyurbr",
        "ntpaxt (pqoedn), zblkop (pqoedn), tavtcy (irpqfh), lyurbr (irpqfh)", "pqoedn's successors are ntpaxt and zblkop; irpqfh's successors are tavtcy and lyurbr.",
        "ntpaxt, zblkop (from pqoedn), tavtcy, lyurbr (from irpqfh)", "ntpaxt (mksneu -> pqoedn -> ntpaxt), zblkop, tavtcy, lyurbr",
        f"The nodes are {R}; pqoedn and irpqfh are only one edge away.",
        f"Step 1: pqoedn, irpqfh\nStep 2: from pqoedn: ntpaxt, zblkop; from irpqfh: tavtcy, lyurbr\n\n{R}",
    ),
}  # fmt: skip
WRONG = {
    "common": (
        f"Draft: {T}\nFinal answer: belly, talk, pie", f"{T}\n\nFinal answer: belly", f"{T}, apple", f"{T} and apple", f"apple, {T}", f"{NUMBERED}\n11. apple",
        f"{LINES}\napple", f"It is definitely not {T}.", f"{T} is wrong.", f"{T}? {T.replace('tax', 'puzzle')}?", f"{T}\n\npuzzle, pizza", ", ".join(COMMON[:9]),
        f"❌ {T}\n✅ {T.replace('tax', 'puzzle')}", T.replace(", squid", " or squid"),
        *(f"{T} ({more})" for more in ("puzzle, pizza", "also puzzle, 6 times", "or puzzle, 6 times", "puzzle 6 times as well", "maybe puzzle: 6")), f"{T}, puzzle (6 times)",
        f"{', '.join(COMMON[:9])} (puzzle: 3 times)", f"{T} (puzzle: 1)\n\nWait, no: {T.replace('tax', 'pizza')}", f"{NUMBERED}\n11. puzzle appears 6 times",
    ),
    "frequent": (
        COUNTS, f"{COUNTS}Top 3: akvdbe, sigmmt, fgabai", f"{F}\n\nFinal answer: akvdbe, sigmmt", f"{F}, foobar", f"not {F}", "akvdbe, sigmmt, not bbeofg",
        "akvdbe, sigmmt or bbeofg",
    ),
    "parents": (f"{P} do not have edges to mksneu.", f"{P}, mksneu", f"{P}, iecgtd", "mksneu <- vattku, fdwxrh", f"{P}\nFinal answer: vattku, fdwxrh", f"{P.replace(',', ';')}; iecgtd are the nodes", f"{P}; iecgtd"),
    "reach": (f"pqoedn, irpqfh, {R}", f"Step 2: {R}\n\nFinal answer: ntpaxt, zblkop", f"{CHAINS}\nFinal answer: pqoedn, irpqfh", f"{R}, mksneu", "mksneu -> pqoedn, irpqfh"),
}  # fmt: skip
BEGUN = (
    "Here you go:\n",
    "I counted them:\n",
    "as follows:\n\n",
    "the following:\n\n",
    "**Most common words:**\n\n",
    "Okay. Here's what I found:\n\n",
)


# between a list and the one that takes its place
CORRECTIONS = ("Wait, no, ", "Sorry, it is ", "Let me double-check.\n\n", "Upon closer inspection: ", "不对，应该是")
# a draft, then a question that the reply asks itself on its way, then the answer
QUESTIONS = ("Wait, that is wrong.\n\nWhich ones are right?\nAnswer: ", "Let me double-check.\n\nWhich are they?\n")


def score(kind, reply):
    return get_task(DOCUMENTS[kind]["task"]).score(reply, DOCUMENTS[kind])


@pytest.mark.parametrize(("kind", "reply"), [(kind, reply) for kind, replies in RIGHT.items() for reply in replies])
def test_right(kind, reply):
    assert score(kind, reply).value == 1, score(kind, reply)


@pytest.mark.parametrize(("kind", "reply"), [(kind, reply) for kind, replies in WRONG.items() for reply in replies])
def test_wrong(kind, reply):
    assert score(kind, reply).value == 0, score(kind, reply)


@pytest.mark.parametrize("kind", RIGHT)
@pytest.mark.parametrize("between", [*CORRECTIONS, *QUESTIONS])
def test_a_later_list_takes_the_place_of_one_that_is_corrected(kind, between):
    right = ", ".join(DOCUMENTS[kind]["targets"])
    other = {"common": "puzzle", "frequent": "wckvak", "parents": "iecgtd", "reach": "usvidn"}[kind]
    wrong = right.replace(DOCUMENTS[kind]["targets"][-1], other)
    assert score(kind, f"{wrong}\n\n{between}{right}").value == 1
    assert score(kind, f"{right}\n\n{between}{wrong}").value == 0


@pytest.mark.parametrize("kind", RIGHT)
@pytest.mark.parametrize("form", ["{i}. {w}\n", "{i}. **{w}**\n", "- {w}\n", "{w}, "])
@pytest.mark.parametrize("intro", BEGUN)
def test_begun_answer_ends_behind_the_list(kind, form, intro):
    doc = DOCUMENTS[kind]
    items = "".join(form.format(i=i, w=w) for i, w in enumerate(doc["targets"], 1)).rstrip(", \n")
    reply = f"{intro}{items}\n\nThe others, puzzle and fgabai, come later."
    assert reply[: answer_end(get_task(doc["task"]), reply, doc)] == intro + items


@pytest.mark.parametrize("kind", RIGHT)
def test_begun_answer_does_not_end_with_the_thinking(kind):
    doc = DOCUMENTS[kind]
    reply = f"<think>\nI must close with </think> at the end. Maybe {', '.join(doc['targets'][1:])}, puzzle?\n</think>\n\n{', '.join(doc['targets'])}"
    assert score(kind, reply[: answer_end(get_task(doc["task"]), reply, doc)]).value == 1


@pytest.mark.parametrize("reply", ["As of 1790 the text... The special number is 7931233.", "In 1790, it was 7931233.", "7931233."])
def test_other_numbers_do_not_end_a_begun_answer(reply):
    assert score("needle", reply[: answer_end(get_task("seal_needle"), reply, DOCUMENTS["needle"])]).value == 1


@pytest.mark.parametrize("kind", RIGHT)
def test_no_list_takes_long(kind):
    for reply in (
        "vattku, " * 9000,
        "mksneu -> vattku " * 5000,
        "=" * 90000,
        "<a" * 30000,
        "vattku (x " * 9000,
        "\\boxed{vattku} " * 5000,
        "not vattku " * 9000,
    ):
        began = time.process_time()
        score(kind, reply)
        assert time.process_time() - began < 2, reply[:20]
