"""Replies in ordinary words, and what a careful person scores them: {t} is the right value, {w} another one of the document."""

# ruff: noqa: E501  (tables of replies)

import pytest
from test_judged import DOCUMENTS, TOPICS, document

from seal_eval.prompts.own_questions import OR
from seal_eval.tasks import get_task

PASSAGES = (
    "Document: Carla Marukov. At the age of 27, Marukov moved to Lamulness and worked there as a surveyor. Carla Marukov was born in Zorulmere in 1902.\n"
    "Document: Ursula Firannik. Ursula Firannik was born in Burenholm in 1870. At the age of 19, Firannik moved to Pelarford.\n"
    'Document: The Synonymous Brief. "The Synonymous Brief" is a novel by Emil Cesolsen, first printed in 1919. It was translated by Petra Ostilnik.\n'
    "Document: Pelarham. The mayor with the longest term was Ada Roleska. Pelarham was founded by Igor Naluthal in 1708.\n"
    'Document: The Level Rock. "The Level Rock" is a novel by Nora Melandane, first printed in 1840. It was translated by Hugo Velumkov.\n'
    "Document: Nora Melandane. Nora Melandane was born in Hesisfield in 1814. At the age of 28, Melandane moved to Zoranholm.\n"
)
ASKS = "\nThese were the documents. {} Answer with the name only.\n"
PEOPLE = (
    "The text: Olga lives right next to the Elbphilharmonie. It rained. Nadia lives right next to the Acropolis. "
    "Sven lives right next to Wawel Castle. (End of the text.)\n\nWhich person has been to Hamburg? Answer with the name only.\n"
)
ASKED = {
    **DOCUMENTS,
    "born": document("seal_qa", PASSAGES + ASKS.format("In which town was Carla Marukov born?"), ["Zorulmere"], ["Carla Marukov"]),
    "wrote": document("seal_qa", PASSAGES + ASKS.format('Who wrote the novel "The Synonymous Brief"?'), ["Cesolsen"], ["The Synonymous Brief"]),
    "founded": document("seal_qa", PASSAGES + ASKS.format("Who founded the town of Pelarham?"), ["Naluthal"], ["Pelarham"]),
    "two hops": document("seal_qa_two_hops", PASSAGES + ASKS.format('In which town was the author of the novel "The Level Rock" born?'), ["Hesisfield"], ["The Level Rock"]),
    "person": document("seal_latent", PEOPLE, ["Olga"], ["the Elbphilharmonie"]),
    "own": document("seal_own", "The roof is of slate. The door is of oak. What is the roof made of?", ["slate"]),
    "crowns": document("seal_own", "A bicycle costs four crowns, a passenger eleven.", [f"four crowns{OR}4 crowns"]),
    "month": document("seal_own", "In February.", ["February"]),
    "small": document("seal_lines", "".join(f"line {k}: REGISTER_CONTENT is <{v}>\n" for k, v in {"calm-otter": 84, "red-door": 7, "low-tide": 20724}.items()), ["84"], ["calm-otter"]),
}  # fmt: skip
FOUR, FIVE = "5558439, 8812099, 2838485, 7066323", "ZKJRA, UBTNH, UQADM, NVAUX, YDHKV"
VALUES = {
    "lines": ("26022", "24260"), "needle": ("7931233", "4416669"), "word": ("hesitant-genius", "shocking-vengeance"), "born": ("Zorulmere", "Lamulness"),
    "person": ("Olga", "Nadia"), "topics": (TOPICS[0], TOPICS[2]), "multivalue": (FOUR, FOUR.replace("7066323", "1234567")),
}  # fmt: skip
ONE = [kind for kind in VALUES if kind != "multivalue"]

NAMES = [
("born", 1, "She was born in Zorulmere. She later moved to Lamulness."), ("born", 1, "She was born in Zorulmere and moved to Lamulness at the age of 27."),
("born", 1, "Born: Zorulmere\nMoved to: Lamulness"), ("born", 1, "Zorulmere (she later moved to Lamulness)"), ("born", 1, "Although she worked in Lamulness, Carla Marukov was born in Zorulmere."),
("born", 1, "At the age of 27, Marukov moved to Lamulness and worked there as a surveyor. Carla Marukov was born in Zorulmere in 1902."),
("born", 1, "Ursula Firannik was born in Burenholm. Carla Marukov was born in Zorulmere."), ("born", 1, "Ursula Firannik: Burenholm\nCarla Marukov: Zorulmere"),
("born", 1, '{"birth_town": "Zorulmere", "later_town": "Lamulness"}'), ("born", 1, "She was not born in Lamulness. She was born in Zorulmere."),
("born", 0, "She was born in Lamulness. She later moved to Zorulmere."), ("born", 0, "Born: Lamulness\nMoved to: Zorulmere"), ("born", 0, "Lamulness (she later moved to Zorulmere)"),
("born", 0, "Carla Marukov was born in Burenholm. Ursula Firannik was born in Zorulmere."), ("born", 0, "Zorulmere is where she moved; she was born in Lamulness."),
("born", 0, "She was born in Zorulmere or Lamulness."), ("born", 0, "Zorulmere, Lamulness"),
("wrote", 1, "The novel was written by Emil Cesolsen and translated by Petra Ostilnik."), ("wrote", 1, "Emil Cesolsen wrote it. Petra Ostilnik translated it."),
("wrote", 1, "Author: Emil Cesolsen\nTranslator: Petra Ostilnik"), ("wrote", 1, "Petra Ostilnik translated it, but Emil Cesolsen wrote it."),
("wrote", 1, "Emil Cesolsen (author), Petra Ostilnik (translator)"), ("wrote", 1, '{"author": "Emil Cesolsen", "translator": "Petra Ostilnik"}'),
("wrote", 0, "The novel was written by Petra Ostilnik and translated by Emil Cesolsen."), ("wrote", 0, "Author: Petra Ostilnik\nTranslator: Emil Cesolsen"),
("wrote", 0, "Petra Ostilnik (author), Emil Cesolsen (translator)"), ("wrote", 0, "It was written by Emil Cesolsen and Petra Ostilnik."), ("wrote", 0, "Emil Cesolsen or Petra Ostilnik"),
("founded", 1, "Igor Naluthal founded it in 1708; Ada Roleska was its mayor."), ("founded", 0, "Ada Roleska founded it in 1708; Igor Naluthal was its mayor."),
("two hops", 1, "Nora Melandane wrote The Level Rock. She was born in Hesisfield and later moved to Zoranholm."), ("two hops", 0, "Nora Melandane was born in Zoranholm and moved to Hesisfield."),
("two hops", 1, "The author is Nora Melandane. Nora Melandane was born in Hesisfield, Ursula Firannik in Burenholm."),
("person", 1, "Olga lives next to the Elbphilharmonie in Hamburg, while Nadia lives next to the Acropolis in Athens."),
("person", 1, "- Nadia: Acropolis → Athens\n- Sven: Wawel Castle → Kraków\n- Olga: Elbphilharmonie → Hamburg\n\n**Olga**"), ("person", 1, "It is Olga; neither Nadia nor Sven lives in Hamburg."),
("person", 0, "Nadia lives next to the Elbphilharmonie in Hamburg, while Olga lives next to the Acropolis in Athens."), ("person", 0, "Olga and Nadia have been to Hamburg."),
]  # fmt: skip
TURNS = [(kind, right, reply) for kind in ("lines", "word", "born", "multivalue") for right, reply in [
(1, "{t}\n\nQuestion 2: What else is in the text?\nAnswer: {w}"), (1, "{t}\n\n## Question 2\nAnswer: {w}"), (1, "{t}\n\nTask: x\nAnswer: {w}"), (1, "{t}\n\n2. What is the next one?\nAnswer: {w}"),
(1, "{t}\n\nThat was the text. Which one is that of old-tower? Answer with the name only.\nThe answer is: {w}"), (0, "{w}\n\nWhat is the next one?\nAnswer: {t}"),
(0, "{w}\n\nQuestion 2: What else is in the text?\nAnswer: {t}"), (1, "{t}<｜end▁of▁sentence｜><｜User｜>And the other?<｜Assistant｜>{w}"), (1, "{t}[|endofturn|]"), (1, "{t} [INST] and the other? [/INST] {w}"),
(1, "{t}assistant\n\nIs there anything else?"), (1, "{t}user\n\nAnd the other?assistant\n\n{w}"), (1, "assistantfinal{t}"), (1, "<think>{w}?</think>\n\n{t}\n</think>"),
(1, "<think>\n\n</think>\n\n{t}<think>\n\n</think>"), (0, "<think>{t}?</think>\n\n{w}\n</think>"), (0, "<think>It is {t}.</think>"), (1, "<scratchpad>{w}?</scratchpad>\n{t}"), (1, "<unused94>thought\n{w}?<unused95>{t}"),
(1, '<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final <|constrain|>json<|message|>{{"answer": "{t}"}}'), (0, "<analysis>{t}?</analysis>\n{w}"), (1, "```text\n{t}\n```"),
(1, "答案是{t}。"), (1, "정답은 {t}입니다."), (1, "คือ{t}ค่ะ"), (1, "{w}\n\nEdit: {t}"), (0, "{t}\n\nEdit: {w}"), (1, "{w}.\n\nUpon closer inspection, it is {t}."), (0, "{t}.\n\nUpon closer inspection, it is {w}."),
(1, "{w}\n\nLet me double-check.\n\n{t}"), (0, "{t}\n\nLet me double-check.\n\n{w}"), (1, "{w}. I misread that; it is {t}."), (1, "{w}. My bad, {t}."), (1, "{w}。不对，应该是{t}。"), (1, "{w}. Nein, Entschuldigung, {t}."),
(1, "{w}. Wait, that is wrong.\n\nWhich one is it?\nAnswer: {t}"), (0, "{t}. Wait, that is wrong.\n\nWhich one is it?\nAnswer: {w}"),
(1, "{w}\n\nLet me double-check. Which one is it?\nAnswer: {t}"), (0, "{t}\n\nLet me double-check. Which one is it?\nAnswer: {w}"),
(0, "{t}. It could also be {w}."), (0, "{t}. But it might be {w}."), (0, "{t}. Another possibility is {w}."), (0, "It cannot be {t}."), (0, "It is something other than {t}."),
]]  # fmt: skip
WORDS = [(kind, right, reply) for kind in ONE for right, reply in [
(0, "{t}? Hmm... {w}."), (1, "{w}? Hmm... {t}."), (0, "Option 1: {t}\nOption 2: {w}"), (1, "Wrong: {w}\nRight: {t}"), (0, "Wrong: {t}\nRight: {w}"), (1, "{w} ❌ {t} ✅"), (0, "❌ {t}\n✅ {w}"),
(0, "{t} isn't correct."), (0, "{t} isn't the answer."), (0, "{t} is false."), (0, "I don't think it's {t}."), (0, "There is no {t} in the text."), (0, "Anything but {t}."), (1, "None other than {t}."),
(1, "There is no doubt that it is {t}."), (1, "It is neither {w} nor {w}; it is {t}."), (1, "At first glance {w}, but on closer reading {t}."), (1, "One might think {w}, but it is {t}."),
(1, "The answer is {t}, although {w} is also mentioned."), (1, "{t} or {w}? I'd go with {t}."), (0, "{t} or {w}? I'd go with {w}."), (1, "The answer is {t}; {w} is a distractor."), (1, "Nicht {w}, sondern {t}."), (0, "Nicht {t}, sondern {w}."),
(1, "不是{w}，而是{t}。"), (1, "Ce n’est pas {w}, c'est {t}."), (1, "No es {w}, sino {t}."), (1, "{w} can be ruled out. It is {t}."), (1, "{t} — don't mix it up with {w}."), (1, "{t}\n\nWould you like to know anything else?"),
(1, "Of the two, {t} and {w}, it's the former."), (0, "Of the two, {t} and {w}, it is the latter."), (1, "{w} and {t} both occur. I'd choose the latter."), (0, "{t}?? No way."),
(1, "Given the options {w} and {t}, {t} is the right one."), (0, "Given the options {w} and {t}, {w} is the right one."), (1, "{t}, I believe; {w} seems wrong."), (0, "{t} looks wrong."),
(0, "Either {t} or {w} is right."), (0, "I'm not sure whether {t} is correct or {w} is correct."), (0, "Answer: {w}\n\n(Alternative answer: {t})"), (0, "Answer: {w}\nPossible answer: {t}"),
(1, "First attempt: {w}\nSecond attempt: {t}"), (0, "First attempt: {t}\nSecond attempt: {w}"), (1, "Attempt 1: {w}\nAttempt 2 (final): {t}"), (1, "[x] {t}\n[ ] {w}"), (0, "[ ] {t}\n[x] {w}"),
(1, "I considered {w} but rejected it. {t}."), (0, "I considered {t} but rejected it. {w}."), (1, "After rejecting {w}, I settled on {t}."), (0, "After rejecting {t}, I settled on {w}."),
(1, "I'd rule out {w}, leaving {t}."), (0, "I'd rule out {t}, leaving {w}."), (0, "It is {w}. I can't rule out {t}."), (1, "Contrary to {w}, it's {t}."),
]]  # fmt: skip
SMALLER = [
("lines", 1, "It looks like 24260, but it is 26022."), ("lines", 1, "It looks like 26022, but I am not sure."), ("lines", 0, "26022. After a closer look, it is 24260."), ("lines", 1, "24260 - falsch. Richtig: 26022"),
("lines", 1, "I thought it was 24260, but it is 26022."), ("own", 1, "At first sight oak, but it is slate."), ("own", 1, "No es oak sino slate."), ("own", 0, "No es slate sino oak."),
("needle", 1, "It cannot be anything but 7931233."), ("needle", 1, "It can't be any number other than 7931233."), ("needle", 1, "Isn't it 7931233?"), ("needle", 1, "I cannot say for sure, but the number seems to be 7931233."),
("needle", 1, "You might think 4416669. It is 7931233."), ("needle", 1, "The special number, not the year, is 7931233."), ("needle", 0, "7931233 is ruled out."), ("needle", 0, "7931233 would be wrong."),
("needle", 0, "I would not say 7931233."), ("needle", 0, "7931233. Let me reconsider. It's 4416669."), ("needle", 0, "7931233. Then again, 4416669 is just as likely."), ("needle", 0, "7931233. Forget that, it's 4416669."),
("lines", 1, "26022 does not appear in any other line."), ("lines", 1, "No other line holds 26022."), ("lines", 1, "I could be wrong, but I think it is 26022."), ("lines", 1, "26022\n\nWhy? Because line inquisitive-friend says so."),
("born", 1, "Two towns are named: Lamulness, where she worked, and Zorulmere, where she was born."), ("born", 0, "She was born in Lamulness, where she lived until she moved to Zorulmere."),
("born", 1, "Answer: Zorulmere\n\nExplanation: The document states that she was born in Zorulmere. She moved to Lamulness at 27."), ("born", 0, "It's Lamulness rather than Zorulmere."),
("wrote", 1, "By Emil Cesolsen, in Petra Ostilnik's translation."), ("wrote", 0, "Petra Ostilnik. Emil Cesolsen is credited as the translator."),
("born", 1, "Carla Marukov moved to Lamulness.\nBut where was she born?\nZorulmere."), ("born", 0, "She was born in Zorulmere. It may also have been Lamulness; I am not sure, it could be Lamulness."),
("lines", 0, "The number is 26022. It could also be 24260."), ("lines", 1, "26022. Other lines hold 24260 or 6265."), ("lines", 0, "24260 is more likely than 26022."), ("lines", 0, "26022 is less likely than 24260."),
("lines", 1, "The number is 26022. Not to be confused with 24260 or 6265."), ("needle", 1, "I could not find any other number than 7931233."), ("wrote", 1, "Petra Ostilnik did not write it. Emil Cesolsen did."),
("person", 1, "Nadia and Sven have not been to Hamburg. Olga has."), ("person", 0, "Olga has not been to Hamburg. Nadia has."),
("multivalue", 0, f"Draft: {FOUR}\n\nFinal answer: 5558439, 8812099"), ("multivalue", 0, f"I found {FOUR}, but 7066323 is wrong."), ("multivalue", 1, f"Draft: 5558439, 8812099\n\nFinal answer: {FOUR}"),
("multivalue", 1, "Answer: 5558439\nAnswer: 8812099\nAnswer: 2838485\nAnswer: 7066323"), ("multivalue", 1, f"{FOUR}. 1234567 is wrong."), ("multivalue", 0, "All but 7066323: 5558439, 8812099, 2838485"),
("multivalue", 1, f"The special numbers of the fertile-vacation are {FOUR}. The special numbers of the tart-designer are 1111111, 2222222, 3333333, 4444444."),
("variable", 0, "ZKJRA = 51619. UBTNH = ZKJRA. UQADM = UBTNH. NVAUX = UQADM. YDHKV = NVAUX.\n\nTherefore, the variables are: ZKJRA, UBTNH"), ("variable", 1, f"{FIVE} (AAAAA and BBBBB are only the example)."),
("person", 1, "Olga (Nadia is in Athens, Sven in Kraków)"), ("person", 0, "Olga (Nadia)"), ("person", 0, "Olga (Nadia is also possible)"), ("lines", 1, "26022 (6265 is the value of inquisitive-item)"),
("word", 1, "hesitant-genius (shocking-vengeance belongs to the raspy-neighbourhood, coherent-swordfish to the frail-shopper)"), ("lines", 0, "26022 (24260)"),
*[("variable", 1, f"{FIVE}{tail}") for tail in (
    ". AAAAA and BBBBB hold 12345, so they are excluded.", ". (AAAAA and BBBBB hold 12,345 instead.)", "\nAAAAA = 12345\nBBBBB = 12345", "; AAAAA and BBBBB do not.",
    ". AAAAA and BBBBB belong to another chain.", "; AAAAA and BBBBB are not included.", ". AAAAA doesn't.",
)],
*[("variable", 1, f"{FIVE}{tail}") for tail in (
    ". AAAAA does not hold 51619.", ". AAAAA isn't 51619.", ". AAAAA has another value than 51619.", ". AAAAA holds 12345, not 51619.", ". All hold 51619. AAAAA is from the example.",
)],
*[("variable", 0, f"{FIVE}{tail}") for tail in (
    ". AAAAA holds 51619.", ". AAAAA also holds 51619.", "\nAAAAA = 51619", ". Also, AAAAA = 51,619.", ". Note that AAAAA is also 51619.", ". AAAAA holds 51619 as well.",
)],
("multivalue", 0, f"{FOUR}. The fertile-vacation also has 1111111."), ("multivalue", 1, f"{FOUR}. All belong to the fertile-vacation; 1111111 does not."),
("multiquery", 0, "1048771, 4416668, 3056679, 4497919. The classy-series has 2254438."), ("multiquery", 1, "1048771, 4416668, 3056679, 4497919. The old-tower has 2254438."),
("born", 1, "**Zorulmere** — she moved to Lamulness only at the age of 27."), ("born", 0, "**Lamulness** — she moved to Zorulmere only at the age of 27."), ("born", 1, "Born - Zorulmere\nMoved - Lamulness"),
("born", 1, "Instead of Lamulness, it's Zorulmere."), ("born", 1, "Nearby Lamulness is wrong: Zorulmere."), ("wrote", 1, "Emil Cesolsen — the translator was Petra Ostilnik"), ("wrote", 1, "Chosen answer: Emil Cesolsen"),
*[("topics", 1, f"- {name}: {TOPICS[0]}\n- {more}") for name in ("Topic", "**Answer**") for more in ("Confidence: high", "**Reason:** it was named first", "Position: first")],
("topics", 0, f"- First: {TOPICS[0]}\n- Second: the taste of tea"),
*[("variable", 0, f"{FIVE}{tail}") for tail in (". Also AAAAA and BBBBB.", ". AAAAA and BBBBB hold it, too.", ", AAAAA hold 51619, not 12345")],
("variable", 1, f"{FIVE} (not AAAAA or BBBBB)"), ("variable", 1, f"GROUP\n{FIVE}"), ("variable", 1, f"변수는 {FIVE}입니다."), ("variable", 1, "ZKJRAとUBTNHとUQADMとNVAUXとYDHKV"),
("multiquery", 1, '[{"number": 1048771,\n"key": "classy-series"},\n{"number": 4416668,\n"key": "tart-designer"},\n{"number": 3056679,\n"key": "observant-mercury"},\n{"number": 4497919,\n"key": "gorgeous-pard"}]'),
("multiquery", 0, '[{"number": 4416668,\n"key": "classy-series"},\n{"number": 1048771,\n"key": "tart-designer"},\n{"number": 3056679,\n"key": "observant-mercury"},\n{"number": 4497919,\n"key": "gorgeous-pard"}]'),
("multiquery", 1, "What is that of classy-series?\n1048771\nWhat is that of tart-designer?\n4416668\nWhat is that of observant-mercury?\n3056679\nWhat is that of gorgeous-pard?\n4497919"),
("lines", 1, "24260? No. 26022."), ("lines", 1, "final26022"), ("born", 1, "finalZorulmere"), ("lines", 1, "two-six-zero-two-two"), ("lines", 0, "26022. However, 24260 is also possible."), ("lines", 0, "<26022> is for inquisitive-item. For inquisitive-friend it is <6265>."),
("lines", 1, "24260\n\nLet me double check: line inquisitive-friend: REGISTER_CONTENT is <26022>."), ("lines", 1, "26022. However, 24260 is the number of graceful-foo."),
("lines", 1, "Line graceful-foo is 24260.\nWhich line do I need?\nLine inquisitive-friend is 26022."), ("small", 0, "8.4"), ("small", 1, "84.0"), ("small", 1, "It is 84, the 1st of 3."),
("topics", 1, f"1. {TOPICS[0]}\n2. {TOPICS[1]}\n3. {TOPICS[2]}\n\nThe first one was {TOPICS[0]}."), ("topics", 1, f'{{"reasoning": "I looked for it.", "answer": "{TOPICS[0]}"}}'), ("topics", 0, f'["{TOPICS[0]}", "the taste of tea"]'),
("own", 0, "slate or oak"), ("own", 0, "Either oak or slate."), ("own", 1, "slate, not oak"), ("own", 0, "slate. Wait, no, oak."), ("own", 1, "Slate. No other wood or stone was used."), ("month", 0, "February. No, March."),
("crowns", 0, "four crowns or eleven crowns"), ("crowns", 0, "eleven or four crowns"), ("crowns", 1, "four (4) crowns"), ("crowns", 1, "4.00 crowns"), ("crowns", 1, "Not more than four crowns"), ("crowns", 1, "four crowns or less"),
]  # fmt: skip


def filled(kind, right, reply):
    return kind, right, reply.format(t=VALUES[kind][0], w=VALUES[kind][1])


@pytest.mark.parametrize(("kind", "right", "reply"), [*NAMES, *SMALLER, *(filled(*case) for case in (*TURNS, *WORDS))])
def test_as_a_person_would(kind, right, reply):
    score = get_task(ASKED[kind]["task"]).score(reply, ASKED[kind])
    assert score.value == right, score
