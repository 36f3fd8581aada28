"""Single replies and what a careful person scores them, in small documents of every kind."""

# ruff: noqa: E501  (a table of replies)

import time

import pytest

from seal_eval.tasks import get_task

PAIRS = {"selfish-portrait": "hesitant-genius", "raspy-neighbourhood": "shocking-vengeance", "frail-shopper": "coherent-swordfish"}
CODES = {"psychedelic-tailbud": "4d255f1d-a486-4736-a5aa-3c6bc8cb80d3", "accessible-arcade": "3fdb7368-279f-45b1-ab13-a96bfa904449"}
QUERIES = {
    "classy-series": "1048771",
    "tart-designer": "4416668",
    "observant-mercury": "3056679",
    "gorgeous-pard": "4497919",
    "old-tower": "2254438",
}
COMMON = "belly talk pie scrutiny terrapin tract algebra guide tax squid".split()  # noqa: SIM905
OTHERS = "puzzle pizza answer word count list result order time lot winner question noise appearance frequency entry text".split()  # noqa: SIM905
TOPICS = ("the work of earthworms", "dyeing wool with plants", "memory palaces")


def needles(facts, what="number"):
    return "".join(f" The special {what} of the {key} is {value}." for key, value in facts.items())


def document(task, text, targets, keys=()):
    return {"task": task, "input": text, "targets": list(targets), "keys": list(keys), "answer_tokens": 80}


LINES = {"inquisitive-friend": 26022, "inquisitive-item": 6265, "graceful-foo": 24260, "old-tower": 2036, "red-door": 35, "blue-door": 12}
DOCUMENTS = {
    "lines": document(
        "seal_lines", "".join(f"line {k}: REGISTER_CONTENT is <{v}>\n" for k, v in LINES.items()) + "Which in line inquisitive-friend?", ["26022"],
        ["inquisitive-friend"],
    ),
    "needle": document("seal_needle", needles({"bright-souvenir": "7931233"}), ["7931233"], ["bright-souvenir"]),
    "word": document("seal_needle_multikey", needles(PAIRS, "word"), ["hesitant-genius"], ["selfish-portrait"]),
    "uuid": document("seal_needle_multikey", needles(CODES, "code"), [CODES["psychedelic-tailbud"]], ["psychedelic-tailbud"]),
    "multivalue": document(
        "seal_needle_multivalue", "".join(needles({"fertile-vacation": v}) for v in ("5558439", "8812099", "2838485", "7066323")),
        ["5558439", "8812099", "2838485", "7066323"], ["fertile-vacation"],
    ),
    "multiquery": document("seal_needle_multiquery", needles(QUERIES), list(QUERIES.values())[:4], list(QUERIES)[:4]),
    "variable": document(
        "seal_variable_tracking", "after VAR AAAAA = 12345 and VAR BBBBB = VAR AAAAA, VAR ZKJRA = 51619. VAR UBTNH = VAR ZKJRA. VAR UQADM = VAR UBTNH. "
        "VAR NVAUX = VAR UQADM. VAR YDHKV = VAR NVAUX.", ["ZKJRA", "UBTNH", "UQADM", "NVAUX", "YDHKV"], ["51619"],
    ),
    "common": document("seal_common_words", "".join(f" {i}. {w}" for i, w in enumerate(COMMON * 6 + OTHERS, 1)), COMMON),
    "topics": document("seal_longeval_topics", "".join(f"USER: I would like to discuss the topic of {t}. \n ASSISTANT: Yes.\n" for t in TOPICS), TOPICS[:1]),
}  # fmt: skip
JUDGED = [
('lines',"The 12th line says 26022.",1),('lines','{"call_1": {"result": 26022}}',1),('lines','Line 12: inquisitive-friend: <26022>',1),
('lines','In line 12 the register content is 26022',1),('lines','I checked 35 lines twice. 26022.',1),('lines','Answer #1: 26022',1),
('lines','The value is 26,022.00',1),('lines','26022,',1),('lines','$26,022$',1),('lines','26 022.',1),('lines','26·022',1),('lines',"26 thousand 022",0),
('lines','twenty six thousand and twenty two',1),('lines','Twenty-Six Thousand, Twenty-Two',1),('lines','two six zero two two',1),('lines','zwei',0),
('lines','sechsundzwanzigtausendzweiundzwanzig',1),('lines','vingt-six mille vingt-deux',1),
('lines','26022 is the number. Not 24260.',1),('lines','24260 is the number. Not 26022.',0),('lines','It is 24260, not 26022.',0),
('lines','I think 24260... no, 26022.',1),('lines','26022... no, 24260.',0),('lines','26022 (24260?)',0),('lines','26022/24260',0),('lines','26022; 24260',0),('lines','26022\n24260\n2036',0),
('lines','line inquisitive-item: <6265>\nline inquisitive-friend: <26022>',1),('lines','line inquisitive-friend: <26022>\nline inquisitive-item: <6265>',1),
('lines','line inquisitive-friend: REGISTER_CONTENT is <26022>',1),('lines','26022>\nline graceful-foo: REGISTER_CONTENT is <24260>',1),
('lines','The <REGISTER_CONTENT> in line inquisitive-item is <6265>.',0),('lines','-26022',1),('lines','+26022',1),('lines','#26022',1),('lines','No. 26022',1),
('lines','26022a',0),('lines','126022',0),('lines','2602',0),('lines','260221',0),('lines','٢٦٬٠٢٢',1),('lines','二六〇二二',0),
('lines','The number of line inquisitive-friend, 12 lines from the top, is 26022.',1),('lines','26022 tokens',1),('lines','I found 2 candidates: 26022 and 24260.',0),
('lines','I found 2 candidates, 26022 and 24260, but the right one is 26022.',1),('lines','Candidates: 24260, 26022. The correct one: 26022',1),
('lines','As of 2024-07-26, the number is 26022.',1),('lines','It is 12:30 now. 26022',1),('lines','26022 (50% sure)',1),('lines','Confidence: 98%. Value: 26022',1),
('needle','79,31,233',1),('needle','7931233!',1),('needle','7,931,233.0',1),('needle','79 31 23 3',1),('needle','793 1233',1),('needle','(793) 1233',0),('needle','793.1233',1),('needle','seven nine three one two three three',1),
('needle','The four-digit... no, seven-digit number is 7931233.',1),('needle','In 1790, Washington said... The special number is 7931233.',1),('needle','7931233 (found in the address of 1790)',1),
('needle','sieben Millionen neunhunderteinunddreißigtausendzweihundertdreiunddreißig',1),
('needle','bright-souvenir\n7931233',1),('needle','| bright-souvenir | 7931233 |',1),('needle','"7931233"',1),('needle','\\(7{,}931{,}233\\)',1),('needle','\\[\n\\boxed{7931233}\n\\]',1),('needle','**7**931233',1),
('needle','<answer>7931233',1),('needle','<answer>\n7931233\n</answer>\n<explanation>4416669 is another</explanation>',1),('needle','7931233<|eot_id|>',1),('needle','7931233</s><s>4416669',1),
('needle','Not found',0),('needle','I am sorry, but 7931233',1),('needle',"I'm sorry, I cannot find it.",0),
('needle','Answer: 7931233 or 4416669',0),('needle','7931233 (or maybe 4416669)',0),('needle','Most likely 7931233, possibly 4416669',0),('needle','7931233, I think. But it might be 4416669.',0),
('word','The hard-to-find special word is hesitant-genius',1),('word','After a double-check, hesitant-genius',1),('word','{"final-answer": "hesitant-genius"}',1),('word','hesitant‑genius',1),('word','hesitant – genius',1),('word','Hesitant Genius.',1),('word','HESITANT-GENIUS',1),('word','hesitantgenius',1),('word','HesitantGenius',1),('word','"hesitant" - "genius"',1),('word','hesitant-genius-',1),('word','the-hesitant-genius',0),('word','hesitant-geniuses',0),('word','hesitant, genius',0),('word','shocking-vengeance',0),('word','well-hidden',0),('word','hesitant-genius (not shocking-vengeance)',1),('word','hesitant-genius, hesitant-genius',1),('word','hesitant-genius, quick-lamp',0),('word','*hesitant*-*genius*',1),('word','__hesitant-genius__',1),('word','\\texttt{hesitant-genius}',1),('word','The word is "hesitant-genius", which belongs to the selfish-portrait.',1),('word','selfish portrait: hesitant genius',1),
('uuid','4d255f1d–a486–4736–a5aa–3c6bc8cb80d3',1),('uuid','4d255f1d_a486_4736_a5aa_3c6bc8cb80d3',1),('uuid','4d255f1d - a486 - 4736 - a5aa - 3c6bc8cb80d3',1),('uuid','{4d255f1d-a486-4736-a5aa-3c6bc8cb80d3}',1),('uuid','ab4d255f1d-a486-4736-a5aa-3c6bc8cb80d3',0),('uuid','4d255f1d-a486-4736-a5aa',0),('uuid','4d255f1d-a486-4736-a5aa-3c6bc8cb80d3-1234',0),('uuid','uuid=4d255f1d-a486-4736-a5aa-3c6bc8cb80d3',1),('uuid','4d255f1d a486 4736 a5aa 3c6bc8cb80d3',1),('uuid','`4d255f1d-a486-4736-a5aa-3c6bc8cb80d3`',1),('uuid','4d255f1d-a486-4736-a5aa-\n3c6bc8cb80d3',1),
('multivalue','5558439 8812099 2838485 7066323',1),('multivalue','5558439/8812099/2838485/7066323',1),('multivalue','5558439 | 8812099 | 2838485 | 7066323',1),('multivalue','First: 5558439\nSecond: 8812099\nThird: 2838485\nFourth: 7066323',1),('multivalue','The first is 5558439, the second is 8812099, the third is 2838485 and the fourth is 7066323.',1),('multivalue','5558439, 8812099 and 2838485. Also 7066323.',1),('multivalue','There are 4 numbers.\n\n1) 5558439\n\n2) 8812099\n\n3) 2838485\n\n4) 7066323\n\nLet me know!',1),('multivalue','[5558439, 8812099, 2838485, 7066323]',1),('multivalue','5,558,439; 8,812,099; 2,838,485; 7,066,323',1),('multivalue','5 558 439, 8 812 099, 2 838 485, 7 066 323',1),('multivalue','No. 1: 5558439\nNo. 2: 8812099\nNo. 3: 2838485\nNo. 4: 7066323',1),('multivalue','5558439, 8812099, 2838485, 7066323 or 1234567',0),('multivalue','5558439, 8812099, 2838485 or 7066323',1),('multivalue','5558439, 8812099, 2838485, 5558439',0),('multivalue','5558439, 8812099, 2838485, 1234567, no wait, 7066323',1),('multivalue','(5558439), (8812099), (2838485), (7066323)',1),('multivalue','\\boxed{5558439}, \\boxed{8812099}, \\boxed{2838485}, \\boxed{7066323}',1),('multivalue','5558439\\\\8812099\\\\2838485\\\\7066323',1),('multivalue','5558439,8812099,2838485,7066323.',1),('multivalue','5558439 + 8812099 + 2838485 + 7066323',1),
('multiquery','classy-series → 1048771, tart-designer → 4416668, observant-mercury → 3056679, gorgeous-pard → 4497919',1),('multiquery','1. **classy-series**: 1048771\n2. **tart-designer**: 4416668\n3. **observant-mercury**: 3056679\n4. **gorgeous-pard**: 4497919',1),('multiquery','| key | number |\n|---|---|\n| classy-series | 1048771 |\n| tart-designer | 4416668 |\n| observant-mercury | 3056679 |\n| gorgeous-pard | 4497919 |',1),('multiquery','{"classy-series": 1048771, "tart-designer": 4416668, "observant-mercury": 3056679, "gorgeous-pard": 4497919}',1),('multiquery','The classy-series has 1048771, the tart-designer has 4416668, the observant-mercury has 3056679, and the gorgeous-pard has 4497919.',1),
('variable','FOUND: ZKJRA, UBTNH, UQADM, NVAUX, YDHKV',1),('variable','NAMES: ZKJRA, UBTNH, UQADM, NVAUX, YDHKV',1),('variable','THESE: ZKJRA UBTNH UQADM NVAUX YDHKV',1),('variable','CHAIN\nZKJRA\nUBTNH\nUQADM\nNVAUX\nYDHKV',1),('variable','VAR_ZKJRA, VAR_UBTNH, VAR_UQADM, VAR_NVAUX, VAR_YDHKV',1),('variable','ZKJRA -> UBTNH -> UQADM -> NVAUX -> YDHKV',1),('variable','ZKJRA = UBTNH = UQADM = NVAUX = YDHKV = 51619',1),('variable','ZKJRA=51619, UBTNH=51619, UQADM=51619, NVAUX=51619, YDHKV=51619',1),('variable','ZKJRA; UBTNH; UQADM; NVAUX; YDHKV',1),('variable','`ZKJRA`\n`UBTNH`\n`UQADM`\n`NVAUX`\n`YDHKV`',1),('variable','{ZKJRA, UBTNH, UQADM, NVAUX, YDHKV}',1),('variable','$ZKJRA$, $UBTNH$, $UQADM$, $NVAUX$, $YDHKV$',1),('variable','ZKJRA, UBTNH, UQADM, NVAUX, YDHKV, AAAAA',0),('variable','ZKJRA, UBTNH, UQADM, NVAUX, YDHKV, QWERT',0),('variable','AAAAA, BBBBB',0),('variable','ZKJRA UBTNH',0),('variable','The 5 variables are ZKJRA, UBTNH, UQADM, NVAUX, YDHKV (5 in total).',1),('variable','ZKJRA and UBTNH and UQADM and NVAUX and YDHKV',1),('variable','Z K J R A',0),
('common','The ten most common words are belly, talk, pie, scrutiny, terrapin, tract, algebra, guide, tax and squid.',1),('common','belly talk pie scrutiny terrapin tract algebra guide tax squid',1),('common','belly: 6\ntalk: 6\npie: 6\nscrutiny: 6\nterrapin: 6\ntract: 6\nalgebra: 6\nguide: 6\ntax: 6\nsquid: 6',1),('common','1. **belly** - 6 times\n2. **talk** - 6 times\n3. **pie** - 6 times\n4. **scrutiny** - 6 times\n5. **terrapin** - 6 times\n6. **tract** - 6 times\n7. **algebra** - 6 times\n8. **guide** - 6 times\n9. **tax** - 6 times\n10. **squid** - 6 times',1),('common','| word | count |\n|---|---|\n| belly | 6 |\n| talk | 6 |\n| pie | 6 |\n| scrutiny | 6 |\n| terrapin | 6 |\n| tract | 6 |\n| algebra | 6 |\n| guide | 6 |\n| tax | 6 |\n| squid | 6 |',1),('common','The word belly appears 6 times, talk appears 6 times, pie appears 6 times, scrutiny appears 6 times, terrapin appears 6 times, tract appears 6 times, algebra appears 6 times, guide appears 6 times, tax appears 6 times, squid appears 6 times.',1),('common','belly/talk/pie/scrutiny/terrapin/tract/algebra/guide/tax/squid',1),('common','{"belly": 6, "talk": 6, "pie": 6, "scrutiny": 6, "terrapin": 6, "tract": 6, "algebra": 6, "guide": 6, "tax": 6, "squid": 6}',1),('common','Most frequent: belly, talk, pie, scrutiny, terrapin. Next: tract, algebra, guide, tax, squid.',1),('common','Here are the words, in alphabetical order: algebra, belly, guide, pie, scrutiny, squid, talk, tax, terrapin, tract.',1),('common','- belly\n- talk\n- pie\n- scrutiny\n- terrapin\n- tract\n- algebra\n- guide\n- tax\n- squid\n\nThese words appear six times each in the list.',1),('common','Count result: belly, talk, pie, scrutiny, terrapin, tract, algebra, guide, tax, squid',1),('common','BELLY TALK PIE SCRUTINY TERRAPIN TRACT ALGEBRA GUIDE TAX SQUID',1),
('topics','earthworms',1),('topics','Earthworms at work',1),('topics','earthworm work',1),('topics','the work that earthworms do',1),('topics','how earthworms work',1),('topics','what earthworms do',1),('topics','The first topic we discussed was earthworms and their work.',1),('topics','the work of earthwormes',1),('topics','Work of Earthworms!',1),('topics','"the work of earthworms"',1),('topics','{"topic": "the work of earthworms"}',1),('topics','worms',0),('topics','work',0),('topics','the work of bees',0),('topics','memory palaces',0),('topics','dyeing wool',0),('topics','1. the work of earthworms\n2. dyeing wool with plants\n3. memory palaces',0),('topics','the work of earthworms or dyeing wool with plants',0),('topics','not dyeing wool with plants but the work of earthworms',1),('topics','First the work of earthworms, then dyeing wool with plants.',1),('topics','I believe it was about earthworms.',1),('topics','The USER wanted to discuss the topic of the work of earthworms first.',1),("topics","I'm not sure, maybe dyeing wool with plants",0),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "reply", "right"), JUDGED)
def test_as_a_person_would(kind, reply, right):
    score = get_task(DOCUMENTS[kind]["task"]).score(reply, DOCUMENTS[kind])
    assert score.value == right, score


HOSTILE = ["9" * 10**6, "9 " * 10**5, "a-b " * 10**5, "\\text{" * 10**5, "\n" * 10**6, "no " * 10**5, "answer: " * 10**5, "<think>" * 10**5, '"a":' * 10**5,
           "7931233 no " * 10**5, "26022, 24260 no, " * 10**5, "belly talk " * 10**5, "1. " * 10**5, "ZKJRA no QWERT, " * 10**5, "work, " * 10**5]  # fmt: skip


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_no_reply_takes_long(kind):
    """Fifteen replies of up to a million characters, each below two seconds of CPU time: no rule is more than linear in the reply."""
    for reply in HOSTILE:
        began = time.process_time()
        get_task(DOCUMENTS[kind]["task"]).score(reply, DOCUMENTS[kind])
        assert time.process_time() - began < 2, reply[:20]
