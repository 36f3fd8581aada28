"""Damaged weights of any type that torch has, also of those for which it does not know what is finite."""

import pytest
import torch

from seal_eval.core.errors import SealError
from seal_eval.models.loading import check_finite

FLOATS = [t for name in dir(torch) if name.startswith("float8") and isinstance(t := getattr(torch, name), torch.dtype)]


def model(*values):
    inner = torch.nn.Module()
    for i, value in enumerate(values):
        inner.register_parameter(f"w{i}", torch.nn.Parameter(value, requires_grad=False))
    return inner


@pytest.mark.parametrize("dtype", [*FLOATS, torch.bfloat16], ids=str)
def test_damaged_weights(dtype):
    good, bad = torch.tensor([[1.0, 2.0]]).to(dtype), torch.tensor([[1.0, float("nan")]]).to(dtype)
    check_finite(model(good, torch.ones(2)), "m")
    with pytest.raises(SealError, match=r"model 'm': the values of w1 are not finite; the checkpoint is damaged"):
        check_finite(model(good, bad), "m")


def test_packed_weights_are_not_asked():
    if not hasattr(torch, "float4_e2m1fn_x2"):
        pytest.skip("this torch has no packed type")
    check_finite(model(torch.zeros(4, dtype=torch.uint8).view(torch.float4_e2m1fn_x2)), "m")
