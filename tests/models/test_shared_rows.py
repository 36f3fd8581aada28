"""Attention of several texts behind one beginning, against attention over the whole of each text."""

import pytest
import torch

from seal_eval.models import flash
from seal_eval.models.caches import probe
from seal_eval.models.shared_rows import in_two_parts

from conftest import tiny_model

SHARED, OWN = 37, 11


def _dense(query, key, value, mask, scaling):
    """Naive attention in float64. mask: [batch, 1, n_queries, n_keys]."""
    group = query.shape[1] // key.shape[1]
    query, key, value = query.double(), key.double().repeat_interleave(group, 1), value.double().repeat_interleave(group, 1)
    scores = (query @ key.transpose(-1, -2) * scaling).masked_fill(~mask, float("-inf"))
    return scores.softmax(-1) @ value


@pytest.mark.parametrize("n_queries", [1, OWN])
@pytest.mark.parametrize(("n_heads", "n_kv"), [(6, 2), (4, 4), (3, 1)])
@pytest.mark.parametrize("hidden", [0, 5])
def test_two_parts_are_one_attention(n_queries, n_heads, n_kv, hidden):
    """hidden: so many tokens at the beginning are not seen by the second text, as padding would not be."""
    torch.manual_seed(n_heads + n_queries)
    batch, width = 3, 16
    first_key, first_value = torch.randn(2, 1, n_kv, SHARED, width)
    key, value = torch.randn(2, batch, n_kv, OWN, width)
    query = torch.randn(batch, n_heads, n_queries, width)
    mask = torch.ones(n_queries, SHARED + OWN, dtype=torch.bool).tril(SHARED + OWN - n_queries).repeat(batch, 1, 1, 1)
    mask[1, :, :, :hidden] = False
    whole = [torch.cat([first.expand(batch, -1, -1, -1), own], 2) for first, own in ((first_key, key), (first_value, value))]
    expected = _dense(query, *whole, mask, 0.3)
    given = None if n_queries == 1 and not hidden else mask
    found = in_two_parts(query, key, value, first_key, first_value, given, 0.3)
    assert found.shape == expected.shape and float((found - expected).abs().max()) < 1e-5


def test_rows_without_a_key_in_one_part():
    """Texts that see nothing of the beginning attend to their own tokens alone."""
    torch.manual_seed(0)
    first_key, first_value = torch.randn(2, 1, 2, SHARED, 8)
    key, value, query = torch.randn(2, 2, 2, 8), torch.randn(2, 2, 2, 8), torch.randn(2, 4, 1, 8)
    mask = torch.ones(2, 1, 1, SHARED + 2, dtype=torch.bool)
    mask[..., :SHARED] = False
    found = in_two_parts(query, key, value, first_key, first_value, mask, 1.0)
    assert float((found - _dense(query, key, value, mask[..., SHARED:], 1.0)).abs().max()) < 1e-5


@pytest.mark.parametrize("kind", ["llama", "qwen3", "mistral", "gemma3_text", "gpt2"])
def test_which_models_share(kind):
    """GPT-2's sdpa has other kinds of attention beside it, but is sdpa too."""
    assert probe(tiny_model(kind)).once


def test_other_implementations_do_not_share():
    model = tiny_model()
    model.set_attn_implementation("eager")
    assert probe(model).in_rows and not probe(model).once


def test_a_wrong_part_is_noticed(monkeypatch):
    """The probe compares with a pass over the whole text, so a model whose attention means something else keeps its own."""
    monkeypatch.setattr(flash, "merged", lambda one, other: one)
    assert probe(tiny_model()).in_rows and not probe(tiny_model()).once
