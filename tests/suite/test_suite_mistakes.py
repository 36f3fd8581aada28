"""Mistakes in a suite's file: all of them at once, each with its line."""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from seal_eval.core.errors import SealError
from seal_eval.suite.plan import plan
from seal_eval.suite.schema import read_suite
from seal_eval.suite.yaml_lines import read_yaml

from conftest import seal_eval
from suite_files import write


def test_every_mistake_with_its_line(tmp_path, tiny_folder):
    (tmp_path / "bad.yaml").write_text(f"""name: bad
models: [{tiny_folder}, {tmp_path}/none]
methods:
  - plain
  - method: sael
  - {{method: seal, adapter: chanel}}
  - {{method: linear, factr: 2.0}}
adapters:
  channel: {{task: seal_lines, lenght: 420}}
tasks:
  - {{task: seal_lines, sizes: [450, 60000], num_samples: 8}}
  - {{task: seal_nedle, sizes: [450], num_samples: 1}}
""")
    done = seal_eval("suite", tmp_path / "bad.yaml", "--out", tmp_path / "out", code=1)
    lines = done.stderr.strip().splitlines()
    wanted = [
        (2, "is no folder here"), (5, "did you mean 'seal'?"), (6, "did you mean 'channel'?"), (7, "did you mean 'factor'?"),
        (9, "did you mean 'length'?"), (11, "length 60000 is above the model's window"), (12, "did you mean 'seal_needle'?"),
    ]  # fmt: skip
    assert len(lines) == len(wanted)
    assert all(f"bad.yaml, line {n}: " in line and what in line for line, (n, what) in zip(lines, wanted, strict=True))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "line", "message"),
    [
        ({"nmae": "x"}, 24, "nmae: unknown key; did you mean 'name'?"),
        ({"name": "a b"}, 1, "may hold letters, digits, dots"),
        ({"methods": []}, 5, "at least 1 item"),
        ({"batch_size": "8"}, 24, "batch_size: must be a whole number of at least 1, or auto (it is '8')"),
        ({"models": [{"pretrained": "m", "dtpye": "x"}]}, 3, "models/0/dtpye: unknown key; did you mean 'dtype'?"),
        ({"tasks": [{"sizes": [450], "num_samples": 3}]}, 17, "tasks/0/task: is missing"),
    ],
)
def test_mistakes_of_form(tmp_path, tiny_folder, change, line, message):
    file = write(tmp_path, tiny_folder, **change)
    with pytest.raises(SealError) as caught:
        read_suite(file)
    assert message in str(caught.value)
    named = int(str(caught.value).split("line ")[1].split(":")[0])
    assert next(iter(change)) in "\n".join(file.read_text().splitlines()[max(0, named - 3) : named]) and abs(named - line) < 9


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x [1]\nb: [*x, *x]", "line 2: aliases"),
        ("a: 1\na: 2", "line 2: the key 'a' appears twice"),
        ("a: !!python/object/apply:os.system [ls]", "line 1"),
        ("a: [1", "line 1"),
        ("? [1, 2]\n: x", "line 1: a key is not a plain value"),
        ("[" * 5000 + "]" * 5000, "line 1: nested deeper than"),
        ("x" * (1 << 20) + "y", "bytes; at most"),
        ("a: \x00", "suite.yaml"),
    ],
)
def test_hostile_yaml(tmp_path, text, message):
    file = tmp_path / "suite.yaml"
    file.write_text(text)
    with pytest.raises(SealError, match=message):
        read_yaml(file)


@settings(max_examples=150, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda x: (
            st.lists(x, max_size=3)
            | st.dictionaries(
                st.sampled_from(["name", "models", "methods", "tasks", "adapters", "pretrained", "method", "task", "sizes", "num_samples"])
                | st.text(max_size=5),
                x,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_yaml_is_a_suite_or_a_clear_error(tmp_path_factory, value):
    file = tmp_path_factory.mktemp("fuzz") / "suite.yaml"
    file.write_text(yaml.safe_dump(value), encoding="utf-8")
    with pytest.raises(SealError) as caught:
        plan(file, file.parent)
    assert str(file) in str(caught.value)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=100))
def test_any_bytes_are_yaml_or_a_clear_error(tmp_path_factory, raw):
    file = tmp_path_factory.mktemp("fuzz") / "suite.yaml"
    file.write_bytes(raw)
    try:
        read_yaml(file)
    except SealError as error:
        assert str(file) in str(error)
