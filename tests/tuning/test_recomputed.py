"""Memory of tuning: recomputed activations give the same gradients, and memory grows linearly with the length."""

import pytest
import torch

from seal_eval.tasks import get_task
from seal_eval.tuning.losses import answer_loss
from seal_eval.tuning.parameters import Gains, frozen
from seal_eval.tuning.recomputed import activations_recomputed

from conftest import tiny_model


@pytest.mark.parametrize("kind", ["llama", "gpt2", "phi", "opt", "biogpt", "xglm"])
def test_recomputed_activations_give_the_same_gradients(prompt_format, kind):
    """Same gradients with less memory; dropout stays off, also where a layer itself asks for its mode (OPT, BioGPT, XGLM)."""
    dropout = {"resid_pdrop": 0.5, "attn_pdrop": 0.5} if kind == "gpt2" else {}
    sizes = {"num_layers": 3, "attention_heads": 4, "d_model": 64, "ffn_dim": 96} if kind == "xglm" else {}
    model = tiny_model(kind, **dropout, **sizes)
    sample = get_task("seal_lines").build(prompt_format, 450, 1, 0, split="tune")[0]
    gradients, saved = [], []
    for again in (False, True):
        gains, kept = Gains(model, per_head=False), []
        with frozen(model), gains.on(), activations_recomputed(model) if again else torch.enable_grad():
            with torch.autograd.graph.saved_tensors_hooks(lambda t, kept=kept: kept.append(t.nbytes) or t, lambda t: t):
                loss = answer_loss(model, prompt_format, sample)
            loss.backward()
        gradients.append(torch.cat([d.grad for d in gains.delta]))
        saved.append(sum(kept))
    assert torch.allclose(*gradients, rtol=1e-4, atol=1e-7) and gradients[0].abs().max() > 1e-4
    assert saved[1] < 0.5 * saved[0]
    assert not any(m.training for m in model.modules()) and not any(getattr(m, "gradient_checkpointing", False) for m in model.modules())


def test_memory_grows_linearly(prompt_format):
    """Twice the length keeps at most 2.1 times the memory for the backward pass."""
    model = tiny_model("llama")
    kept = []
    for length in (450, 800):
        gains, sizes = Gains(model, per_head=False), {}
        sample = get_task("seal_lines").build(prompt_format, length, 1, 0, split="tune")[0]
        with frozen(model), gains.on(), torch.autograd.graph.saved_tensors_hooks(
            lambda t, sizes=sizes: sizes.update({t.data_ptr(): t.untyped_storage().nbytes()}) or t, lambda t: t
        ):  # fmt: skip
            answer_loss(model, prompt_format, sample)
        kept.append(sum(sizes.values()))
    assert kept[1] < 2.1 * kept[0]
