"""What `seal-eval baselines` and the reference page say of settings: a newcomer reads there what each means."""

import re

import pytest

from seal_eval.baselines import method_names, method_notes, method_settings

from conftest import seal_eval


@pytest.mark.parametrize("name", method_names())
def test_every_setting_is_method_notes(name):
    said = " ".join(method_notes(name))
    assert [field.name for field in method_settings(name) if not re.search(rf"\b{field.name}\b", said)] == []


def test_the_list_shows_it():
    said = " ".join(seal_eval("baselines").stdout.split())
    assert "recent: in tokens, 0 for a quarter of the window" in said and "beta_fast, beta_slow: a frequency that rotates more" in said
    assert "Every task also takes: num_samples, seed, " in seal_eval("tasks").stdout
