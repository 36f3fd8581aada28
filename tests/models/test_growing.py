"""The layer of a cache with spare room, where its rows were chosen, repeated or dropped by transformers' own functions."""

import pytest
import torch
from transformers.cache_utils import DynamicLayer

from seal_eval.models.growing import GrowingLayer


@pytest.mark.parametrize("change", [
    lambda layer: layer.reorder_cache(torch.tensor([2, 0, 0])), lambda layer: layer.batch_select_indices(torch.tensor([1])),
    lambda layer: layer.batch_repeat_interleave(2), lambda layer: layer.crop(-5), lambda layer: layer.reset(),
])  # fmt: skip
def test_rows_that_change_between_tokens(change):
    draw = torch.Generator().manual_seed(0)
    ours, theirs = GrowingLayer(), DynamicLayer()
    for step, n in enumerate((6, 1, 1, 1)):
        batch = 3 if step == 0 or not ours.get_seq_length() else ours.keys.shape[0]
        keys, values = (torch.randn(batch, 2, n, 4, generator=draw) for _ in range(2))
        found = ours.update(keys, values)
        assert all(torch.equal(a, b) for a, b in zip(found, theirs.update(keys, values), strict=True))
        if step == 1:
            change(ours)
            change(theirs)
