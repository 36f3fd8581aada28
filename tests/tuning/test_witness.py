"""Real effects in seconds, on two small models of tests/witness/train.py: which methods fail or recover, and what SEAL adds."""

from functools import cache
from pathlib import Path

import pytest

from seal_eval.baselines import method_of
from seal_eval.models.loading import load_model
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.stats import mcnemar
from seal_eval.tasks import get_task
from seal_eval.tuning.config import TuneSpec
from seal_eval.tuning.loop import learn
from seal_eval.tuning.losses import answered
from seal_eval.tuning.parameters import trainable

FOLDER = Path(__file__).parents[1] / "witness"
WITHIN, BEYOND, N = 256, 1024, 100  # tokens, tokens, samples
ON = "self_extend,group=8"


@cache
def witness(name):
    model, tokenizer = load_model(str(FOLDER / name), "float32")
    return model, PromptFormat(tokenizer)


@cache
def right(length, method="", name="reader"):
    """Return for each of N samples whether the model answers it."""
    model, prompt_format = witness(name)
    with method_of(method).apply(model):
        return verdicts(model, prompt_format, length)


def verdicts(model, prompt_format, length):
    return [answered(model, prompt_format, sample)[1] for sample in get_task("seal_lines").build(prompt_format, length, N, 0)]


def better(a, b):
    """Return McNemar's mid-p if a has more right answers than b, else 1."""
    only_a, only_b = (sum(x and not y for x, y in zip(*pair, strict=True)) for pair in ((a, b), (b, a)))
    return mcnemar(0, only_a, only_b, N - only_a - only_b).p_midp if only_a > only_b else 1.0


def test_plain_reads_its_window_and_no_further():
    assert sum(right(WITHIN)) > 0.75 * N
    assert sum(right(BEYOND)) < 0.15 * N


@pytest.mark.parametrize("method", ["self_extend,group=8", "self_extend,group=16", "dual_chunk"])
def test_extension_recovers(method):
    assert better(right(BEYOND, method), right(BEYOND)) < 0.01
    assert sum(right(WITHIN, method)) > 0.6 * N


@pytest.mark.parametrize("method", ["streaming,recent=200", "linear,factor=4"])
def test_what_cannot_retrieve_does_not(method):
    """Tokens between the sinks and the recent ones are not seen; interpolated positions blur the heads that look back a few tokens."""
    assert sum(right(BEYOND, method)) < 0.3 * N


def test_seal_on_top_recovers_more():
    """In the model with habits, Self-Extend alone recovers some answers, and SEAL's scales on top recover more."""
    plain, extended = right(BEYOND, name="habits"), right(BEYOND, ON, "habits")
    assert better(extended, plain) < 0.05
    assert better(tuned(), extended) < 0.05


def tuned():
    """Return for each of N samples whether the model with habits answers it with ON and scales tuned on ON."""
    model, prompt_format = witness("habits")
    spec = TuneSpec(length=BEYOND, kl=0.0, cost_limit=1e9, on=ON)  # no KL on prose: the vocabulary lacks its words
    with method_of(ON).apply(model), trainable(model, spec) as trained:
        learn(model, prompt_format, spec, trained)
        with trained.on():
            return verdicts(model, prompt_format, BEYOND)
