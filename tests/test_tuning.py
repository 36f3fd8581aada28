"""Learning: it learns, it repeats, it leaves the model alone, it measures what it costs."""

import math

import pytest
import torch

from seal_eval.adapters import load_scales, scaled
from seal_eval.cost import perplexity
from seal_eval.errors import SealError
from seal_eval.files import new_folder, read_json
from seal_eval.prompts import Frame
from seal_eval.tasks import get_task
from seal_eval.tuning import Gains, TuneSpec, answer_loss, learn, prose_kl, prose_pieces, tune

from conftest import tiny_model

SPEC = TuneSpec(length=400, samples=12, lr=0.1, kl=0.0)


@pytest.mark.parametrize(("granularity", "per_layer"), [("head", 4), ("channel", 64)])
def test_learns_and_leaves_the_model_alone(tokenizer, granularity, per_layer):
    model = tiny_model("llama")
    before = {n: p.clone() for n, p in model.named_parameters()}
    spec = TuneSpec(**{**vars(SPEC), "granularity": granularity})
    learned = learn(model, tokenizer, spec)
    scales, log = learned.scales, learned.log
    assert learned.n_parameters == 3 * per_layer
    assert all(torch.equal(p, before[n]) and p.requires_grad and p.grad is None for n, p in model.named_parameters())
    assert all(len(s.unique()) <= per_layer for s in scales.values())
    samples = get_task("seal_lines").build(Frame(tokenizer), 400, 12, 0, part="tune")
    with torch.no_grad():
        plain = sum(answer_loss(model, tokenizer, s).item() for s in samples)
        with scaled(model, scales):
            tuned = sum(answer_loss(model, tokenizer, s).item() for s in samples)
    assert tuned < plain
    assert len(log) == 12 and all(math.isfinite(step["loss"]) for step in log)
    again = learn(model, tokenizer, spec).scales
    assert all(torch.equal(again[n], scales[n]) for n in scales)


def test_answer_loss_is_the_mean_over_the_answer(tokenizer):
    """Against full logits and a loop."""
    model = tiny_model("llama")
    sample = get_task("seal_lines").build(Frame(tokenizer), 400, 1, 0, part="tune")[0]
    prompt = tokenizer(sample.input + sample.prefix)["input_ids"]
    answer = tokenizer(sample.answer)["input_ids"]
    with torch.no_grad():
        log_p = model(torch.tensor([prompt + answer])).logits[0].log_softmax(-1)
    by_hand = -sum(log_p[len(prompt) - 1 + i, t] for i, t in enumerate(answer)) / len(answer)
    assert answer_loss(model, tokenizer, sample).item() == pytest.approx(by_hand.item(), rel=1e-4)


def test_kl_by_hand(tokenizer):
    model = tiny_model("llama")
    gains = Gains(model, "head")
    (piece,) = prose_pieces(tokenizer, 1, 64, 0)
    assert len(piece) == 64
    assert prose_kl(model, gains, piece).item() == pytest.approx(0, abs=1e-6)
    with torch.no_grad():
        gains.delta[1][2] = 0.7
        p = model(piece[None]).logits[0].softmax(-1)
        with scaled(model, gains.scales()):
            q = model(piece[None]).logits[0].softmax(-1)
        by_hand = (p * (p / q).log()).sum(-1)[3::4].mean()
    assert prose_kl(model, gains, piece).item() == pytest.approx(by_hand.item(), rel=1e-3)


def test_kl_term_holds_the_model(tokenizer):
    model = tiny_model("llama")
    pieces = prose_pieces(tokenizer, 4, 128, 7)

    def drift(kl):
        scales = learn(model, tokenizer, TuneSpec(length=400, samples=12, lr=0.05, kl=kl)).scales
        gains = Gains(model, "channel")
        with torch.no_grad():
            for delta, scale in zip(gains.delta, scales.values(), strict=True):
                delta.copy_(scale - 1)
            return sum(prose_kl(model, gains, p).item() for p in pieces)

    assert drift(10.0) < 0.7 * drift(0.0)


def test_tune_writes_adapter_and_card(tiny_folder, tmp_path):
    card = tune(str(tiny_folder), TuneSpec(length=400, samples=3, granularity="head"), tmp_path / "a", progress=False)
    assert card == read_json(tmp_path / "a" / "seal_eval.json")
    assert card["trained_parameters"] == 3 * 4
    assert card["prose_perplexity_ratio"] == pytest.approx(card["prose_perplexity_after"] / card["prose_perplexity_before"])
    assert len(load_scales(str(tmp_path / "a"), tiny_model("llama"))) == 3
    with pytest.raises(SealError, match="already exists"):
        tune(str(tiny_folder), SPEC, tmp_path / "a")
    with new_folder(tmp_path / "b"), pytest.raises(SealError, match=r"another process is writing to .*b;"):
        tune(str(tiny_folder), SPEC, tmp_path / "b")  # refused before it learns
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]


def test_perplexity_of_a_uniform_model(tokenizer):
    model = tiny_model("llama")
    with torch.no_grad():
        model.lm_head.weight.zero_()  # every token equally likely
    assert perplexity(model, tokenizer, n_documents=2, n_tokens=50) == pytest.approx(1000, rel=1e-4)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"granularity": "layer"}, "granularity 'layer' is not known"), ({"lr": 0.0}, "lr is 0.0"), ({"lr": math.nan}, "lr is nan"),
        ({"kl": -1.0}, "kl is -1.0"), ({"samples": 0}, "samples is 0"), ({"length": -5}, "length is -5"),
    ],
)  # fmt: skip
def test_bad_settings(setting, message):
    with pytest.raises(SealError, match=message):
        TuneSpec(**setting)


def test_divergence_is_an_error(tokenizer):
    model = tiny_model("llama")
    with torch.no_grad():
        model.lm_head.weight[5, 5] = torch.nan
    with pytest.raises(SealError, match=r"tuning diverged at step 1 of 8 .* lower --lr from 0\.02"):
        learn(model, tokenizer, TuneSpec(length=400, samples=8, kl=0.0))
