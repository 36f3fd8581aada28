"""Replies as models of 2025 and 2026 write them, and what a careful person scores them, by what is asked."""

# ruff: noqa: E501  (a table of replies)

import time

import pytest
from test_judged import QUERIES, document, needles
from test_lists_in_replies import DOCUMENTS as LISTS
from test_ordinary_replies import ASKED

from seal_eval.tasks import get_task


def own(text, answer):
    return document("seal_own", f"{text} Answer in a few words.\n", [answer])


DOCUMENTS = {
    **ASKED, **LISTS,
    "mk": document("seal_needle_multikey", needles(QUERIES), ["1048771"], ["classy-series"]),
    "variable2": document(
        "seal_variable_tracking", "VAR ZKJRA = 51619. VAR UBTNH = VAR ZKJRA. VAR UQADM = VAR UBTNH. VAR QWERT = 77310. VAR PLMOK = VAR QWERT. VAR HNBGV = VAR PLMOK.",
        ["ZKJRA", "UBTNH", "UQADM"], ["51619"],
    ),
    "price": own("The lamp costs $1,250, the chair $480. How much is the lamp?", "$1,250"),
    "pop": own("Halden has 48,250 inhabitants and Moss 49,300. How many has Halden?", "48,250"),
    "pct": own("Of the visitors, 37% came by bicycle and 12% on foot. How many came by bicycle?", "37%"),
    "temp": own("The cellar is kept at 18 °C, the attic at 25 °C. At what temperature is the cellar kept?", "18 °C"),
    "name": own("The clinic is led by Dr. Helena Voss; her deputy is Dr. Karim Aziz. Who leads the clinic?", "Dr. Helena Voss | Helena Voss | Voss"),
    "yes": own("The tram runs on Sundays. Does it run on Sundays?", "yes"),
    "may": own("Visitors may not bring glass bottles. Cans are fine. What may visitors not bring?", "glass bottles"),
}  # fmt: skip
JUDGED = {
"lines": [
    (1, "I initially looked at line inquisitive-item, which has <6265>. The line you asked about is inquisitive-friend, which has <26022>."),
    (1, "Line inquisitive-item, just above it, holds 6265; line inquisitive-friend, the one in question, holds 26022."),
    (1, "In line inquisitive-friend, the number is 26022, in line inquisitive-item, it's 6265."),
    (0, "6265 is for inquisitive-friend and 26022 is for inquisitive-item."),
    (1, "The final answer is as follows:\n\n**26022**"),
],
"mk": [
    (1, "In short: **1048771**. The other numbers, such as 4416668, belong to different items."),
    (0, "I found 1048771 for the tart-designer and 4416668 for the classy-series."),
    (0, "The text gives 2254438 for the classy-series (the old-tower has 1048771)."),
    (1, "For the classy-series, the number is 1048771, and for the tart-designer, it is 4416668."),
    (0, "I found the classy-series (4416668) and the tart-designer (1048771)."),
],
"word": [
    (0, "The word is shocking-vengeance (hesitant-genius is for the raspy-neighbourhood)."),
    (0, "The text says that hesitant-genius is the special word of the raspy-neighbourhood and shocking-vengeance is the special word of the selfish-portrait."),
],
"multivalue": [
    (1, "الأرقام هي 5558439 و8812099 و2838485 و7066323"),
],
"multiquery": [
    (1, "The special numbers are:\n- the classy-series: 1048771\n- the tart-designer: 4416668\n- the observant-mercury: 3056679\n- the gorgeous-pard: 4497919\n\n(The old-tower, 2254438, was not asked for.)"),
    (0, "For classy-series, it is 4416668. For tart-designer, it is 1048771. For observant-mercury, it is 3056679. For gorgeous-pard, it is 4497919."),
    (0, "The classy-series, which comes first, has 4416668. The tart-designer, which comes next, has 1048771. The observant-mercury has 3056679, and the gorgeous-pard, which comes last, has 4497919."),
    (0, "1048771 for the tart-designer and 4416668 for the classy-series, 3056679 for the observant-mercury and 4497919 for the gorgeous-pard"),
],
"variable2": [
    (1, "- ZKJRA\n- UBTNH\n- UQADM\n\n(QWERT, PLMOK, and HNBGV hold 77310, so they are not included.)"),
    (1, "77310: QWERT, PLMOK, HNBGV\n51619: ZKJRA, UBTNH, UQADM"),
    (1, "ZKJRA, UBTNH, and UQADM. (QWERT, PLMOK, and HNBGV hold 77310.)"),
    (1, "| Value | Variables |\n|---|---|\n| 77310 | QWERT, PLMOK, HNBGV |\n| 51619 | ZKJRA, UBTNH, UQADM |"),
    (1, "{\"77310\": [\"QWERT\", \"PLMOK\", \"HNBGV\"], \"51619\": [\"ZKJRA\", \"UBTNH\", \"UQADM\"]}"),
    (1, "The variables holding 51619 are ZKJRA, UBTNH and UQADM; QWERT, PLMOK and HNBGV hold 77310."),
    (0, "77310: ZKJRA, UBTNH, UQADM\n51619: QWERT, PLMOK, HNBGV"),
    (0, "ZKJRA, UBTNH, UQADM, PLMOK. QWERT holds 77310."),
],
"frequent": [
    (1, "**Answer:** akvdbe, sigmmt, bbeofg\n\n*(fgabai is a close fourth.)*"),
    (1, "akvdbe: 5\nsigmmt: 4\nbbeofg: 3\n\n(fgabai: 2, wckvak: 1, peyvlz: 1)"),
    (1, "الكلمات الثلاث هي akvdbe وsigmmt وbbeofg."),
    (1, "akvdbe, sigmmt, bbeofg — fgabai was a distant fourth."),
    (0, "akvdbe, sigmmt, bbeofg (fgabai 3 too)"),
],
"topics": [
    (1, "Our conversation began with the work of earthworms; the last topic was memory palaces."),
    (1, "The first topic was the work of earthworms; the final one was memory palaces."),
    (1, "We began with the work of earthworms and ended with memory palaces."),
    (1, "The work of earthworms; the last one was memory palaces."),
    (0, "We began with memory palaces; the last topic was the work of earthworms."),
],
"price": [
    (1, "$\\$1{,}250$"),
    (1, "\\boxed{\\$1{,}250}"),
    (1, "\\boxed{1250}"),
    (1, "1 250 $"),
    (0, "$1,250 or $480"),
    (1, "$1,250.00"),
    (1, "The lamp costs $1,250.00."),
    (1, "Answer: 1250"),
    (1, "Answer: 1,250"),
    (1, "The price of the lamp is $ 1,250."),
    (1, "It costs $1,250.00 (the chair: $480.00)."),
    (1, "1 250 dollars"),
    (1, "Total: $ 1,250.00"),
    (1, "{\"answer\": 1250}"),
    (1, "**Answer:** $1,250.00"),
    (1, "<answer>1250</answer>"),
    (0, "$1,250.50"),
    (0, "€ 1,250"),
    (0, "Answer: €1250"),
    (0, "$1 250 000"),
],
"name": [
    (0, "Not Dr. Helena Voss but Dr. Karim Aziz"),
    (0, "**Answer:** Dr. Karim Aziz\n\n*(At first I thought Dr. Helena Voss.)*"),
    (0, "The answer is Dr. Karim Aziz, not Dr. Helena Voss."),
    (0, "Final answer: Dr. Karim Aziz\n\nNote: an earlier draft said Dr. Helena Voss."),
    (0, "答案不是Dr. Helena Voss，而是Dr. Karim Aziz。"),
    (0, "Not Dr. Voss, but Dr. Aziz."),
    (0, "The deputy, Dr. Karim Aziz, leads the clinic instead of Dr. Helena Voss."),
    (0, "It isn't Dr. Voss."),
    (0, "Dr. Aziz rather than Dr. Voss"),
    (0, "Final answer: The text doesn't say.\n\nIt mentions Dr. Helena Voss."),
    (1, "Led by Dr. Voss."),
    (1, "**Final Answer**\n\nDr. Helena Voss"),
],
"pct": [
    (0, "12% or 37%"),
    (0, "either 12% or 37%"),
],
"temp": [
    (1, "18°C"),
    (1, "18 ℃"),
    (1, "$18\\,^\\circ\\text{C}$"),
    (1, "$18^\\circ$C"),
    (1, "18º C"),
    (1, "The cellar is kept at 18°C."),
    (1, "18° C"),
    (1, "18°"),
    (1, "18°C (64°F)"),
    (1, "\\boxed{18^\\circ\\text{C}}"),
    (1, "18°C."),
    (0, "18 degrees Fahrenheit"),
    (0, "18 °F"),
],
"pop": [
    (1, "48 250"),
    (1, "$48{,}250$"),
    (1, "Halden: 48 250"),
    (1, "In total 48 250 people live there."),
    (1, "48 250 inhabitants in 2020"),
    (1, "Population: 48,250.0"),
    (1, "48,250.00"),
    (0, "In 2020 48 people lived there."),
    (0, "148 250"),
],
"may": [
    (1, "Visitors are not allowed to bring glass bottles, but cans are fine."),
    (1, "It isn't allowed to bring glass bottles, but cans are okay."),
],
"variable": [
    (1, "المتغيرات هي ZKJRA وUBTNH وUQADM وNVAUX وYDHKV."),
],
"parents": [
    (1, "العقد هي vattku وfdwxrh وkbydli."),
],
"reach": [
    (1, "العقد هي ntpaxt وzblkop وtavtcy وlyurbr."),
    (1, "| Node | Path |\n|---|---|\n| ntpaxt | mksneu → pqoedn → ntpaxt |\n| zblkop | mksneu → pqoedn → zblkop |\n| tavtcy | mksneu → irpqfh → tavtcy |\n| lyurbr | mksneu → irpqfh → lyurbr |"),
    (1, "ntpaxt: mksneu → pqoedn → ntpaxt\nzblkop: mksneu → pqoedn → zblkop\ntavtcy: mksneu → irpqfh → tavtcy\nlyurbr: mksneu → irpqfh → lyurbr"),
],
"person": [
    (0, "Nadia (Olga lives in Athens)"),
    (1, "The Elbphilharmonie is in Hamburg, and Olga lives next to it. The Acropolis, which Nadia lives next to, is in Athens."),
    (0, "Final answer: no one\n\nOlga lives next to the Elbphilharmonie."),
],
"born": [
    (1, "Ursula Firannik, who moved to Pelarford, was born in Burenholm, and Carla Marukov, who moved to Lamulness, was born in Zorulmere."),
    (0, "Carla Marukov was born in Burenholm and Ursula Firannik in Zorulmere."),
],
"yes": [
    (1, "Yes ✅"),
    (1, "Yes 🙂"),
    (1, "✅ Yes"),
    (0, "Yes/No"),
],
}  # fmt: skip


@pytest.mark.parametrize(("kind", "right", "reply"), [(kind, *case) for kind, cases in JUDGED.items() for case in cases])
def test_as_a_person_would(kind, right, reply):
    score = get_task(DOCUMENTS[kind]["task"]).score(reply, DOCUMENTS[kind])
    assert score.value == right, score


@pytest.mark.parametrize(
    ("kind", "reply"),
    [("temp", "18 ° "), ("name", "Voss "), ("name", "Dr. Voss or "), ("price", "1 250 "), ("variable2", "QWERT, 77310, ")],
)
def test_no_reply_takes_long(kind, reply):
    began = time.process_time()
    get_task(DOCUMENTS[kind]["task"]).score(reply * 20_000, DOCUMENTS[kind])
    assert time.process_time() - began < 2
