"""Which candidate a tuning run keeps; validation by hand; short questions and perplexity."""

import pytest
import torch

from seal_eval.prompts.prompt import PromptFormat
from seal_eval.tasks import get_task
from seal_eval.tuning import forgetting as cost
from seal_eval.tuning.forgetting import perplexity, short_questions_right
from seal_eval.tuning.loop import stopped_improving, validates
from seal_eval.tuning.losses import answer_loss, prose_pieces
from seal_eval.tuning.parameters import Gains
from seal_eval.tuning.selection import INTERPOLATIONS, Candidate, Validator, between, choose
from seal_eval.tuning.short_questions import questions

from conftest import tiny_model


class Straight:
    """Stands for trained parameters and their validator: one parameter x, loss 5 − x, perplexity ratio 1 + (x / 10) ** power."""

    power = 1

    def load(self, state):
        self.x = state["x"].item()

    def validator(self, _, step, interpolation=1.0):
        return Candidate(step, interpolation, 5 - self.x, self.x / 5, 0.0, 1 + (self.x / 10) ** self.power)


def chosen(xs, limit):
    line = Straight()
    candidates = []
    for step, x in enumerate(xs, 1):
        line.load({"x": torch.tensor(x)})
        candidates.append((line.validator(line, step), {"x": torch.tensor(x)}))
    kept, state, points = choose(line.validator, line, {"x": torch.tensor(0.0)}, candidates, limit)
    assert line.x == state["x"].item()  # the kept parameters are loaded
    return kept, state["x"].item(), len(points)


def test_the_best_that_fits_is_kept():
    assert chosen([1.0, 2.0, 1.5], limit=0.3) == (Candidate(2, 1.0, 3.0, 0.4, 0.0, 1.2), 2.0, 3)


@pytest.mark.parametrize("power", [0.5, 1, 2, 3])
@pytest.mark.parametrize("limit", [0.01, 0.05, 0.2, 0.25, 0.3, 0.39])
def test_part_of_the_way_when_the_whole_costs_too_much(monkeypatch, power, limit):
    """The largest part within the limit is kept, however the perplexity rises; where it rises with the square, two points show it."""
    monkeypatch.setattr(Straight, "power", power)
    kept, x, n = chosen([0.5, 4.0], limit)
    fits = [s for s in (1.0, *INTERPOLATIONS) if (4.0 * s / 10) ** power <= limit]
    if fits and fits[0] > 0.125:  # else the first step's candidate, x = 0.5, is better
        assert (kept.step, kept.interpolation, x) == (2, fits[0], pytest.approx(4.0 * fits[0]))
    assert n <= 2 + (2 if power == 2 else len(INTERPOLATIONS))


def test_an_earlier_step_that_fits_better():
    assert chosen([2.4, 9.0], limit=0.25)[:2][0].step == 1


def test_nothing_fits():
    kept, x, _ = chosen([40.0], limit=0.01)
    assert (kept.interpolation, x) == (INTERPOLATIONS[-1], pytest.approx(40 * INTERPOLATIONS[-1]))


def test_between():
    start, end = {"a": torch.tensor([0.0, 2.0])}, {"a": torch.tensor([1.0, 0.0])}
    assert between(start, end, 0.25)["a"].tolist() == [0.25, 1.5]


@pytest.mark.parametrize(
    ("losses", "over"), [([0.5, 0.3, 0.2], False), ([0.5, 0.499, 0.495], True), ([0.5, 0.499, 0.2], False), ([1, 1], False)]
)
def test_settled(losses, over):
    points = [(Candidate(i, 1.0, loss, 0.0, 0.0, 1.0), {}) for i, loss in enumerate(losses)]
    assert stopped_improving(points, Candidate(0, 0.0, 1.0, 0.0, 0.0, 1.0)) == over


def test_points_by_hand(tokenizer):
    """Loss, KL and perplexity ratio equal those computed with the full softmax."""
    model, prompt_format = tiny_model("llama"), PromptFormat(tokenizer)
    samples = get_task("seal_lines").build(prompt_format, 450, 2, 0, split="tune")
    gains = Gains(model, per_head=True)
    validator = Validator(model, prompt_format, [samples], seed=0)
    with torch.no_grad():
        for delta in gains.delta:
            delta += 0.4
        point = validator(gains, 7)
        kl, rise, n = [], 0.0, 0
        for ids in prose_pieces(tokenizer, len(validator.prose), 256, 0, validation=True):
            p = model(ids[None]).logits[0].double().log_softmax(-1)
            with gains.on():
                q = model(ids[None]).logits[0].double().log_softmax(-1)
            kl.append((p.exp() * (p - q)).sum(-1)[3:-1:4].mean().item())
            rise += sum((p - q)[i, t].item() for i, t in enumerate(ids[1:].tolist()))
            n += len(ids) - 1
        with gains.on():
            losses = [answer_loss(model, prompt_format, s).item() for s in samples]
    assert point.kl == pytest.approx(sum(kl) / len(kl), rel=1e-3)
    assert point.perplexity_ratio == pytest.approx(torch.tensor(rise / n).exp().item(), rel=1e-3)
    assert point.loss == pytest.approx(sum(losses) / 2, rel=1e-5) and validator.plain.loss != point.loss
    assert (point.step, point.interpolation, validator.plain.kl, validator.plain.perplexity_ratio) == (7, 1.0, 0.0, 1.0)


def test_accuracy_is_greedy_generation(tokenizer, monkeypatch):
    """Short questions count as right if their answer is what the model generates, else as wrong."""
    model = tiny_model("llama")
    asked, expected = [], []
    for i, (question, answer) in enumerate(questions()[::9]):
        ids = tokenizer(question, return_tensors="pt")["input_ids"]
        generated = model.generate(ids, max_new_tokens=3, do_sample=False)[0]
        said = tokenizer.decode(generated[ids.shape[1] :])
        own = i % 2 and tokenizer(question + said)["input_ids"] == generated.tolist()
        asked.append((question, said if own else answer))
        expected.append(bool(own))
    monkeypatch.setattr(cost, "questions", lambda: asked)
    assert short_questions_right(model, tokenizer) == expected and sum(expected) > 3


def test_questions_are_distinct_and_whole():
    asked = questions()
    assert len({q for q, _ in asked}) == len(asked) > 150
    assert all("{" not in q and "_" not in q and a.strip() for q, a in asked)


def test_perplexity_of_a_uniform_model(tokenizer):
    model = tiny_model("llama")
    with torch.no_grad():
        model.lm_head.weight.zero_()  # every token equally likely
    assert perplexity(model, tokenizer, n_documents=2, n_tokens=50) == pytest.approx(1000, rel=1e-4)


def test_perplexity_within_a_short_window(tokenizer):
    """A model reads no more prose than fits its window."""
    model = tiny_model("llama")
    whole, short = (perplexity(model, tokenizer, n_documents=2, n_tokens=n) for n in (50, 30))
    model.config.max_position_embeddings = 30
    assert perplexity(model, tokenizer, n_documents=2, n_tokens=50) == short != whole


@pytest.mark.parametrize(
    ("n_steps", "steps"), [(3, [3]), (10, [10]), (12, [12]), (13, [10, 13]), (24, [10, 20, 24]), (50, [10, 20, 30, 40, 50])]
)
def test_when_tuning_validates(n_steps, steps):
    """Every ten steps and after the last one, but not when one or two are left."""
    assert [step for step in range(1, n_steps + 1) if validates(step, n_steps)] == steps
