"""Methods within the window that train nothing, against dense attention in float64; and what each says to wrong settings."""

import json
import math
import re

import pytest
import torch

from seal_eval.baselines import take_method
from seal_eval.core.errors import SealError
from seal_eval.core.files import MAP

from conftest import tiny_model
from dense_attention import caught, dense, projected
from method_cases import IDS, close, logits, method

N = IDS.shape[1]
APART = torch.arange(N)[:, None] - torch.arange(N)[None]  # from key (across) to query (down)
KEYS = torch.arange(N)[None]


def llama(seed=0):
    return tiny_model("llama", seed, rope_parameters={"rope_type": "default", "rope_theta": 1e4})


@pytest.mark.parametrize(
    ("own", "scale"),
    [
        ({"factor": 1.3}, lambda n: torch.full((N,), 1.3)),
        ({"factor": 0.43, "form": "log"}, lambda n: 0.43 * n.log()),
        ({"factor": (0.1 * math.log(4) + 1) ** 2}, lambda n: torch.full((N,), 1.2964761)),  # YaRN's for four times the window
    ],
)
def test_temperature(own, scale):
    model = llama()
    with method("temperature", **own).apply(model):
        hidden, out = caught(model)
    expected, _ = dense(model, hidden, scale=scale(torch.arange(1.0, N + 1).double()))
    assert torch.allclose(out, expected, atol=2e-5)


def test_temperature_and_logn_agree_beyond_the_window():
    """With factor 1 / ln(L), the logarithmic form is logn without its floor of 1: equal for queries from L on, and only there."""
    model = llama()
    with method("temperature", factor=1 / math.log(32), form="log").apply(model):
        hidden, mine = caught(model)
    with method("logn", original=32).apply(model):
        again, theirs = caught(model)
    assert torch.equal(hidden, again)
    assert torch.allclose(mine[:, 31:], theirs[:, 31:], atol=1e-5) and not torch.allclose(mine[:, :31], theirs[:, :31], atol=1e-3)


def test_temperature_is_a_common_factor_of_yarn():
    """YaRN without stretched frequencies (factor s, all channels kept) is the constant temperature (0.1 ln(s) + 1)^2."""
    model = llama()
    with method("yarn", factor=4.0, original=2**22).apply(model):  # so long a window that every channel turns often enough to be kept
        yarn = logits(model)
    with method("temperature", factor=(0.1 * math.log(4) + 1) ** 2).apply(model):
        assert close(logits(model), yarn)


@pytest.mark.parametrize(("own", "s", "w"), [({"shift": 30, "local": 5}, 30, 5), ({"shift": 30}, 30, 7), ({}, 32, 8)])
def test_string(own, s, w):
    model = tiny_model("llama", rope_parameters={"rope_type": "default", "rope_theta": 1e4}, max_position_embeddings=96)
    with method("string", **own).apply(model):
        hidden, out = caught(model)
    expected, _ = dense(model, hidden, torch.where(s <= APART, APART - s + w, APART)[None])
    assert torch.allclose(out, expected, atol=2e-5)
    assert torch.allclose(dense(model, hidden)[0][:, :s], out[:, :s], atol=2e-5)  # the first S queries see short distances only


def awareness(model, hidden):
    """Return the order of heads of the first layer: those with most weights above three times the mean first (ties: the lower head)."""
    q, k, _ = projected(model, hidden)
    found = []
    for h in range(len(q)):
        weights = (k[h] @ q[h, -1] / math.sqrt(q.shape[-1])).softmax(-1)
        found.append((-int((weights > 3 / len(weights)).sum()), h))
    return [h for _, h in sorted(found)]


@pytest.mark.parametrize(("least", "most"), [(1.2, 1.8), (1.0, 3.0)])
def test_ms_poe(least, most):
    model = llama(1)
    with method("ms_poe", least=least, most=most, skip=0).apply(model):
        hidden, out = caught(model)
    order = awareness(model, hidden)
    assert order != sorted(order)  # else the order would not be tested
    distance = torch.stack([APART / (least + (most - least) * order.index(h) / 3) for h in range(4)])
    expected, _ = dense(model, hidden, distance)
    assert torch.allclose(out, expected, atol=2e-5)


def test_ms_poe_keeps_the_prompts_order_for_the_reply():
    """Tokens read one by one behind a cache equal dense attention with the order of heads that the prompt decided."""
    model = llama()
    with torch.no_grad(), method("ms_poe", skip=0).apply(model):
        prompt, _ = caught(model, IDS[:, :60])
        cache = model(IDS[:, :60], use_cache=True).past_key_values
        outs = []
        handle = model.model.layers[0].self_attn.register_forward_hook(lambda m, a, k, out: outs.append(out[0]), with_kwargs=True)
        for t in range(60, N):
            model(IDS[:, t : t + 1], past_key_values=cache, use_cache=True)
        handle.remove()
        hidden, _ = caught(model)  # the first layer's input does not depend on attention
    order = awareness(model, prompt)
    assert order != awareness(model, hidden)
    expected, _ = dense(model, hidden, torch.stack([APART / (1.2 + 0.6 * order.index(h) / 3) for h in range(4)]))
    assert torch.allclose(torch.cat(outs, 1), expected[:, 60:], atol=2e-5)


def test_ms_poe_names_the_layers_that_it_could_change():
    """Of Qwen2's layers, the lower ones have full attention and the others a window."""
    model = tiny_model("qwen2", use_sliding_window=True, sliding_window=16, max_window_layers=2)
    with pytest.raises(SealError, match=r"no layer from 2 on has full attention .* set skip to 1 or less"), method("ms_poe").apply(model):
        pass
    with method("ms_poe", skip=1).apply(model):
        pass


def test_ms_poe_leaves_the_lowest_layers():
    model = llama()
    plain = [caught(model, layer=layer)[1] for layer in range(3)]
    with method("ms_poe").apply(model):
        mine = [caught(model, layer=layer)[1] for layer in range(3)]
    assert torch.equal(mine[0], plain[0]) and torch.equal(mine[1], plain[1]) and not torch.allclose(mine[2], plain[2], atol=1e-3)


def write_map(folder, **scores):
    folder.mkdir(exist_ok=True)
    (folder / MAP).write_text(json.dumps({"gradient": None, "pruned": None, "copy": None} | scores))
    return str(folder)


@pytest.mark.parametrize("sinks", [0, 5])
def test_duo(sinks, tmp_path):
    """The four highest copy scores over all layers see everything: 0.1, 1.2, 0.3, and the first of the equal ones, 0.0."""
    folder = write_map(tmp_path / "m", gradient=[[0.0] * 4] * 3, copy=[[0.1, 0.9, 0.0, 0.4], [0.1, 0.0, 0.8, 0.1], [0.1, 0.0, 0.0, 0.0]])
    model = llama()
    with method("duo", heads=folder, by="copy", share=4 / 12, sinks=sinks, recent=20).apply(model):
        found = [caught(model, layer=layer) for layer in range(3)]
    for layer, full in enumerate(([0, 1, 3], [2], [])):
        seen = ((APART < 20) | (sinks > KEYS)).repeat(4, 1, 1)
        seen[full] = True
        expected, _ = dense(model, found[layer][0], allowed=seen, layer=layer)
        assert torch.allclose(found[layer][1], expected, atol=2e-5)


def test_maps_that_do_not_fit(tmp_path):
    folder = write_map(tmp_path / "m", copy=[[0.1] * 4] * 2)
    other = re.escape("is for another model: it has (2, 4) layers and heads, the model (3, 4)")
    with pytest.raises(SealError, match=other), method("duo", heads=folder).apply(tiny_model()):
        pass
    same = write_map(tmp_path / "same", copy=[[0.0] * 4] * 3)
    for name in ("rule", "duo", "dysco"):
        with pytest.raises(SealError, match="all heads have the same score 'copy'"), method(name, heads=same).apply(tiny_model()):
            pass
    missing = "has no scores 'pruned', only copy; write one with seal-eval heads --by effect"
    with pytest.raises(SealError, match=missing), method("rule", heads=folder, by="pruned").apply(tiny_model()):
        pass


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "temperature"}, "method 'temperature' needs factor=…"),
        ({"method": "temperature", "factor": 0.0}, "factor is 0.0, must be a finite number above 0"),
        ({"method": "temperature", "factor": 1.0, "form": "sqrt"}, "form is 'sqrt', must be constant or log"),
        ({"method": "string", "shift": 8, "local": 9}, "local, 9, must not exceed shift, 8"),
        ({"method": "ms_poe", "least": 2.0}, "least, 2.0, must not exceed most, 1.8"),
        ({"method": "ms_poe", "least": 0.5}, "least is 0.5, must be a finite number of at least 1"),
        ({"method": "duo", "heads": "m", "share": 1.5}, "share is 1.5"),
        ({"method": "duo", "heads": "m", "recent": 0}, "recent is 0, must be a whole number of at least 1"),
        ({"method": "duo", "heads": "m", "by": "loss"}, "by is 'loss', must be"),
        ({"method": "string+temperature", "factor": 1.0}, "string and temperature both change the attention; use one of them"),
    ],
)
def test_wrong_settings(arguments, message):
    with pytest.raises(SealError, match=re.escape(message)):
        take_method(arguments)


def test_a_shift_beyond_the_window():
    model = tiny_model("llama", max_position_embeddings=64)
    beyond = "shift, 96, must lie between 1 and the window, 64"
    with pytest.raises(SealError, match=beyond), method("string", shift=96).apply(model):
        pass


@pytest.mark.parametrize(("kind", "own", "skip"), [("llama", {}, 3), ("exaone4", {"sliding_window": 16}, 0)])
def test_ms_poe_where_nothing_would_change(kind, own, skip):
    """EXAONE 4 rotates keys only in layers with a sliding window."""
    layers = {"layer_types": ["sliding_attention", "full_attention", "full_attention"]} if own else {}
    model = tiny_model(kind, **own, **layers)
    nothing = f"no layer from {skip} on has full attention with rotated keys"
    with pytest.raises(SealError, match=nothing), method("ms_poe", skip=skip).apply(model):
        pass


def test_ms_poe_refuses_what_hides_the_prompts_end():
    """A prompt read in two parts, a reply behind another prompt, and texts padded on the right: the order would be that of other tokens."""
    model, other = llama(), IDS.flip(1)
    with torch.no_grad(), method("ms_poe", skip=0).apply(model):
        first = model(IDS, use_cache=True).past_key_values
        expected = model(other[:, :1], past_key_values=first, use_cache=True).logits
        half = model(IDS[:, :40], use_cache=True).past_key_values
        with pytest.raises(SealError, match="read a prompt in one pass"):
            model(IDS[:, 40:], past_key_values=half)
        again = model(IDS, use_cache=True).past_key_values
        model(other, use_cache=True)
        with pytest.raises(SealError, match="before another is read"):
            model(other[:, :1], past_key_values=again)
        mask = torch.ones(2, N, dtype=torch.long)
        mask[1, 50:] = 0
        with pytest.raises(SealError, match="pad texts on the left"):
            model(IDS.expand(2, -1), attention_mask=mask)
        last = model(IDS, use_cache=True).past_key_values  # and after all that as before
        assert torch.equal(model(other[:, :1], past_key_values=last).logits, expected)
