"""Mistakes that users make with results: one line that names the value, the place and the remedy."""

import shutil
from pathlib import Path

import pytest

from seal_eval.core.errors import SealError
from seal_eval.results.power import guess, lines
from seal_eval.results.records import by_method, check_baseline, load_runs

GEMMA = Path(__file__).parents[2] / "leaderboard" / "results" / "gemma-within"


def test_a_metric_where_all_tasks_are_ours():
    with pytest.raises(SealError, match=r"--metric f1 is for tasks from outside this project, and .* has none; leave it out"):
        load_runs(GEMMA, foreign=True, metric="f1")


def test_two_copies_of_a_run_are_named(tmp_path):
    for name in ("one", "two"):
        shutil.copytree(GEMMA, tmp_path / name)
    runs = load_runs(tmp_path)
    with pytest.raises(SealError, match=rf"is in two runs, {tmp_path}/one/\w+ \(.*\) and {tmp_path}/two/\w+ \(.*\); move one of them"):
        by_method(runs, "gemma-3-270m")


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "scores.txt").write_text("sample,method,score\n")
    with pytest.raises(SealError, match=r"scores.txt is no folder and no .csv file"):
        load_runs(tmp_path / "scores.txt", foreign=True)
    with pytest.raises(SealError, match="nowhere does not exist"):
        load_runs(tmp_path / "nowhere")


def test_a_missing_baseline_has_a_remedy():
    with pytest.raises(SealError, match="baseline 'plain' was not run on ok; known: a, b; choose another with --baseline"):
        check_baseline(["a", "b"], "plain", "ok")


@pytest.mark.parametrize(("changed", "message"), [
    ({"power": 0.3}, "--power is 0.3, must be from .5 to below 1"), ({"level": 95.0}, "--level is 95.0, must be between 0 and 1"),
    ({"comparisons": 0}, "--comparisons is 0, must be at least 1"),
    ({"seconds_per_record": 0.0, "seconds_per_question": 0.0}, "--seconds-per-question is 0.0, must be above 0 when a record costs 0"),
    ({"seconds_per_record": -1.0}, "--seconds-per-record is -1.0, must be at least 0"),
])  # fmt: skip
def test_the_option_that_is_wrong_is_named(changed, message):
    options = {"power": 0.8, "level": 0.95, "comparisons": 1, "seconds_per_record": 1.0, "seconds_per_question": 1.0}
    with pytest.raises(SealError, match=message):
        lines(guess(0.4, 0.3, None, None), **(options | changed))


def test_a_difference_that_no_plan_can_show():
    with pytest.raises(SealError, match=r"differ by less than 0\.001"):
        guess(0.4, 0.3999999, None, None)
