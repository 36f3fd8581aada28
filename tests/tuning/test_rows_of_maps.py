"""Each row of a map of heads is that of its layer; where a layer's heads are not computed by its modules, there is no map."""

import pytest
import torch
from torch import nn

from seal_eval.core.errors import SealError
from seal_eval.tasks import get_task
from seal_eval.tuning.copy_scores import largest_weights
from seal_eval.tuning.head_importance import by_gradient

from conftest import tiny_model


class Elsewhere(nn.Module):
    """An attention module that has its projection and does not call it, as those that hand its weights to a fused kernel."""

    def __init__(self, attention):
        super().__init__()
        self.o_proj = attention.o_proj

    def forward(self, hidden_states, **_):
        return nn.functional.linear(hidden_states, self.o_proj.weight), None


@pytest.fixture
def model():
    model = tiny_model()
    model.model.layers[1].self_attn = Elsewhere(model.model.layers[1].self_attn)
    return model


def test_by_gradient(model, prompt_format):
    samples = get_task("seal_lines").build(prompt_format, 450, 1, 0, split="tune")
    with pytest.raises(
        SealError, match=r"^LlamaForCausalLM: model\.layers\.1\.self_attn\.o_proj is not called in a forward pass, so its heads"
    ):
        by_gradient(model, prompt_format, samples)
    assert by_gradient(tiny_model(), prompt_format, samples).shape == (3, 4)


def test_by_copying(model):
    with pytest.raises(SealError, match=r"attention is computed elsewhere in layers \[1\]; use --by effect"), torch.no_grad():
        largest_weights(model, list(range(10, 20)), [5])
