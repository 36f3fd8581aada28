"""Models whose attention is not that of all tokens to all before: chosen keys, chunks, layers that read the last tokens alone."""

import pytest
import torch
from transformers import AutoModelForCausalLM

from seal_eval.baselines import method_of
from seal_eval.core.errors import SealError
from seal_eval.models.attention import slides
from seal_eval.models.caches import keep_logits
from seal_eval.models.selftest import check_method, full_attentions
from seal_eval.tuning.copy_scores import largest_weights

from architecture_kinds import small_config

IDS = torch.randint(2, 1000, (1, 200), generator=torch.Generator().manual_seed(0))


def small(kind, **settings):
    config = small_config(kind)
    for key, value in settings.items():
        setattr(config, key, value)
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config).eval()


@pytest.mark.parametrize("keep", [1, 8])
def test_layers_that_share_keys_and_read_the_last_tokens_alone(keep):
    """Gemma 4 E2B and E4B."""
    model = small("gemma4_text", num_kv_shared_layers=2)
    with torch.no_grad(), method_of("temperature,factor=1.5").apply(model):
        whole = model(IDS, use_cache=False).logits[:, -keep:]
        last = model(IDS, use_cache=False, **keep_logits(model, keep)).logits
    assert last.shape[1] == keep and torch.allclose(last, whole, atol=1e-4)
    assert largest_weights(model, IDS[0].tolist(), [20, 199]).shape == (4, 4, 2)


def test_keys_that_the_model_chooses():
    model = small("deepseek_v32", index_topk=64)
    with pytest.raises(SealError, match=r"chooses the keys that its attention sees \(indices\)"), torch.no_grad():
        check_method("temperature", method_of("temperature,factor=1.5"), model)


def test_chunks_are_no_full_attention():
    model = small("llama4_text", attention_chunk_size=64)
    kinds = model.config.layer_types
    assert "chunked_attention" in kinds and len(full_attentions(model)) == kinds.count("full_attention")
    assert [slides(layer.self_attn, {}) for layer in model.model.layers] == [kind == "chunked_attention" for kind in kinds]
    with pytest.raises(SealError, match=r"nothing would be extended|changes nothing in layers with full attention"):
        check_method("linear", method_of("linear,factor=4"), model)
