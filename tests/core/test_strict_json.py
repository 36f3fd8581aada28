"""Strict JSON: what parsers read differently is refused, with its path; everything else equals Python's parser."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seal_eval.core.errors import SealError
from seal_eval.core.files import LONGEST, numbered_lines, read_json
from seal_eval.core.strict_json import dotted, loads, short

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**308), 10**308) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(value=VALUES, plain=st.booleans())
def test_equals_the_standard_parser(value, plain):
    assert loads(json.dumps(value, ensure_ascii=plain)) == value
    assert loads(json.dumps(value, ensure_ascii=plain).encode()) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "b": {"c": 1, "c": 2}}', r'^b: the key "c" is there twice'),
        ('[[1, {"x y": [1e400]}]]', r'^\[0\]\[1\]\["x y"\]\[0\]: 1e400 is outside the range of doubles'),
        (f'{{"n": -1{"0" * 350}}}', "^n: -10000000000... is outside the range"),
        (f'{{"n": {"1" * 401}}}', "^n: a number of 401 characters"),
        (f'{{"n": 0.{"1" * 500}}}', "^n: a number of 502 characters"),
        ("1" * 5_000_000, "a number of 5,000,000 characters"),
        ('{"a": [NaN]}', r"^a\[0\]: NaN is not JSON"),
        ('{"a": -Infinity}', "^a: -Infinity is not JSON"),
        ("[" * 101 + "]" * 101, "nested deeper than 100"),
        ('{"a":' * 100_000, "nested deeper than 100"),
        (r'{"a": "\ud800"}', "^a: .*half a surrogate pair"),
        (r'{"\uDC00x": 1}', "the key .*half a surrogate pair"),
        ('"\ud800"', "half a surrogate pair"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        ('{"a": }', "Expecting value: line 1 column 7"),
        ('"\x07"', "Invalid control character"),
        ("{} {}", "Extra data"),
        ("", "Expecting value"),
    ],
)  # fmt: skip
def test_what_is_refused(text, message):
    with pytest.raises(ValueError, match=message) as error:
        loads(text)
    assert len(str(error.value)) < 300 and str(error.value).isascii()


def test_what_is_allowed():
    assert loads("[" * 100 + "]" * 100)
    assert loads(r'"\ud83d\ude00"') == "😀"
    assert loads("[1e308, 0.1]") == [1e308, 0.1] and str(loads("[NaN]", nan=True)) == "[nan]"
    assert loads('{"a": "[[[[' + "[" * 500 + '"}')  # brackets in text are no nesting
    with pytest.raises(ValueError, match="b: 1e999"):
        loads('{"a": NaN, "b": 1e999}', nan=True)


def test_paths_and_values_are_short_and_printable():
    assert dotted(("a", 1, "b c", "é\x1b")) == r'a[1]["b c"]["\u00e9\u001b"]'
    assert short("x" * 1000).count("x") < 60 and len(short({"a": "y" * 10**6})) < 150 and len(short([10**400] * 50)) < 150


def test_files_are_named(tmp_path):
    file = tmp_path / "x.json"
    for raw, message in (
        (b"", "is empty"),
        (b'{"a":1\n,}', r"line 2, column [12]: not JSON"),
        (b'{"a":1,"a":2}', 'the key "a" is there twice'),
        (b"\xff", "not UTF-8"),
    ):
        file.write_bytes(raw)
        with pytest.raises(SealError, match=message) as error:
            read_json(file)
        assert str(file) in str(error.value)
    with file.open("wb") as large:
        large.truncate(LONGEST + 2)
    with pytest.raises(SealError, match="larger than"):
        read_json(file)
    with pytest.raises(SealError, match="line 1: longer than"):
        list(numbered_lines(file))
    with pytest.raises(SealError, match=r"cannot read .*absent"):
        read_json(tmp_path / "absent")
