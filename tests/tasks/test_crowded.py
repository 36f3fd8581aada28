"""Prompts that hold as much as fits: many questions on a record, wide graphs, and keys inside of other keys."""

import random
import re
from dataclasses import replace

import pytest

from seal_eval.core.errors import SealError
from seal_eval.prompts.corpus import numbers
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.tasks import get_task
from seal_eval.tasks.graph import EDGES
from seal_eval.tasks.tracking import HEADER


@pytest.mark.parametrize(("task", "length"), [("seal_lines", 26_000), ("seal_key_value", 80_000)])
def test_many_questions_on_one_record(tokenizer, task, length):
    """Each line stands once, and is asked about once."""
    samples = replace(get_task(task), questions_per_record=700).build(PromptFormat(tokenizer), length, 700, 0)
    assert len({s.keys for s in samples}) == 700
    record = samples[0].input.rpartition("\n\n")[0]
    assert all(record.count(f"{s.keys[0]}:" if task == "seal_lines" else f'"{s.keys[0]}":') == 1 for s in samples)


@pytest.mark.parametrize("task", ["seal_lines", "seal_key_value"])
def test_more_questions_than_lines(tokenizer, task):
    with pytest.raises(SealError, match=rf"^{task}: length 2000 cannot be filled: .* take \d+ tokens; choose a longer length, or settings"):
        replace(get_task(task), questions_per_record=1000).build(PromptFormat(tokenizer), 2000, 1, 0)


def test_wide_graphs(tokenizer):
    """A question about more nodes than a list of the length has is an error of one line, or is asked on a larger graph."""
    prompt_format = PromptFormat(tokenizer)
    with pytest.raises(SealError, match=r"^seal_graph: .*length 4096.*; choose a longer length"):
        replace(get_task("seal_graph"), operation="reach", steps=5, branches=5).build(prompt_format, 4096, 1, 0)
    task = replace(get_task("seal_graph"), operation="reach", steps=4, branches=5)  # about 780 nodes, and an answer of 7,548 tokens
    (sample,) = task.build(prompt_format, 20_000, 1, 0)
    level, edges = {sample.keys[0]}, EDGES.findall(sample.input)
    for _ in range(4):
        level = {b for a, b in edges if a in level}
    assert level == {*sample.targets} and len(level) == 5**4


def test_a_key_within_another_key_is_none(tokenizer, monkeypatch):
    """'old-tower' asks for no line of 'cold-tower'; a number within a longer one is refused."""
    from seal_eval.tasks import needle

    task, prompt_format = get_task("seal_needle_multikey"), PromptFormat(tokenizer)
    drawn = needle.draw

    def with_cold_tower(rng, n, kind, split):
        return drawn(rng, n, kind, split) if kind != "word" or n < 2 else ["old-tower", *(f"cold-tower{k * 'x'}" for k in range(n - 1))]

    monkeypatch.setattr(needle, "draw", with_cold_tower)
    (sample,) = task.build(prompt_format, 700, 1, 0)
    assert sample.keys == ("old-tower",) and "cold-tower" in sample.input
    assert needle._stands_in("1234567", "in 91234567 of") and not needle._stands_in("old-tower", "the cold-tower is")


def test_no_variable_holds_the_examples_value(tokenizer, monkeypatch):
    """The header explains assignments with a value of its own, which no chain has."""
    value = int(re.search(r"VAR AAAAA = (\d+)", HEADER)[1])
    split = "eval" if value in numbers(10000, 99999, "eval") else "tune"
    sample_of, calls = random.Random.sample, []

    def unlucky(self, population, k):
        calls.append(k)
        return [value] if k == 1 and len(calls) == 1 else sample_of(self, population, k)

    monkeypatch.setattr(random.Random, "sample", unlucky)
    (sample,) = get_task("seal_variable_tracking").build(PromptFormat(tokenizer), 700, 1, 0, split)
    assert calls and sample.keys != (str(value),)


@pytest.mark.parametrize(("settings", "message"), [
    ({"rarely": 6}, "seal_common_words: at length 2048, often is 6 and rarely is 6; choose an often above rarely"),
    ({"often": 1}, "at length 2048, often is 1 and rarely is 1"),
    ({"common": 1000}, r"length 2048 cannot be filled|length 2048 has no room for \d+ words; choose a longer length"),
    ({"often": 1000}, r"length 2048 has no room for \d+ words; choose a longer length"),
])  # fmt: skip
def test_counts_of_common_words(tokenizer, settings, message):
    """The common words appear more often than the others, also by the counts that the user leaves to the task."""
    with pytest.raises(SealError, match=message):
        replace(get_task("seal_common_words"), **settings).build(PromptFormat(tokenizer), 2048, 1, 0)


@pytest.mark.parametrize("task", ["seal_needle", "seal_variable_tracking", "seal_latent"])
def test_an_empty_haystack_is_not_the_folder_one_is_in(tokenizer, task):
    with pytest.raises(SealError, match="haystack is empty; choose prose"):
        replace(get_task(task), haystack="").build(PromptFormat(tokenizer), 1024, 1, 0)
