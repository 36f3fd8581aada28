"""What users write in YAML without knowing YAML: the error says what it was read as and how to write it."""

import pytest

from seal_eval.core.errors import SealError
from seal_eval.suite.plan import plan

GOOD = "name: n\nmodels: [m]\nmethods: [plain]\ntasks:\n  - {task: seal_lines, sizes: [1024], num_samples: 4}\n"


@pytest.mark.parametrize(("old", "new", "message"), [
    ("name: n", "name: yes", "line 1: name: must be text, and YAML reads true; put it in quotes"),
    ("name: n", "name: 2026", "line 1: name: must be text, and YAML reads 2026; put it in quotes"),
    ("[1024]", "1024", r"line 5: tasks/0/sizes: must be a list, such as \[1024\]"),
    ("[m]", "m", r"line 2: models: must be a list, such as \[m\]"),
    ("[1024]", '["1024"]', r"line 5: tasks/0/sizes/0: must be a whole number, without quotes and point \(it is '1024'\)"),
    ("num_samples: 4", "num_samples: 1e1", r"tasks/0/num_samples: must be a whole number, without quotes and point \(it is 10\.0\)"),
    ("[1024]", "[0512]", "line 5: 0512 begins with 0, which some readers take for an octal number; write it without the zero"),
    ("num_samples: 4", "num_samples: 1:30", r"must be a whole number, without quotes and point \(it is '1:30'\)"),
    ("methods: [plain]", "methods:", "line 3: methods: has no value; write one, or leave it out"),
    ("[m]", "[]", "line 2: models: must have at least 1 item"),
    ("[m]", '[{pretrained: m, apply_chat_template: "yes"}]', "models/0/apply_chat_template: must be true or false, without quotes"),
    ("num_samples: 4", "num_samples: 4, gen_kwargs: a=4", "tasks/0/gen_kwargs: must be a mapping, such as {key: value}"),
    ("  - {", "\t- {", "line 5: found character '.t' that cannot start any token; YAML indents with spaces, not with tabs"),
    ("4}\n", "4}\n---\nname: o\n", "line 6: but found another document; write each suite in a file of its own"),
    ("name: n", 'name: "n', "found unexpected end of stream; is a quote or a bracket left open?"),
])  # fmt: skip
def test_what_yaml_reads_otherwise(tmp_path, old, new, message):
    assert GOOD.count(old) == 1
    (tmp_path / "suite.yaml").write_text(GOOD.replace(old, new))
    with pytest.raises(SealError, match=message):
        plan(tmp_path / "suite.yaml", tmp_path / "out")
