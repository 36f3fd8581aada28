"""What stands around an answer: lead-ins, labels, denials, tags, tables, footnotes, marks of other scripts. {t}: right, {w}: another value."""

# ruff: noqa: E501  (tables of replies)

import pytest
from test_languages_in_replies import PAIRS as LANGUAGES
from test_ordinary_replies import VALUES
from test_replies_of_models import DOCUMENTS

from seal_eval.tasks import get_task

PAIRS = {kind: LANGUAGES[kind] for kind in ("lines", "word", "person", "topics", "own")} | {"born": VALUES["born"]}
RIGHT = (
    "I would say {t}.", "I would say that it is {t}.", "I would guess {t}.", "I would assume it's {t}.", "One could say {t}.", "We can say that the answer is {t}.",
    "I cannot be fully sure but it says {t}.", "I couldn't find it right away but it's {t}.", "I could not find any other besides {t}.",
    "Right answer: {t}\nWrong answer: {w}", "Wrong answer: {w}\nRight answer: {t}", "Answer: {t}\nPrevious answer: {w}", "Short answer: {t}.\n\nLong answer: the text also has {w}, but that is for something else.",
    "It's {t} — {w} is something else.", "{t} is the answer; {w} isn't.", "I was wrong about {w}. It's {t}.", "You may have expected {w}, but it's {t}.", "I would have guessed {w}, but it says {t}.", "Some would say {w}, but it is {t}.",
    "A quick skim suggests {w}, but a careful reading gives {t}.", "{t}? Yes. {w}? No.", "I see {w} and {t}. The second is correct.", "{t}¹", "🥇 {t}",
    "Không phải {w} mà là {t}.", "Bukan {w}, melainkan {t}.", "Svaret är {t}, inte {w}.", "Inte {w} utan {t}.", "{w} – Quatsch, {t}.", "{w}，不，是{t}。", "是{w}吗？不，是{t}。", "{w}, 아니, {t}.", "Gesucht war {t} – {w} gehört woanders hin.",
    "Thinking Process:\n\n1. The user asks for it.\n2. I see {w} and {t}.\n\nAnswer: {t}", "| Question | Answer |\n|---|---|\n| Asked | {t} |",
)  # fmt: skip
WRONG = (
    "I can't find {t}.", "{t} was not found.", "{t} does not exist in the text.", "The text doesn't contain {t}.", "{t} steht nicht im Text.", "文中没有提到{t}。", "{t} n'apparaît pas dans le texte.", "No aparece {t} en el texto.",
    "Some would say {t}, but it is {w}.", "I would have guessed {t}, but it says {w}.", "Right answer: {w}\nWrong answer: {t}", "I was wrong about {t}. It's {w}.", "You may have expected {t}, but it's {w}.", "{t} isn't the answer; {w} is.",
    "It would be wrong to say {t}.", "{t}? No. {w}? Yes.", "Không phải {t} mà là {w}.", "{t} hoặc {w}", "Bukan {t}, melainkan {w}.", "{t} atau {w}", "Inte {t} utan {w}.", "{t} eller {w}", "{t}，不，是{w}。",
    "Thinking Process:\n\n1. The user asks for it.\n2. I see {w} and {t}.\n\nAnswer: {w}",
)  # fmt: skip
FOUR = ("classy-series", "1048771"), ("tart-designer", "4416668"), ("observant-mercury", "3056679"), ("gorgeous-pard", "4497919")
KEYS, NUMBERS = zip(*FOUR, strict=True)
CROSSED = (NUMBERS[1], NUMBERS[0], *NUMBERS[2:])
WORDS = "belly talk pie scrutiny terrapin tract algebra guide tax squid".split()  # noqa: SIM905
ROW = "| Person | {} | {} |\n|---|---|---|\n| Carla Marukov | Zorulmere | Lamulness |"
SINGLE = [
*((f"multi{kind}", right, reply) for kind, right, reply in (
    ("query", 1, "".join(f"<{k}>{v}</{k}>" for k, v in FOUR)), ("query", 0, "".join(f"<{k}>{v}</{k}>" for k, v in zip(KEYS, CROSSED, strict=True))),
    ("query", 1, "，".join(f"{k}是{v}" for k, v in FOUR)), ("query", 0, "，".join(f"{k}是{v}" for k, v in zip(KEYS, CROSSED, strict=True))),
    ("query", 1, f"| {' | '.join(KEYS)} |\n|---|---|---|---|\n| {' | '.join(NUMBERS)} |"), ("query", 0, f"| {' | '.join(KEYS)} |\n|---|---|---|---|\n| {' | '.join(CROSSED)} |"),
    ("value", 1, "I couldn't find any beyond 5558439, 8812099, 2838485, and 7066323."),
)),
("mk", 0, "classy-series的特殊数字是4416668，tart-designer的是1048771。"), ("mk", 1, "classy-series的特殊数字是1048771，tart-designer的是4416668。"),
("lines", 1, "２６，０２２！"), ("lines", 1, "26022, not 24260 👎"), ("lines", 0, "26022 is the number in line graceful-foo, so I don't know."), ("lines", 1, "26022 is the number; 24260 is in a different line."),
("born", 1, ROW.format("Born", "Moved to")), ("born", 0, ROW.format("Moved to", "Born")),
("born", 1, "<birthplace>Zorulmere</birthplace><residence>Lamulness</residence>"), ("born", 0, "<residence>Zorulmere</residence><birthplace>Lamulness</birthplace>"),
("born", 1, "Carla Marukov sinh ra ở Zorulmere và sau đó chuyển đến Lamulness."), ("born", 0, "Dia lahir di Lamulness dan pindah ke Zorulmere."), ("wrote", 1, "Nhà văn Emil Cesolsen viết, Petra Ostilnik dịch."),
("person", 0, "I see Olga and Nadia, and I don't know which one is meant."), ("variable2", 1, "ZKJRA, UBTNH, UQADM.\n\nQWERT, PLMOK, HNBGV are in the other chain."),
("parents", 1, '{"node": "mksneu", "parents": ["vattku", "fdwxrh", "kbydli"]}'), ("parents", 0, '{"nodes": ["vattku", "fdwxrh", "kbydli", "mksneu"]}'),
("reach", 1, '{"distance_1": ["pqoedn", "irpqfh"], "distance_2": ["ntpaxt", "zblkop", "tavtcy", "lyurbr"]}'), ("reach", 1, '{"pqoedn": ["ntpaxt", "zblkop"], "irpqfh": ["tavtcy", "lyurbr"]}'),
("frequent", 1, '{"top": ["akvdbe", "sigmmt", "bbeofg"], "rest": ["fgabai", "wckvak", "peyvlz"]}'), ("frequent", 1, "akvdbe, sigmmt, bbeofg (then fgabai)"), ("frequent", 0, "akvdbe, sigmmt (then bbeofg, fgabai)"),
*(("common", 1, f"{', '.join(WORDS[:9])} {joint} squid") for joint in ("ve", "và", "dan", "oraz")), ("common", 0, f"{', '.join(WORDS[:9])} oraz puzzle"),
("common", 1, f"🥇 belly\n🥈 talk\n🥉 pie\n{chr(10).join(f'{i}. {w}' for i, w in enumerate(WORDS[3:], 4))}"), ("common", 1, f"| {' | '.join(WORDS)} |\n{'|---' * 10}|\n{'| 6 ' * 10}|"),
]  # fmt: skip


def value(kind, reply):
    return get_task(DOCUMENTS[kind]["task"]).score(reply, DOCUMENTS[kind]).value


@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.parametrize("form", RIGHT)
def test_right(kind, form):
    right, other = PAIRS[kind]
    assert value(kind, form.format(t=right, w=other)) == 1


@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.parametrize("form", WRONG)
def test_wrong(kind, form):
    right, other = PAIRS[kind]
    assert value(kind, form.format(t=right, w=other)) == 0


@pytest.mark.parametrize(("kind", "right", "reply"), SINGLE)
def test_single_replies(kind, right, reply):
    assert value(kind, reply) == right
