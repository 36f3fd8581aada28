"""Linear layers applied to few rows: the same products in either order, and nothing left behind."""

import pytest
import torch
from torch import nn

from seal_eval.models import few_rows as module
from seal_eval.models import timing
from seal_eval.models.few_rows import few_rows, weights_first

from conftest import tiny_model


@pytest.mark.parametrize("shape", [(2, 12), (5, 1, 12), (3, 7, 12)])
@pytest.mark.parametrize("bias", [True, False])
def test_the_same_product(shape, bias):
    torch.manual_seed(0)
    layer, x = nn.Linear(12, 31, bias=bias).requires_grad_(False), torch.randn(shape)
    found = weights_first(x, layer.weight, layer.bias)
    expected = x.double() @ layer.weight.double().T + (layer.bias.double() if bias else 0)
    assert found.is_contiguous() and found.shape == expected.shape and float((found - expected).abs().max()) < 1e-5


@pytest.mark.parametrize("faster", [True, False])
def test_a_model_computes_the_same(monkeypatch, faster):
    monkeypatch.setattr(module, "_faster", lambda *_: faster)
    model, ids = tiny_model(), torch.arange(4, 20).view(8, 2)
    used = []
    monkeypatch.setattr(module, "weights_first", lambda *a: (used.append(a[0].shape), weights_first(*a))[1])
    with torch.no_grad():
        expected = model(ids).logits
        with few_rows(model, 8):
            found = model(ids).logits
            n_used = len(used)
            model(ids.repeat(5, 1))  # 80 rows
        assert torch.equal(model(ids).logits, expected)
    assert torch.allclose(found, expected, atol=1e-4) and n_used == len(used) == (22 if faster else 0)
    assert not any("forward" in vars(m) for m in model.modules())


@pytest.mark.parametrize("faster", [False, True])
def test_the_choice_is_noted(monkeypatch, faster):
    """The load of the machine may decide it, and with it how a run rounds: results record it."""
    monkeypatch.setattr(module, "_faster", lambda *_: faster)
    timing.forget()
    for rows in (8, 2, 1, 8):
        with few_rows(tiny_model(), rows):
            pass
    assert timing.choices() == {"weights first" if faster else "no weights first": [2, 8]}
    timing.chosen("weights first", 3, not faster)
    assert timing.choices().keys() == {"weights first", "no weights first"}
    timing.forget()
    assert timing.choices() == {}


def test_which_layers_are_left_alone(monkeypatch):
    monkeypatch.setattr(module, "_faster", lambda *_: True)
    model = tiny_model()
    other = model.model.layers[0].mlp.up_proj
    kept = other.forward = other.forward  # as accelerate's hooks do
    model.model.layers[1].mlp.to(torch.bfloat16)
    with few_rows(model, 8):
        changed = {name for name, m in model.named_modules() if isinstance(vars(m).get("forward"), module._Weights)}
        assert changed and not any(name.startswith("model.layers.1.mlp") for name in changed) and other.forward is kept
    assert other.forward is kept
    for rows in (1, 65):
        with few_rows(model, rows):
            assert not any(isinstance(vars(m).get("forward"), module._Weights) for m in model.modules())


def test_gradients_pass(monkeypatch):
    monkeypatch.setattr(module, "_faster", lambda *_: True)
    model = nn.Sequential(nn.Linear(4, 4))
    with few_rows(model, 8):
        model(torch.ones(8, 4)).sum().backward()
    assert model[0].weight.grad is not None


def test_under_autocast_torch_computes(monkeypatch):
    """There products have another type than their inputs."""
    monkeypatch.setattr(module, "_faster", lambda *_: True)
    model, ids = tiny_model(), torch.arange(4, 20).view(8, 2)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        expected = model(ids).logits
        with few_rows(model, 8):
            found = model(ids).logits
    assert torch.equal(found, expected) and found.dtype == expected.dtype == torch.bfloat16


def test_the_timing_takes_no_time():
    import time

    began = time.process_time()
    module._faster.__wrapped__(8, 1536, 576, 1)
    assert time.process_time() - began < 2
