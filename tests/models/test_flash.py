"""Attention over ranges of keys: rows that see no key, and tensors of several types."""

import pytest
import torch

from seal_eval.models.flash import OnlineSoftmax, merged, part


@pytest.fixture
def tensors():
    torch.manual_seed(0)
    return torch.randn(1, 2, 5, 8), torch.randn(1, 2, 7, 8), torch.randn(1, 2, 7, 8)


def test_ranges_in_which_rows_see_nothing(tensors):
    """Two ranges in a row in which some queries see no key, before one in which all do: the result is attention over the last alone."""
    query, key, value = tensors
    none = torch.zeros(5, 7, dtype=torch.bool)
    some = none.clone()
    some[3:] = True
    softmax = OnlineSoftmax()
    for allowed in (some, some, None):
        softmax.add(query, key, value, 0.3, allowed)
    alone, lse = part(query, key, value, 0.3, None)
    assert torch.allclose(softmax.out[:, :, :3], alone[:, :, :3], atol=1e-6) and softmax.out.isfinite().all()
    assert torch.allclose(softmax.out[:, :, 3:], alone[:, :, 3:], atol=1e-6)  # three times the same keys
    out, total = merged(*[part(query, key, value, 0.3, none[None, None])] * 2)
    assert out.eq(0).all() and total.isneginf().all() and lse.isfinite().all()


def test_what_is_not_finite_stays_so(tensors):
    """Of a model with damaged weights."""
    query, key, value = tensors
    broken = part(query, key, value * float("nan"), 0.3, None)
    assert merged(broken, part(query, key, value, 0.3, None))[0].isnan().all()


def test_keys_and_values_of_another_type(tensors):
    """Under autocast queries and keys are fp32 behind their rotation, and values are not."""
    query, key, value = tensors
    found, _ = part(query, key, value.bfloat16(), 0.3, None)
    assert torch.equal(found, part(query, key, value.bfloat16().float(), 0.3, None)[0])
