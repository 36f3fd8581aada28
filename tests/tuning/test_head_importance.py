"""Effects of removing heads, compared with removing each by hand, and the rule method that uses them."""

import json

import pytest
import torch

from seal_eval.baselines import take_method
from seal_eval.core.errors import SealError
from seal_eval.core.files import MAP
from seal_eval.models.adapters import scaled
from seal_eval.models.modules import head_projections, in_features
from seal_eval.tasks import get_task
from seal_eval.tuning import head_importance
from seal_eval.tuning.head_importance import agreement, by_gradient, by_pruning
from seal_eval.tuning.losses import answer_loss

from conftest import seal_eval, tiny_model

KINDS = ("llama", "qwen3", "gemma2", "gpt_neox", "phi", "gpt2")


@pytest.fixture(scope="module")
def samples(prompt_format):
    return get_task("seal_lines").build(prompt_format, 500, 2, 0, split="tune")


@torch.no_grad()
def with_heads(model, prompt_format, samples, values):
    """Return the mean loss when each head (layer, head) of `values` is multiplied by its value."""
    scales = {name: torch.ones(in_features(m)) for name, m in head_projections(model)}
    for (layer, head), value in values.items():
        name, m = head_projections(model)[layer]
        width = in_features(m) // 4
        scales[name][head * width : (head + 1) * width] = value
    with scaled(model, scales):
        return sum(float(answer_loss(model, prompt_format, s)) for s in samples) / len(samples)


@pytest.mark.parametrize("kind", KINDS)
def test_pruning_by_hand(kind, prompt_format, samples):
    model = tiny_model(kind)
    plain = with_heads(model, prompt_format, samples, {})
    pruned = by_pruning(model, prompt_format, samples)
    assert pruned.shape == (3, 4) and float(pruned.abs().min()) > 0
    for layer in range(3):
        for head in range(4):
            assert float(pruned[layer, head]) == pytest.approx(
                with_heads(model, prompt_format, samples, {(layer, head): 0.0}) - plain, abs=1e-4
            )
    assert with_heads(model, prompt_format, samples, {}) == plain  # the model is unchanged


def test_a_lack_of_memory_is_no_property_of_the_model(prompt_format, samples, monkeypatch):
    def lacks(model, form, sample, copies=0):
        if copies > 2:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
        return answer_loss(model, form, sample, copies)

    monkeypatch.setattr(head_importance, "answer_loss", lacks)
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        by_pruning(tiny_model(), prompt_format, samples[:1])


def test_gradient_by_differences(prompt_format, samples):
    model = tiny_model()
    gradient = by_gradient(model, prompt_format, samples)
    for layer, head in ((0, 0), (1, 2), (2, 3)):
        up, down = (with_heads(model, prompt_format, samples, {(layer, head): 1 + e}) for e in (0.01, -0.01))
        assert float(gradient[layer, head]) == pytest.approx(-(up - down) / 0.02, abs=2e-3)
    assert all(p.requires_grad for p in model.parameters())


def test_agreement():
    a, b = torch.tensor([[1.0, -2.0], [3.0, 4.0]]), torch.tensor([[1.0, -1.0], [-2.0, 9.0]])
    found = agreement(a, b)  # ranks 2 1 3 4 against 3 2 1 4: 1 - 6 (1 + 1 + 4 + 0) / 60
    assert found == {"spearman": pytest.approx(0.4), "sign_agreement": 0.75}


def test_command_and_rule(tmp_path, tiny_folder):
    done = seal_eval("heads", "--model", tiny_folder, "--out", tmp_path / "map", "--length", 500, "--samples", 2)
    assert "3 layers of 4 heads" in done.stdout and "Spearman" in done.stdout
    found = json.loads((tmp_path / "map" / MAP).read_text())
    assert len(found["pruned"]) == 3 and (tmp_path / "map" / "heads-dark.svg").read_text().startswith("<?xml")
    model = tiny_model()
    ids = torch.arange(2, 60)[None]
    plain = model(ids).logits
    with take_method({"method": "rule", "heads": str(tmp_path / "map"), "up": 1.0, "down": 1.0})[1].apply(model):
        assert torch.equal(model(ids).logits, plain)
    effect = torch.tensor(found["pruned"])
    scales = {
        name: torch.where(row > 0, 1.1, 0.9).repeat_interleave(in_features(m) // 4)
        for (name, m), row in zip(head_projections(model), effect, strict=True)
    }
    with scaled(model, scales):
        by_hand = model(ids).logits
    with take_method({"method": "rule", "heads": str(tmp_path / "map")})[1].apply(model):
        assert torch.equal(model(ids).logits, by_hand)
    with take_method({"method": "rule", "heads": str(tmp_path / "map"), "top": 1, "down": 1.0, "up": 0.0})[1].apply(model):
        one = model(ids).logits
    best = divmod(int(effect.flatten().argmax()), 4)
    name = head_projections(model)[best[0]][0]
    scales = {n: torch.ones(in_features(p)) for n, p in head_projections(model)}
    scales[name][best[1] * 16 : best[1] * 16 + 16] = 0
    with scaled(model, scales):
        assert torch.equal(model(ids).logits, one)


def test_bad_maps(tmp_path, tiny_folder):
    def applied(**own):
        with take_method({"method": "rule", **own})[1].apply(tiny_model()):
            pass

    with pytest.raises(SealError, match=r"has no heads\.json; write one with seal-eval heads"):
        applied(heads=str(tmp_path))
    (tmp_path / MAP).write_text(json.dumps({"gradient": [[1.0]]}))
    with pytest.raises(SealError, match="is for another model"):
        applied(heads=str(tmp_path))
    for text, message in (("[]", "must hold a JSON object"), ('{"gradient": null}', "no 'pruned', 'gradient' or 'copy' scores in it")):
        (tmp_path / MAP).write_text(text)
        with pytest.raises(SealError, match=message):
            applied(heads=str(tmp_path))
    with pytest.raises(SealError, match="up is -1"):
        applied(heads=str(tmp_path), up=-1)
    done = seal_eval("heads", "--model", tiny_folder, "--out", tmp_path / "m", "--samples", 0, code=1)
    assert "samples is 0" in done.stderr


def test_equal_effects_have_no_ranks():
    """One head, or the same effect of all, gives no correlation, in place of NaN, which JSON has no word for."""
    one, equal, other = torch.tensor([[0.5]]), torch.zeros(2, 2), torch.arange(4.0).reshape(2, 2)
    assert agreement(one, one) == {"spearman": None, "sign_agreement": 1.0}
    assert agreement(equal, other)["spearman"] is None and agreement(other, equal)["spearman"] is None
    assert agreement(other, other)["spearman"] == pytest.approx(1)
