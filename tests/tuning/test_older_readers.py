"""config.json of a merged checkpoint for programs built on transformers 4, which do not know `rope_parameters`."""

import json

import pytest
from transformers import AutoConfig

from seal_eval.tuning.older_readers import write_old_rope

YARN = {"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 2048, "rope_theta": 1e6}
GEMMA = {
    "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
    "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
}


@pytest.mark.parametrize(
    ("config", "old"),
    [
        ({"model_type": "llama", "rope_parameters": {"rope_type": "default", "rope_theta": 1e6}}, {"rope_theta": 1e6}),
        ({"model_type": "llama", "max_position_embeddings": 4096, "rope_parameters": YARN}, {
            "rope_theta": 1e6, "rope_scaling": {"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 2048},
        }),
        ({"model_type": "phi", "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.5}}, {
            "rope_theta": 1e4, "partial_rotary_factor": 0.5,
        }),
        ({"model_type": "gemma3_text", "rope_parameters": GEMMA}, {
            "rope_theta": 1e6, "rope_scaling": {"rope_type": "linear", "factor": 8.0}, "rope_local_base_freq": 1e4,
        }),
        ({"model_type": "gpt_neox", "rope_parameters": {"rope_type": "default", "rope_theta": 4e4, "partial_rotary_factor": 0.5}}, {
            "rope_theta": 4e4, "partial_rotary_factor": 0.5, "rotary_emb_base": 4e4, "rotary_pct": 0.5,
        }),
        ({"model_type": "gpt2"}, {}),
    ],
    ids=lambda value: value.get("model_type", "") if isinstance(value, dict) else "",
)  # fmt: skip
def test_both_forms(tmp_path, config, old):
    """The fields by which transformers 4.57 found the same base and scaling; version 5 reads what it read before."""
    (tmp_path / "config.json").write_text(json.dumps(config))
    before = AutoConfig.from_pretrained(tmp_path).to_dict()
    write_old_rope(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text()) == {**config, **old}
    after = AutoConfig.from_pretrained(tmp_path).to_dict()
    assert after.get("rope_parameters") == before.get("rope_parameters")


def test_a_text_model_inside_another(tmp_path):
    config = {"model_type": "gemma3", "text_config": {"model_type": "gemma3_text", "rope_parameters": GEMMA}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    write_old_rope(tmp_path)
    written = json.loads((tmp_path / "config.json").read_text())
    assert written["text_config"]["rope_theta"] == 1e6 and "rope_theta" not in written


def test_layer_types_without_an_old_form_are_left(tmp_path):
    text = json.dumps({"model_type": "x", "rope_parameters": GEMMA})
    (tmp_path / "config.json").write_text(text)
    write_old_rope(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text()) == json.loads(text)
