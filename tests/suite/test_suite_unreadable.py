"""Files that a suite names and that are not UTF-8: an error names the file, not only the byte."""

import pytest
import yaml

from seal_eval.core.errors import SealError
from seal_eval.models.template_folder import with_template
from seal_eval.suite.plan import plan

LINES = {"task": "seal_lines", "sizes": [450], "num_samples": 2}


@pytest.fixture
def wrong(tmp_path):
    """A file in Latin-1 that is otherwise a template and a task."""
    file = tmp_path / "wrong.yaml"
    file.write_bytes("task: own\n# é {{ messages }}\n".encode("latin-1"))
    return file


@pytest.mark.parametrize("model", [{}, {"apply_chat_template": True, "chat_template": "wrong.yaml"}])
def test_in_a_suite(tmp_path, tiny_folder, wrong, model):
    suite = {"name": "s", "models": [{"pretrained": str(tiny_folder), **model}], "methods": ["plain"], "device": "cpu"}
    (tmp_path / "suite.yaml").write_text(yaml.safe_dump(suite | {"tasks": [LINES if model else {"task": "wrong.yaml"}]}))
    with pytest.raises(SealError, match=r"wrong\.yaml: not UTF-8 \(byte 12\); save it as UTF-8"):
        plan(tmp_path / "suite.yaml", tmp_path / "out")


def test_a_template_alone(tmp_path, tiny_folder, wrong):
    with pytest.raises(SealError, match=r"wrong\.yaml: not UTF-8"):
        with_template(str(tiny_folder), wrong, tmp_path / "out")
    assert not (tmp_path / "out").exists()
