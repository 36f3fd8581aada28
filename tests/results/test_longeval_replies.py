"""LongEval's scoring rule and ours, on files in its format. The replies are invented, of the kinds found in published files."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seal_eval.core.errors import SealError
from seal_eval.prompts.numerals import first_number
from seal_eval.prompts.scoring import last_digits
from seal_eval.results.longeval_replies import rescore

from conftest import seal_eval

# reply, label, right by the official rule, right by ours
KINDS = [
    ("The <REGISTER_CONTENT> in line calm-otter is 24169.", 24169, 1, 1),
    (" <24169>. <REGISTER_CONTENT> is <24169>, as asked", 24169, 1, 1),
    (" <2416>  <46,323,567,983", 2416, 0, 1),  # a right answer and then more numbers
    (" <24169>  ## 8  Now the next", 24169, 0, 1),
    ("the number is 2,416", 2416, 0, 1),  # a thousands separator: the official rule reads 416
    ("not 11111 but 24169", 24169, 1, 0),
    ("I do not know", 24169, 0, 0),
    ("", 7, 0, 0),
    ("it is 00333", 333, 1, 1),
]


def line(reply, label):
    runs = re.findall(r"\d+", reply)
    return f"Label: {label}, Predict: {reply}, Parsed: {int(runs[-1]) if runs else -1}, prompt length: 4832\n"


@pytest.mark.parametrize(("reply", "label", "official", "ours"), KINDS)
def test_rules(reply, label, official, ours):
    assert last_digits(reply, (str(label),))[0] == official
    assert (first_number(reply) == str(label)) == ours


def test_file(tmp_path):
    file = tmp_path / "200_response.txt"
    file.write_text("".join(line(reply, label) for reply, label, _, _ in KINDS) + "Accuracy: 0.4444\n")
    found = rescore(file)
    assert (found.official.n, found.published) == (9, 0.4444)
    assert found.official.value == pytest.approx(4 / 9) and found.ours.value == pytest.approx(6 / 9)
    assert found.disagree == (3, 4, 5, 6)
    out = seal_eval("score", "longeval-lines", file).stdout
    assert "official 44.4 %" in out and "ours 66.7 %" in out and "the file says 44.4 %" in out and "lines 3, 4, 5, 6" in out


@given(st.text(st.characters(exclude_characters="\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029", exclude_categories=["Cs"]), max_size=60))
def test_any_reply_is_read_back(tmp_path_factory, reply):
    """Commas, field names, digits of other scripts: the reply is read as it was written."""
    if ", Parsed: " in reply:
        return
    file = tmp_path_factory.mktemp("r") / "f.txt"
    file.write_bytes(line(reply, 5).encode())
    by_hand = [int(run) for run in re.findall(r"\d+", reply)]
    assert rescore(file).official.value == float(bool(by_hand) and by_hand[-1] == 5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no response"),
        ("Accuracy: 0.5\n", "holds no response"),
        (line("1", 1) + "Label: x, Predict: 3\n", "line 2: not 'Label: N"),
        ("Label: 5, Predict: 5, Parsed: 6, prompt length: 10\n", "line 1: Parsed is 6, but LongEval's rule extracts 5 from the reply"),
    ],
)
def test_bad_files(tmp_path, text, message):
    file = tmp_path / "r.txt"
    file.write_text(text)
    with pytest.raises(SealError, match=message):
        rescore(file)
    with pytest.raises(SealError, match="does not exist"):
        rescore(tmp_path / "none.txt")


def test_tasks_are_listed():
    out = seal_eval("tasks").stdout
    assert "seal_lines\n" in out and "seal_needle\n" in out and "LongEval" in out and "Kamradt 2023" in out
