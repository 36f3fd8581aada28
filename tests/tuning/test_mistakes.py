"""Settings of tuning that would have no effect or cannot be, and lengths that do not fit: refused before anything is measured."""

import pytest

from seal_eval.core.errors import SealError
from seal_eval.tuning import tune as tuning
from seal_eval.tuning.config import TuneSpec


@pytest.mark.parametrize(("settings", "message"), [
    ({"rank": 8}, "rank is 8: it is of low-rank weights, and seal has none; leave it out"),
    ({"method": "lora", "granularity": "head"}, "granularity is head: it is of scales, and lora has none; leave it out"),
    ({"method": "dora", "shrink": 0.1}, "shrink is 0.1"),
    ({"task": f"seal_lines:{'9' * 5000}"}, "is not NAME or NAME:SIZE with a size from 1 to a billion"),
])  # fmt: skip
def test_settings_of_the_other_kind(settings, message):
    with pytest.raises(SealError, match=message):
        TuneSpec(**settings)


@pytest.mark.parametrize(("length", "message"), [(40, "length 40 cannot be filled"), (9000, "samples of .* tokens do not fit the window")])
def test_lengths_are_checked_before_anything_is_measured(tiny_folder, tmp_path, monkeypatch, length, message):
    monkeypatch.setattr(tuning, "measure_forgetting", lambda *_: pytest.fail("measured first"))
    with pytest.raises(SealError, match=message):
        tuning.tune(str(tiny_folder), TuneSpec(recipe="fixed", length=length, samples=1, validation=1), tmp_path / "out", progress=False)
