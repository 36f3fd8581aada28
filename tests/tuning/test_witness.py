"""Real effects in seconds, on two small models of tests/witness/train.py: which methods fail or recover, and what SEAL adds."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from seal_eval.baselines import method_of
from seal_eval.models.loading import load_model
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.stats import sign_flip
from seal_eval.tasks import get_task
from seal_eval.tuning.config import TuneSpec
from seal_eval.tuning.loop import learn
from seal_eval.tuning.losses import record_answered
from seal_eval.tuning.parameters import trainable
from seal_eval.tuning.records import in_groups

FOLDER = Path(__file__).parents[1] / "witness"
WITHIN, BEYOND, N, QUESTIONS = 256, 1024, 100, 4  # tokens, tokens, samples, samples that ask about one record
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
    samples = replace(get_task("seal_lines"), questions_per_record=QUESTIONS).build(prompt_format, length, N, 0)
    return [right for record in in_groups(samples, QUESTIONS) for _, right in record_answered(model, prompt_format, record)]


def better(a, b):
    """Return the sign-flip test's p over records if a has more right answers than b, else 1."""
    gains = [sum(x) - sum(y) for x, y in zip(in_groups(a, QUESTIONS), in_groups(b, QUESTIONS), strict=True)]
    return sign_flip(gains).p_value if sum(gains) > 0 else 1.0


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
    # no KL on prose: the vocabulary lacks its words
    spec = TuneSpec(recipe="fixed", length=BEYOND, samples=20, questions=4, validation=2, kl=0.0, cost_limit=1e9, on=ON)
    with method_of(ON).apply(model), trainable(model, spec) as trained:
        learn(model, prompt_format, spec, trained)
        with trained.on():
            return verdicts(model, prompt_format, BEYOND)
