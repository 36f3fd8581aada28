"""Dates, units and small numbers in accepted answers, which a reply may write in another form."""

import pytest

from seal_eval.tasks.own import score_phrase

RIGHT = {
    "February 14": (
        "Feb 14", "14 Feb.", "Feb. 14", "14 February", "February 14th", "the 14th of February", "14. February", "feb 14", "Feb 14, 1987",
        "It was on Feb. 14, as they say.",
    ),
    "February 14, 1987": ("Feb. 14, 1987", "14 Feb. 1987", "the 14th of February, 1987", "1987-02-14", "February 14th 1987"),
    "14 February 1987": ("Feb 14, 1987", "February 14, 1987"), "the 3rd of May": ("May 3", "3 May", "the third of May", "03 May"),
    "September": ("Sept.", "In Sep.", "SEP 2020"), "March": ("Mar.", "In Mar", "march"), "from March to June": ("From Mar. to Jun.",),
    "February 1987": ("Feb. 1987",), "90 minutes": ("90 min", "90 mins.", "ninety minutes", "a 90-minute stay"),
    "5 hours": ("5 h", "five hrs"),
    "12.5 km": ("12.5 kilometres", "12.5km"), "100 metres": ("100 m",), "5 kg": ("5 kilograms",), "10:30": ("10:30am", "10:30 a.m."),
    "7 am": ("7 a.m.", "7AM"), "two hours": ("2 hours", "2 hrs"), "2 crowns": ("two crowns",), "the May Queen": ("The May Queen",),
    "12000": ("12,000 is right.",),
}  # fmt: skip
WRONG = {
    "February 14": ("Feb 15", "Feb 140", "114 Feb", "Jan 14", "February", "Feb 13-14", "Feb 14 or 15", "not Feb 14",
                    "Feb 14. No, March 3."),
    "February 14, 1987": ("Feb 14", "Feb 14, 1986", "1986-02-14", "1987-02-140"), "May 3": ("It may be 3", "May 31", "13 May"),
    "March": ("mar", "The mar on it.", "Mars", "It may be so."), "September": ("separate", "Oct"), "May": ("June",),
    "90 minutes": ("90 miles", "90 m", "190 min"), "100 metres": ("100 min",), "12.5 km": ("12.5 m", "2.5 km"), "10:30 am": ("10:30 pm",),
    "two hours": ("twenty-two hours", "12 hours"), "2": ("two hundred", "12", "2.5"), "1": ("one of them, 3 in all",),
    "12000": ("12,000 is wrong.", "12,000? No, that's wrong."), "slate": ("slate... Actually, no. oak.",),
}  # fmt: skip


def cases(table):
    return [(answer, reply) for answer, replies in table.items() for reply in replies]


@pytest.mark.parametrize(("answer", "reply"), cases(RIGHT))
def test_other_forms_of_an_answer(answer, reply):
    assert score_phrase(reply, {"targets": [answer], "answer_tokens": 50})[0].value == 1


@pytest.mark.parametrize(("answer", "reply"), cases(WRONG))
def test_what_only_looks_like_one(answer, reply):
    assert score_phrase(reply, {"targets": [answer], "answer_tokens": 50})[0].value == 0
