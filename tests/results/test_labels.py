"""Names of methods whose settings differ: made from the settings for every kind of method, short, and always distinct."""

import json
import shutil
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seal_eval.results.labels import LONGEST, label_runs
from seal_eval.results.records import load_runs

from conftest import seal_eval

MAP = {"a": {"heads_sha256": "a" * 64}, "b": {"heads_sha256": "b" * 64}}
SHA = {"a": {"adapter_sha256": "a" * 64}, "b": {"adapter_sha256": "b" * 64}}


@pytest.fixture(scope="module")
def run(results):
    return load_runs(results)[0]


def named(run, *variants):
    """The labels of runs with these (method, settings, about)."""
    return [r.method for r in label_runs([replace(run, method=m, settings=s, about=a) for m, s, a in variants])]


@pytest.mark.parametrize(
    ("variants", "labels"),
    [
        ((("ntk", {"factor": 1.5}, {}), ("ntk", {"factor": 2.0}, {})), ["ntk(factor=1.5)", "ntk(factor=2.0)"]),
        ((("ntk", {}, {}), ("ntk", {"factor": 2}, {})), ["ntk", "ntk(factor=2)"]),
        ((("plain", {"revision": "main"}, {}), ("plain", {"revision": "v2"}, {})), ["plain(main)", "plain(v2)"]),
        ((("seal", {"adapter": "x/a"}, SHA["a"]), ("seal", {"adapter": "x/b"}, {})), ["seal(a)", "seal(b)"]),
        ((("seal", {"adapter": "x/a"}, SHA["a"]), ("seal", {"adapter": "y/a"}, {})), ["seal(x/a)", "seal(y/a)"]),
        ((("seal", {"adapter": "x/a"}, SHA["a"]), ("seal", {"adapter": "x/a"}, SHA["b"])), ["seal(aaaaaaaa)", "seal(bbbbbbbb)"]),
        ((("seal", {"adapter": "x/a"}, SHA["a"]), ("seal", {"adapter": "y/a"}, SHA["a"])), ["seal", "seal"]),
        ((("rule", {"heads": "x/m"}, MAP["a"]), ("rule", {"heads": "x/m"}, MAP["b"])), ["rule(aaaaaaaa)", "rule(bbbbbbbb)"]),
        ((("rule", {"heads": "x/m"}, MAP["a"]), ("rule", {"heads": "y/m"}, MAP["a"])), ["rule", "rule"]),
        (
            [("ntk+rule", {"rule.heads": "m"}, {"parts": {"rule": MAP[ab]}}) for ab in "ab"],
            ["ntk+rule(aaaaaaaa)", "ntk+rule(bbbbbbbb)"],
        ),
        ((("m", {"k": {"x": [1, 2.0]}}, {}), ("m", {"k": {"x": [1.0, 2]}}, {})), ["m", "m"]),
    ],
)  # fmt: skip
def test_settings_that_differ_are_in_the_name(run, variants, labels):
    assert named(run, *variants) == labels


def test_settings_that_look_equal_are_still_told_apart(run):
    for one, two in (
        ({"a": None}, {}),
        ({"a": True}, {"a": 1}),
        ({"a": 2**60}, {"a": 2**60 + 1}),
        ({"a": "x" * 500 + "1"}, {"a": "x" * 500}),
    ):
        labels = named(run, ("m", one, {}), ("m", two, {}))
        assert len({*labels}) == 2 and all(len(label) <= LONGEST + 5 for label in labels)
    labels = named(run, ("m", {"f": 1}, {}), ("m", {"f": 2}, {}), ("m(f=1)", {}, {}))  # a method whose name is another's label
    assert len({*labels}) == 3


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**300), 10**300) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=200),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
VARIANT = st.tuples(
    st.sampled_from(["ntk", "seal", "seal(a)"]),
    st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3),
    st.sampled_from([{}, *SHA.values()]),
)  # fmt: skip


@settings(max_examples=150)
@given(variants=st.lists(VARIANT, min_size=1, max_size=6))
def test_any_settings_give_short_names_that_tell_them_apart(run, variants):
    labels = named(run, *variants)
    assert all(len(label) <= LONGEST + 10 for label in labels)
    for (m1, s1, a1), label_1 in zip(variants, labels, strict=True):
        for (m2, s2, a2), label_2 in zip(variants, labels, strict=True):
            same_adapter = a1 and a1 == a2
            plain_1, plain_2 = ({**s, "a": ""} if same_adapter and "a" in s else s for s in (s1, s2))
            if (m1, s1, a1) == (m2, s2, a2) and json.dumps(plain_1) == json.dumps(plain_2):
                assert label_1 == label_2
            elif m1 != m2 or a1 != a2 or plain_1 != plain_2:
                assert label_1 != label_2


def test_two_settings_of_an_untuned_method_in_one_folder(results, tmp_path):
    """Every command that reads such a folder works, and says both names."""
    folder = shutil.copytree(results, tmp_path / "in")
    shutil.copytree(folder / "tiny-llama__plain", folder / "other")
    for name, factor in (("tiny-llama__seal", 1.5), ("other", 2.0)):
        (file,) = (folder / name).glob("results_*.json")
        data = json.loads(file.read_text())
        data["config"]["seal_eval"] |= {"method": "ntk", "settings": {"factor": factor}, "about": {}}
        file.write_text(json.dumps(data))
    said = seal_eval("compare", folder).stdout
    assert "ntk(factor=1.5)" in said and "ntk(factor=2.0)" in said
    seal_eval("site", folder, "--out", tmp_path / "site")
    assert "ntk(factor=2.0)" in (tmp_path / "site" / "index.html").read_text()
    assert "ntk(factor=1.5)" in seal_eval("power", folder).stdout
