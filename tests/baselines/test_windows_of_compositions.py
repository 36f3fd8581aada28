"""In a composition, the settings that results show are those with which the methods run, in either order."""

import pytest
import torch

from seal_eval.baselines import settings, take_method
from seal_eval.core.applied import method_applied

from conftest import tiny_model
from method_cases import IDS, logits, method

WINDOW = 32  # of the tiny model; IDS has 90 tokens
ROTARY = ("linear", "ntk", "dynamic_ntk", "yarn")
WITHIN = ("string", "self_extend", "streaming", "dual_chunk")


def ran(name, **own):
    """Predictions of a model with this method."""
    model = tiny_model(max_position_embeddings=WINDOW)
    before = set(vars(model))
    with method_applied(name, method(name, **own), model):
        found = logits(model, IDS)
    assert set(vars(model)) == before
    return found


@pytest.mark.parametrize("within", [*WITHIN, "logn"])
@pytest.mark.parametrize("rotary", ROTARY)
def test_what_is_shown_is_what_ran(rotary, within):
    factor = {"factor": 4.0, **({"group": 2} if within == "self_extend" else {})}
    found = {}
    for name in (f"{rotary}+{within}", f"{within}+{rotary}"):
        made = method(name, **factor)
        shown = made.resolved(WINDOW)
        assert {key for key in shown if key.startswith(within)}
        found[name] = ran(name, **factor), dict(sorted(shown.items())), made.window(WINDOW)
        assert torch.equal(found[name][0], ran(name, **settings(made) | shown)), shown
    one, other = found.values()
    assert one[1:] == other[1:] and torch.equal(one[0], other[0])
    alone = method(within, **{key: value for key, value in factor.items() if key == "group"}).resolved(WINDOW)
    composed = {key: one[1][f"{within}.{key}"] for key in alone}
    extended = method(within, **{key: value for key, value in factor.items() if key == "group"}).resolved(4 * WINDOW)
    assert composed == (alone if within == "logn" else extended)


def test_a_window_that_is_given_ends_with_the_part():
    """The rotary method's own settings are about the training, whatever is composed with it."""
    _, made, _ = take_method({"method": "self_extend+yarn", "factor": 2.0, "group": 4})
    assert made.resolved(8192) == {"self_extend.neighbours": 4096, "yarn.original": 8192}
    assert made.window(8192) == (16384 - 4096) * 4 + 4096
    assert method("self_extend").resolved(8192) == {"neighbours": 2048}
    assert method("yarn+logn").resolved(8192) == {"yarn.original": 8192, "logn.original": 8192}
