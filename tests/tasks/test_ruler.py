"""RULER's thirteen tasks: in its composition, out of reach of 'seal_*', and their mean over lengths."""

import random
from dataclasses import fields, replace

import numpy as np
import pytest

from seal_eval.results.compare import compare
from seal_eval.results.paired import paired_scores_of
from seal_eval.results.records import load_runs
from seal_eval.tasks import RULER_GROUP, base_task, get_task, ruler_tasks, tasks

from conftest import seal_eval

# scripts/synthetic.yaml of NVIDIA/RULER, in our settings' names
COMPOSITION = {
    "niah_single_1": ("seal_needle", {"haystack": "noise"}),
    "niah_single_2": ("seal_needle", {"haystack": "prose"}),
    "niah_single_3": ("seal_needle", {"haystack": "prose", "value": "uuid"}),
    "niah_multikey_1": ("seal_needle", {"haystack": "prose", "keys": 4}),
    "niah_multikey_2": ("seal_needle", {"haystack": "needles"}),
    "niah_multikey_3": ("seal_needle", {"haystack": "needles", "value": "uuid"}),
    "niah_multivalue": ("seal_needle", {"haystack": "prose", "values": 4}),
    "niah_multiquery": ("seal_needle", {"haystack": "prose", "keys": 4, "queries": 4}),
    "vt": ("seal_variable_tracking", {"chains": 1, "hops": 4, "haystack": "noise"}),
    "cwe": ("seal_common_words", {"common": 10, "often": 0, "rarely": 0}),  # 0: RULER's 30 and 3
    "fwe": ("seal_frequent_words", {"alpha": 2.0, "frequent": 3}),
    "qa_1": ("seal_qa", {"hops": 1}),
    "qa_2": ("seal_qa_two_hops", {"hops": 2}),
}


def test_composition():
    assert list(ruler_tasks()) == [f"{RULER_GROUP}_{name}" for name in COMPOSITION]
    for name, (base, settings) in COMPOSITION.items():
        task, like = get_task(f"{RULER_GROUP}_{name}"), get_task(base)
        own = {f.name: getattr(like, f.name) for f in fields(like)} | settings | {"name": task.name, "summary": task.summary}
        assert type(task) is type(like) and vars(task) == own
        assert base_task(task.name) == task.name and task.name not in tasks()


@pytest.fixture(scope="module")
def runs(tiny_folder, tmp_path_factory):
    """A run of the group, and from it runs of two methods at two lengths, with scores drawn at random: a random model is never right."""
    out = tmp_path_factory.mktemp("ruler") / "results"
    asked = ("--tasks", RULER_GROUP, "--metadata", '{"lengths": [1100], "num_samples": 1}', "--device", "cpu", "--batch_size", "13")
    seal_eval("run", "--model_args", f"pretrained={tiny_folder}", *asked, "--output_path", out)
    (run,) = load_runs(out)
    rng = random.Random(0)

    def at(record, length, k):
        ident = f"{record.task}-{length}-{k}"
        return replace(record, sample_id=ident, cluster=ident, length=length, score=float(rng.random() < 0.5))

    places = [(record, length, k) for record in run.records for length in (1100, 1500) for k in range(2)]
    return run, [replace(run, method=method, records=tuple(at(*place) for place in places)) for method in ("plain", "seal")]


def test_the_group_runs(runs):
    assert sorted(record.task for record in runs[0].records) == sorted(ruler_tasks())


def test_the_group_is_a_task_for_compare(runs):
    row = next(r for r in compare(paired_scores_of(runs[1], runs[0].model)).lengths if (r.task, r.method) == (RULER_GROUP, "seal"))
    mean = {length: np.mean([r.score for r in runs[1][1].records if r.length == length]) for length in (1100, 1500)}
    assert row.rising == pytest.approx((mean[1100] + 2 * mean[1500]) / 3)
    assert row.falling == pytest.approx((2 * mean[1100] + mean[1500]) / 3)
    assert row.effective_length.n == 52 and row.effective_length.value == 0


def test_twelve_tasks_are_no_group(runs):
    fewer = [replace(run, records=tuple(r for r in run.records if r.task != "sealruler_vt")) for run in runs[1]]
    found = {row.task for row in compare(paired_scores_of(fewer, fewer[0].model)).lengths}
    assert found == set(ruler_tasks()) - {"sealruler_vt"}


def test_seal_glob_leaves_the_group_out():
    from lm_eval.tasks import TaskManager

    from seal_eval.harness.task_index import fresh_folder, installed_folder

    manager = TaskManager(include_path=fresh_folder() or str(installed_folder()), include_defaults=False)
    assert not [name for name in manager.match_tasks(["seal_*"]) if name.startswith(RULER_GROUP)]
    assert manager.match_tasks([f"{RULER_GROUP}_*"]) == sorted(ruler_tasks())
