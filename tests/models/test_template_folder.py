"""A model folder with a chat template: the checkpoint's own tokenizer code runs only where it is trusted."""

import json
import shutil

from conftest import seal_eval
from tokenizers_made import CHATML


def test_a_tokenizer_with_its_own_code(tiny_folder, tmp_path):
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    (folder / "mine.py").write_text(
        "from transformers import PreTrainedTokenizerFast\n\n\nclass Mine(PreTrainedTokenizerFast):\n    pass\n"
    )
    config = json.loads((folder / "tokenizer_config.json").read_text())
    config |= {"tokenizer_class": "Mine", "auto_map": {"AutoTokenizer": [None, "mine.Mine"]}}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    (tmp_path / "turns.jinja").write_text(CHATML)
    command = ("models", "template", "--model", folder, "--template", tmp_path / "turns.jinja", "--out", tmp_path / "out")
    refused = seal_eval(*command, code=1)
    why = "it needs code of its own; read that code, then pass --trust-remote-code"
    assert f"no tokenizer could be loaded from '{folder}': {why}" in refused.stderr and not (tmp_path / "out").exists()
    seal_eval(*command, "--trust-remote-code")
    assert (tmp_path / "out" / "chat_template.jinja").read_text() == CHATML and (tmp_path / "out" / "mine.py").is_file()
