"""Settings are checked against their annotations, in one way and with one kind of message."""

from dataclasses import dataclass
from typing import Annotated, Literal

import pytest
from annotated_types import Ge, Le

from seal_eval.core.errors import SealError
from seal_eval.core.settings import Count, Factor, Index, NonNegative, Positive, check_settings


@dataclass(frozen=True)
class Settings:
    count: Count = 1
    index: Index = 0
    between: Annotated[int, Ge(2), Le(5)] = 2
    factor: Factor = 2  # a whole number is a number
    rate: Positive | None = None
    weight: NonNegative = 0.0
    kind: Literal["head", "channel"] = "head"
    flag: bool = True
    text: str = ""
    table: tuple[tuple[float, ...], ...] = ()
    anything: object = None


def test_what_fits():
    check_settings("x", Settings())
    check_settings("x", Settings(5, 3, 5, 1.5, 0.1, 2, "channel", False, "a", ((1, 2.0),), object()))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"count": 0}, "tuning: count is 0, must be a whole number of at least 1"),
        ({"count": True}, "tuning: count is True, must be a whole number of at least 1"),
        ({"count": 1.0}, "tuning: count is 1.0, must be a whole number of at least 1"),
        ({"count": "1"}, "tuning: count is '1', must be a whole number of at least 1"),
        ({"index": -1}, "tuning: index is -1, must be a whole number of at least 0"),
        ({"between": 6}, "tuning: between is 6, must be a whole number from 2 to 5"),
        ({"factor": True}, "tuning: factor is True, must be a finite number of at least 1"),
        ({"factor": float("inf")}, "tuning: factor is inf, must be a finite number of at least 1"),
        ({"factor": 0.5}, "tuning: factor is 0.5, must be a finite number of at least 1"),
        ({"rate": 0.0}, "tuning: rate is 0.0, must be a finite number above 0"),
        ({"rate": float("nan")}, "tuning: rate is nan, must be a finite number above 0"),
        ({"weight": -0.1}, "tuning: weight is -0.1, must be a finite number of at least 0"),
        ({"kind": "layer"}, "tuning: kind is 'layer', must be head or channel"),
        ({"flag": "yes"}, "tuning: flag is 'yes', must be true or false"),
        ({"text": 4}, "tuning: text is 4, must be text"),
        ({"table": "no"}, "tuning: table is 'no', must be"),
    ],
)
def test_what_does_not(wrong, message):
    with pytest.raises(SealError) as error:
        check_settings("tuning", Settings(**wrong))
    assert str(error.value).startswith(message)


def test_a_long_value_is_cut():
    with pytest.raises(SealError) as error:
        check_settings("tuning", Settings(factor=10**400))
    assert len(str(error.value)) < 300
