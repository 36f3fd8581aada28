"""Sums, shares, temperatures, times and dates in replies to questions of one's own, and replies that declare another answer than they mention."""

# ruff: noqa: E501  (tables of replies)

import time

import pytest

from seal_eval.tasks.own import score_phrase

RIGHT = {
    "$1,250": ("1.250 dólares", "1250美元", "1,250ドル", "1.250 Dollar"), "€950": ("950 euro", "950欧元", "EUR 950", "950"), "37%": ("37 Prozent", "37 por ciento", "37 pour cent", "37パーセント"),
    "18 °C": ("18 C", "18C", "18 Grad", "18 grados Celsius", "18度", "18摄氏度", "18˚C", "$18~^{\\circ}\\mathrm{C}$", "18", "Answer: 18"),
    "84.5 metres": ("84,5 m", "84,5 Meter", "84.5", "84,5"), "two hours": ("2", "Answer: 2"), "48,250": ("4万8250",),
    "3 hours and 40 minutes": ("3 hours, 40 minutes", "3 h 40 min", "3 hrs and 40 mins"), "8:30 am": ("8.30 am", "08:30", "8:30 in the morning", "8:30 Uhr", "8:30am"), "6 pm": ("18:00", "6:00 pm", "6 in the evening", "18.00 Uhr", "18 Uhr"),
    "14 May 2031": ("14.05.2031", "05/14/2031", "14/05/2031", "2031-05-14", "2031年5月14日"), "May 3, 2031": ("3.5.2031", "2031/5/3"),
    "1.2 million tonnes": ("1,200,000 tonnes", "1.2 million tons", "1200000 t", "1,2 Millionen Tonnen", "about 1.2 million metric tonnes"), "$3.4 million": ("$3,400,000", "3.4 million dollars"),
    "yes": ("Yep.", "Yeah, it does.", "I would say yes.", '{"answer": true}', '{"answer": true, "reason": "it says so"}', "True"), "no": ("Nope.", '{"answer": false}', "So no."),
    "Dr. Helena Voss | Helena Voss | Voss": (
        "The passage names two doctors, Helena Voss and Karim Aziz.\n\nAnswer: Helena Voss", "The answer is in the text: Dr. Helena Voss.", "Dr. Helena Voss.\n\nThis answer is based on the text.", "Dr. Helena Voss\n\nConfidence in the answer: high",
        '{"answer": "Helena Voss", "reasoning": "Dr. Karim Aziz is only the deputy"}', "Karim Aziz is the deputy. \\boxed{\\text{Helena Voss}}", "Answer:\n\nDr. Helena Voss",
    ),
    "slate": ("**Answer:** Slate\n\nThe text states: \"The roof is of slate.\"", "Answer: It's slate.", "slate (or so the text says)"),
}  # fmt: skip
WRONG = {
    "$1,250": ("$12,50", "1.250.000 dólares"), "€950": ("$950", "95 euro"), "37%": ("137 Prozent", "37"), "18 °C": ("118 C", "18 F", "180", "25"), "84.5 metres": ("84", "84,55 m", "284,5 m", "84,5 km"), "two hours": ("22", "12"),
    "3 hours and 40 minutes": ("3 hours or 40 minutes", "13 hours, 40 minutes", "3 hours"), "8:30 am": ("8:30 pm", "18:30", "20:30"), "6 pm": ("6 am", "16:00", "18:30", "6:00"), "14 May 2031": ("14.06.2031", "2031-05-140", "14/05/2030", "114.05.2031"),
    "May 3, 2031": ("3.15.2031", "23.05.2031"), "1.2 million tonnes": ("1.2 tonnes", "12,000,000 tonnes", "120,000 tonnes", "1.2 billion tonnes"), "$3.4 million": ("$34,000,000", "$3.4"), "3.1": ("3.10", "3.11", "13.1"),
    "yes": ("Nah.", "Nope", "False", '{"answer": false}'), "no": ("Yep.", "no idea"),
    "Dr. Helena Voss | Helena Voss | Voss": (
        "The passage names two doctors, Helena Voss and Karim Aziz.\n\nAnswer: Karim Aziz", "Helena Voss is mentioned first, but the answer is Karim Aziz.", '{"reasoning": "Dr. Helena Voss has a deputy", "answer": "Dr. Karim Aziz"}',
        '{"answer": "Dr. Karim Aziz", "quote": "The clinic is led by Dr. Helena Voss"}', "The text mentions Voss. \\boxed{\\text{Karim Aziz}}", "Voss? <answer>Aziz</answer>", "Dr. Helena Voss, or rather Dr. Karim Aziz", "Initial answer: Voss\nRevised answer: Aziz",
        "Dr. Helena Voss (alternatively Dr. Karim Aziz)", "Dr. Helena Voss; Dr. Karim Aziz would also work.", "Dr. Helena Voss, but Dr. Karim Aziz is also correct.", "I'd say Dr. Helena Voss. Or Dr. Karim Aziz.",
    ),
    "slate": ("The roof is of slate, the door of oak. Answer: oak.", "**Answer:** Oak\n\nThe text states: \"The roof is of slate. The door is of oak.\""),
}  # fmt: skip


def cases(table):
    return [(answer, reply) for answer, replies in table.items() for reply in replies]


@pytest.mark.parametrize(("answer", "reply"), cases(RIGHT))
def test_right(answer, reply):
    assert score_phrase(reply, {"targets": [answer], "answer_tokens": 50})[0].value == 1


@pytest.mark.parametrize(("answer", "reply"), cases(WRONG))
def test_wrong(answer, reply):
    assert score_phrase(reply, {"targets": [answer], "answer_tokens": 50})[0].value == 0


@pytest.mark.parametrize(
    "reply",
    [
        "answer: slate ",
        "\n",
        "Answer: a b c\n",
        '"answer": ',
        "1.2 million ",
        "| a | b |\n|---|---|\n",
        "|" * 50 + "\n",
        "slate. The answer is Aa ",
    ],
)
@pytest.mark.parametrize("answer", ["slate", "Slate", "1.2 million tonnes", "8:30 am"])
def test_no_reply_takes_long(answer, reply):
    began = time.process_time()
    score_phrase(reply * 20_000, {"targets": [answer], "answer_tokens": 50})
    assert time.process_time() - began < 2
