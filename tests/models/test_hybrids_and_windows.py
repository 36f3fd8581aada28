"""Which layers and which window a method acts on: hybrids, windows as long as the model's, scaled rotary embeddings."""

import json
from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from seal_eval.baselines import method_of
from seal_eval.core.errors import SealError
from seal_eval.core.files import MAP
from seal_eval.harness.seal_lm import SealLM
from seal_eval.models.attention import check_attends_fully, padding, slides
from seal_eval.models.layer_windows import check_reach, covers_all
from seal_eval.models.modules import attention_layers
from seal_eval.models.rope import following_length, rotary_modules, trained_window
from seal_eval.models.selftest import check_method, full_attentions
from seal_eval.models.window import window_in

from conftest import tiny_model

IDS = torch.arange(2, 92)[None] * 7 % 900
LLAMA3 = {
    "rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 256,
}  # fmt: skip


@torch.no_grad()
def logits(model):
    return model(IDS).logits


def heads(folder, rows):
    (folder / MAP).write_text(json.dumps({"copy": rows}))
    return folder


@pytest.mark.parametrize("name", ["self_extend", "streaming", "dual_chunk", "string"])
def test_one_window_for_what_is_done_and_what_is_said(name):
    """Llama 3.1 names the length before its scaling, too; the defaults follow the window that the results record."""
    model = tiny_model(rope_parameters=LLAMA3)
    assert trained_window(model, 0) == window_in(model.config) == 2048
    method = method_of(name)
    settings = ",".join(f"{key}={value}" for key, value in method.resolved(2048).items() if value)
    with method.apply(model):
        default = logits(model)
    with method_of(f"{name},{settings}").apply(model):
        assert torch.equal(logits(model), default)


def test_logn_leaves_the_window_alone():
    model = tiny_model(rope_parameters=LLAMA3 | {"original_max_position_embeddings": 32})
    plain = logits(model)
    with method_of("logn").apply(model):
        assert torch.equal(logits(model), plain)


@pytest.mark.parametrize("name", ["duo", "dysco"])
def test_a_map_has_rows_for_layers_with_attention(tmp_path, name):
    """Row 0 of a hybrid's map is its first layer with attention, here layer 1: the same heads of both kinds of names change the same."""
    model = tiny_model("lfm2", layer_types=["conv", "full_attention", "full_attention"])
    assert attention_layers(model) == [1, 2]
    plain, found = logits(model), []
    settings = {"duo": "share=0.5,sinks=2,recent=8", "dysco": "top=4,strength=8"}[name]
    for number, rows in enumerate(([[0.9] * 4, [0.0] * 4], [[0.0] * 4, [0.9] * 4])):
        place = tmp_path / str(number)
        place.mkdir()
        with method_of(f"{name},heads={heads(place, rows)},{settings}").apply(model):
            found.append(logits(model))
        assert not torch.equal(found[-1], plain)
    assert not torch.equal(*found)


def test_duo_by_hand_on_a_hybrid(tmp_path):
    """All heads of layer 1 retrieve and those of layer 2 stream: cutting the keys of layer 2 by hand gives the same."""
    model = tiny_model("lfm2", layer_types=["conv", "full_attention", "full_attention"])
    chosen = heads(tmp_path, [[0.9] * 4, [0.0] * 4])
    with method_of(f"duo,heads={chosen},share=0.5,sinks=0,recent=8").apply(model):
        found = logits(model)
    from seal_eval.models.attention import attention_function, plain_attention

    def attend(module, query, key, value, mask, **kwargs):
        n = query.shape[2]
        near = torch.ones(n, n, dtype=torch.bool).tril() & ~torch.ones(n, n, dtype=torch.bool).tril(-8)
        return plain_attention(module, query, key, value, near[None, None] if module.layer_idx == 2 else mask, **kwargs), None

    with attention_function(model, attend):
        assert torch.allclose(logits(model), found, atol=3e-5 * float(found.abs().max()))


@pytest.mark.parametrize(("window", "full"), [(4096, True), (2048, True), (64, False)])
def test_a_window_as_long_as_the_models_hides_nothing(window, full):
    """Phi-3.5-mini: sliding_window 262,144, max_position_embeddings 131,072."""
    model = tiny_model("phi3", sliding_window=window)
    assert covers_all(model.config) is full and len(full_attentions(model)) == (3 if full else 0)
    assert slides(model.model.layers[0].self_attn, {"sliding_window": window}) is not full
    if full:
        check_attends_fully(model)
        with method_of("self_extend,group=4,neighbours=16").apply(model):
            changed = logits(model)
        assert not torch.equal(changed, logits(model))
    else:
        with pytest.raises(SealError, match="every layer attends within a window of 64 tokens"):
            check_attends_fully(model)


@pytest.mark.parametrize("kind", ["mistral", "phi3"])
@pytest.mark.parametrize(
    "on", ["linear,factor=4", "yarn,factor=4", "self_extend,group=4,neighbours=16", "yarn+temperature,yarn.factor=4,temperature.factor=2"]
)
def test_no_extension_beyond_the_window_of_the_layers(kind, on):
    """Their last token would see nothing of the beginning; within the window, and with a longer or no window of the layers, all is well."""
    name, given = on.partition(",")[0], method_of(on)
    model = tiny_model(kind, max_position_embeddings=64, sliding_window=64)
    with pytest.raises(SealError, match=r"every layer attends to the last 64 alone.*set max_length=64"):
        check_method(name, given, model)
    check_method(name, given, model, 64)
    for window in (None, 256):
        check_method(name, given, tiny_model(kind, max_position_embeddings=64, sliding_window=window))


@pytest.mark.parametrize("name", ["streaming", "string", "logn"])
def test_texts_beyond_the_window_of_the_layers(name):
    """These read texts of any length, so what counts is the longest text of the run."""
    model = tiny_model("mistral", max_position_embeddings=64, sliding_window=64)
    check_method(name, method_of(name), model)
    with pytest.raises(SealError, match=r"texts of up to 65 tokens .* every layer attends to the last 64 alone"):
        check_reach(name, method_of(name), model, 65)
    check_reach("plain", method_of("plain"), model, 65)


def test_a_window_that_the_kind_of_model_does_not_use():
    model = tiny_model("llama", max_position_embeddings=64, sliding_window=64)
    check_reach("linear", method_of("linear,factor=4"), model)


def test_the_engine_refuses_what_its_layers_do_not_see(tmp_path, tokenizer):
    tiny_model("mistral", max_position_embeddings=64, sliding_window=64).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    for own in ({"method": "linear", "factor": 4}, {"method": "streaming", "max_length": 200}, {"method": "yarn", "selftest": False}):
        with pytest.raises(SealError, match="every layer attends to the last 64 alone"):
            SealLM(str(tmp_path), device="cpu", **own)
    assert SealLM(str(tmp_path), device="cpu", method="linear", factor=4, max_length=64).max_length == 64


def test_keys_outside_a_window_are_no_padding():
    n, w = 8, 3
    causal = torch.ones(n, n, dtype=torch.bool).tril()
    sliding = causal & ~causal.tril(-w)
    left = sliding.clone()
    left[:, :2] = False
    assert padding(torch.zeros(2, 1, n, 4), torch.stack([sliding, left])[:, None]).tolist() == [0, 2]


def test_layers_that_slide_stay_as_they_are_where_others_see_further():
    """Also layers whose window is the model's own: of longer texts they see the last tokens alone."""
    kinds = ["sliding_attention", "full_attention", "sliding_attention"]
    config = SimpleNamespace(layer_types=kinds, sliding_window=64, max_position_embeddings=64)
    assert [slides(SimpleNamespace(config=config, layer_idx=i), {}) for i in range(3)] == [True, False, True]


@pytest.mark.parametrize("first", [40, 64, 70])
@pytest.mark.parametrize("name", ["self_extend,group=4,neighbours=16", "streaming,recent=16", "temperature,factor=0.5"])
def test_a_text_beyond_a_window_is_read_alike_in_parts(name, first):
    """Its beginning, within the window or not, 10 tokens, then one by one behind a cache that keeps a window's keys: as in one pass."""
    model = tiny_model("ministral", layer_types=["sliding_attention", "full_attention", "sliding_attention"], sliding_window=64,
                       max_position_embeddings=64, head_dim=16)  # fmt: skip
    assert covers_all(model.config)
    ends = [first, first + 10, *range(first + 11, 91)]
    with torch.no_grad(), method_of(name).apply(model):
        whole = logits(model)[:, first:]
        cache = model(IDS[:, :first], use_cache=True).past_key_values
        parts = [model(IDS[:, a:b], past_key_values=cache).logits for a, b in pairwise(ends)]
    assert (torch.cat(parts, 1) - whole).abs().max() < 1e-4 * whole.abs().max()


def test_kinds_of_layers_that_slide():
    config = SimpleNamespace(layer_types=["hybrid_sliding", "full_attention"], sliding_window=64, max_position_embeddings=2048)
    assert [slides(SimpleNamespace(config=config, layer_idx=i), {}) for i in (0, 1)] == [True, False]


class Tower(nn.Module):
    """A part with a rotary embedding of its own, as the vision tower of Gemma 4."""

    def __init__(self):
        super().__init__()
        self.config = SimpleNamespace(rope_parameters={"rope_type": "dynamic"})
        self.register_buffer("inv_freq", torch.ones(8))


def test_rotary_embeddings_of_other_towers_are_left_alone():
    model = tiny_model()
    model.vision_tower = Tower()  # a multimodal wrapper registers it next to its text decoder
    model._modules = {"vision_tower": model._modules.pop("vision_tower"), **model._modules}
    assert [type(module).__name__ for _, _, module in rotary_modules(model)] == ["LlamaRotaryEmbedding"] and following_length(model) == []
    plain = logits(model)
    with method_of("self_extend,group=4,neighbours=16").apply(model):
        assert not torch.equal(logits(model), plain)
