"""Models whose forward pass computes all logits, as that of many a checkpoint with code of its own."""

import types

import pytest
import torch

from seal_eval.models.caches import keep_logits
from seal_eval.models.loading import load_model
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.tasks import get_task
from seal_eval.tuning.copy_scores import by_copying
from seal_eval.tuning.losses import log_probabilities, record_loss
from seal_eval.tuning.records import in_groups


def without_the_argument(model):
    """The model with a forward pass of the classic signature, or one that swallows further arguments."""
    plain = model.forward

    def forward(self, input_ids=None, attention_mask=None, position_ids=None, past_key_values=None, use_cache=None):
        return plain(
            input_ids=input_ids, attention_mask=attention_mask, position_ids=position_ids, past_key_values=past_key_values,
            use_cache=use_cache,
        )  # fmt: skip

    def swallows(self, input_ids=None, past_key_values=None, use_cache=None, **kwargs):
        return plain(input_ids=input_ids, past_key_values=past_key_values, use_cache=use_cache)

    for made in (forward, swallows):
        model.forward = types.MethodType(made, model)
        yield model
    model.forward = plain


@pytest.mark.parametrize("questions", [1, 3])
def test_the_same_losses_and_scores(tiny_folder, questions):
    model, tokenizer = load_model(str(tiny_folder))
    prompt_format = PromptFormat(tokenizer)
    task = get_task("seal_lines")
    samples = task.build(prompt_format, 420, 3, 0, split="tune")
    ids, where = torch.arange(2, 40), torch.tensor([3, 9, 20])

    def measured():
        losses = [record_loss(model, prompt_format, record).item() for record in in_groups(samples, questions)]
        return [*losses, *log_probabilities(model, ids, where).sum(-1).tolist(), by_copying(model, prompt_format, samples).sum().item()]

    assert keep_logits(model, 1) == {"logits_to_keep": 1}
    expected = measured()
    for other in without_the_argument(model):
        assert keep_logits(other, 1) == {} and measured() == pytest.approx(expected, abs=1e-4)
