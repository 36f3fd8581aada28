"""A tuning run says whether it helped: right answers and loss before and after, and a warning where the loss did not fall."""

from dataclasses import replace

import pytest

from seal_eval.tuning import tune as tuning
from seal_eval.tuning.config import TuneSpec
from seal_eval.tuning.tune import forgetting_line, tune, validation_line

SPEC = TuneSpec(recipe="fixed", length=450, samples=1, validation=1)


@pytest.mark.parametrize("helps", [True, False])
def test_no_better_than_plain(tiny_folder, tmp_path, monkeypatch, capsys, helps):
    learn = tuning.learn

    def learned(*args):
        found = learn(*args)
        return replace(found, plain=replace(found.plain, loss=found.kept.loss + (0.5 if helps else 0.0)))

    monkeypatch.setattr(tuning, "learn", learned)
    card = tune(str(tiny_folder), SPEC, tmp_path / "out", progress=False)
    said = capsys.readouterr().err
    assert ("no_better_than_plain" in card) is not helps
    assert (f"warning: {tmp_path / 'out'} is no better than the model without it: {validation_line(card)}" in said) is not helps


def test_the_lines():
    point = {"accuracy": 0.25, "loss": 1.5}
    card = {"plain": point, "kept": point | {"accuracy": 0.5, "loss": 0.75}, "method": "seal", "trained_parameters": 192}
    assert validation_line(card) == "right answers to validation samples 25 % → 50 %, loss 1.5 → 0.75"
    card |= {"tuning_seconds": 1.0, "short_questions": 161, "short_accuracy_before": 0.0, "short_accuracy_after": 1.0}
    card |= {"prose_perplexity_before": 10.0, "prose_perplexity_after": 11.0, "prose_perplexity_ratio": 1.1}
    assert forgetting_line(card).startswith("192 scales tuned in 1 s; perplexity of prose 10.00 → 11.00 (+10.0 %)")
