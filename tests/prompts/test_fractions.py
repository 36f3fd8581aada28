"""Numbers with a fraction are other numbers than the document's; list numbers in front of a value are no whole part of it."""

import pytest
from test_ordinary_replies import ASKED

from seal_eval.tasks import get_task


@pytest.mark.parametrize(("kind", "value"), [("lines", "26022"), ("needle", "7931233")])
@pytest.mark.parametrize(("form", "right"), [
    ("{}.5", 0), ("{}.25", 0), ("The value is {}.5.", 0), ("0.{}", 0), ("It is 0.{}.", 0), ("{:,}.75", 0), ("$ {:,}.50", 0),
    ("{}.", 1), ("{}.0", 1), ("{:,}", 1), ("${:,}.00", 1), ("1. {}", 1), ("1.{}", 1), ("3.{}", 1), ("({})", 1), ("{}.\n0.5 s", 1),
    ("Confidence 0.98: {}", 1),
])  # fmt: skip
def test_a_fraction(kind, value, form, right):
    score = get_task(ASKED[kind]["task"]).score(form.format(int(value)), ASKED[kind])
    assert score.value == right, score
