"""Maps of heads on models whose layers pass more on than one tensor: exact, whether or not layers can be replayed."""

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from seal_eval.models.adapters import input_times
from seal_eval.models.modules import head_projections, in_features
from seal_eval.tuning.head_importance import by_pruning, can_replay

from conftest import tiny_model

IDS = list(range(2, 42))
SAMPLE = SimpleNamespace(input="", prefix="", answer="")
PROMPTS = SimpleNamespace(continued=lambda *_: (IDS, 20))
KINDS = {
    "llama": ({}, True),
    "gemma3n_text": (
        {
            "num_kv_shared_layers": 1, "hidden_size_per_layer_input": 16, "vocab_size_per_layer_input": 1000, "laurel_rank": 4,
            "layer_types": ["sliding_attention", "full_attention", "full_attention"], "activation_sparsity_pattern": [0.0] * 3,
            "head_dim": 16,
        },
        False,
    ),
    "openai-gpt": ({"n_embd": 64, "n_layer": 3, "n_head": 4}, False),
    "qwen3_next": ({"layer_types": ["linear_attention", "full_attention", "full_attention"]}, True),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_effects_equal_passes_without_the_head(kind):
    own, replays = KINDS[kind]
    model = tiny_model(kind, **own)
    assert can_replay(model, PROMPTS, SAMPLE) == replays
    found = by_pruning(model, PROMPTS, [SAMPLE])

    @torch.no_grad()
    def loss():
        return float(F.cross_entropy(model(torch.tensor([IDS])).logits[0, 19:-1].float(), torch.tensor(IDS[20:])))

    plain = loss()
    for layer, (_, projection) in enumerate(head_projections(model)):
        keep = torch.ones(4, in_features(projection) // 4)
        keep[1] = 0
        with input_times(projection, keep.flatten()[None, None]):
            assert loss() - plain == pytest.approx(float(found[layer, 1]), abs=2e-5)
