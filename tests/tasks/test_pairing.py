"""What is asked and where it stands do not depend on each other: no depth has wordings, questions or kinds of its own."""

import itertools
import json
from collections import Counter
from dataclasses import replace

import pytest

from seal_eval.prompts.prompt import PromptFormat
from seal_eval.tasks import get_task
from seal_eval.tasks.latent import associations
from seal_eval.tasks.needle import PHRASINGS, paired


@pytest.mark.parametrize(("items", "places"), [(11, 3), (10, 11), (3, 10), (3, 3), (6, 3), (231, 11), (4, 6), (1, 5), (12, 8)])
def test_every_item_meets_every_place_equally_often(items, places):
    met = Counter((i % items, paired(i, items, places)) for i in range(items * places))
    assert set(met) == set(itertools.product(range(items), range(places))) and set(met.values()) == {1}
    first = Counter(paired(i, items, places) for i in range(places))
    assert max(first.values()) <= 2  # balanced from the start


def depth_of(sample):
    return round(sample.depth, 1)


def test_every_depth_of_a_needle_has_every_phrasing(tokenizer):
    samples = get_task("seal_needle").build(PromptFormat(tokenizer), 3000, 99, 0)
    met = Counter((depth_of(s), next(k for k, p in enumerate(PHRASINGS) if p.question.split("{")[0] in s.input)) for s in samples)
    assert len(met) == 33


def test_the_arrangement_of_version_3_can_be_built(tokenizer):
    needle = get_task("seal_needle")
    old, new = (replace(needle, phrasing=p).build(PromptFormat(tokenizer), 400, 12, 0) for p in (-2, -1))
    assert [s.input for s in old[:11]] == [s.input for s in new[:11]] and old[11].input != new[11].input


def test_all_associations_are_asked(tokenizer):
    usable = associations("eval")
    samples = get_task("seal_latent").build(PromptFormat(tokenizer), 3000, len(usable), 0)
    assert {s.keys[0] for s in samples} == {a.thing for a in usable}
    assert all(count == 21 for count in Counter(depth_of(s) for s in samples).values())


@pytest.mark.parametrize(("name", "setting", "size"), [("seal_documents", "positions", 12), ("seal_qa", "depths", 900)])
def test_every_place_has_questions_of_every_kind(tokenizer, name, setting, size):
    samples = replace(get_task(name), **{setting: 3}).build(PromptFormat(tokenizer), size, 9, 0)
    kinds = [next(k for k in ("born", "novel", "founded") if k in s.input.splitlines()[-1]) for s in samples]
    order = sorted(range(9), key=lambda i: samples[i].depth)
    assert [sorted(kinds[i] for i in order[k : k + 3]) for k in (0, 3, 6)] == [["born", "founded", "novel"]] * 3


def test_own_questions_come_again_at_another_depth(tokenizer, tmp_path):
    file = tmp_path / "questions.jsonl"
    rows = [{"question": f"Who is number {k}?", "answer": f"Person{k}", "passage": f"Number {k} is Person{k}."} for k in range(10)]
    file.write_text("\n".join(map(json.dumps, rows)))
    samples = replace(get_task("seal_own"), questions=str(file)).build(PromptFormat(tokenizer), 3000, 40, 0)
    for k in range(10):
        assert len({depth_of(s) for s in samples if s.targets == (f"Person{k}",)}) == 4
