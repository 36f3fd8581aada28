"""Builders and scorers: what a sample promises holds; hostile replies score as documented."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seal_eval.errors import SealError
from seal_eval.scores import read_integer
from seal_eval.tasks import get_task, task_names
from seal_eval.text import best_fit, count_tokens, part_of, prose, words

SLOW = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_best_fit_by_brute_force():
    """Every subset tried."""
    from itertools import combinations
    from random import Random

    for seed in range(200):
        rng = Random(seed)
        costs, room = [rng.randint(1, 30) for _ in range(rng.randint(0, 9))], rng.randint(0, 90)
        best = max(sum(c) for k in range(len(costs) + 1) for c in combinations(costs, k) if sum(c) <= room)
        chosen = best_fit(costs, room)
        assert sum(costs[i] for i in chosen) == best
        assert chosen == sorted(set(chosen))


def test_names():
    assert task_names() == ["seal_lines", "seal_needle"]
    with pytest.raises(SealError, match="did you mean 'seal_lines'"):
        get_task("seal_line")


@pytest.mark.parametrize("name", task_names())
@given(length=st.integers(500, 3000), seed=st.integers(0, 10**6))
@SLOW
def test_sample_promises(tokenizer, name, length, seed):
    task = get_task(name)
    for sample in task.build(tokenizer, length, 3, seed):
        prompt = sample.input + sample.prefix
        assert sample.n_tokens == count_tokens(tokenizer, prompt)
        assert 0.99 * length < sample.n_tokens + task.ANSWER_TOKENS <= length
        assert task.score(sample.answer, sample.targets).value == 1.0
        (target,) = sample.targets
        (found,) = re.finditer(rf"\b{target}\b", sample.input)  # findable, and only once
        start = found.start()
        reached = count_tokens(tokenizer, sample.input[:start]) / sample.n_tokens
        assert sample.depth == pytest.approx(reached, abs=40 / sample.n_tokens)  # the fact starts a few words before its value


@pytest.mark.parametrize("name", task_names())
def test_same_seed_same_bytes(tokenizer, name):
    import random

    build = get_task(name).build
    first = build(tokenizer, 600, 6, 1)
    random.seed(99)  # global state must not matter
    assert build(tokenizer, 600, 6, 1) == first
    assert build(tokenizer, 600, 3, 1) == first[:3]  # a prefix, whatever else is asked for
    others = build(tokenizer, 600, 6, 2)
    assert not {s.targets for s in first} & {s.targets for s in others}
    assert len({s.sample_id for s in first + others}) == 12


@pytest.mark.parametrize("name", task_names())
def test_tuning_and_evaluation_share_nothing(tokenizer, name):
    build = get_task(name).build
    learned, asked = build(tokenizer, 1000, 20, 0, part="tune"), build(tokenizer, 1000, 20, 0, part="eval")

    def keys(samples):
        return {k for s in samples for k in re.findall(r"[a-z]+-[a-z]+(?=[:?])", s.input)}

    def numbers(samples):
        pattern = r"<(\d+)>" if name == "seal_lines" else r"number of the [a-z-]+ is (\d{7})\."
        return {v for s in samples for v in re.findall(pattern, s.input)}

    assert keys(learned) and numbers(learned) and keys(asked) and numbers(asked)
    assert not keys(learned) & keys(asked)
    assert not numbers(learned) & numbers(asked)
    assert not {s.document for s in learned} & {s.document for s in asked}


def test_parts_are_disjoint():
    assert not set(words("tune")[1]) & set(words("eval")[1])
    assert not {d.id for d in prose("tune")} & {d.id for d in prose("eval")}
    assert len(prose("tune")) + len(prose("eval")) == 249
    assert {part_of(str(n)) for n in range(100)} == {"tune", "eval"}


def test_lines_ask_every_fifth_equally(tokenizer):
    samples = get_task("seal_lines").build(tokenizer, 2500, 20, 0)
    keys = [re.search(r"in line (\S+)\?", s.input).group(1) for s in samples]
    where = []
    for sample, key in zip(samples, keys, strict=True):
        lines = re.findall(r"^line (\S+):", sample.input, re.MULTILINE)
        assert len(set(lines)) == len(lines) and len(set(re.findall(r"<(\d+)>", sample.input))) == len(lines)
        where.append(int(5 * lines.index(key) / len(lines)))
    assert sorted(where) == sorted([0, 1, 2, 3, 4] * 4)


def test_needle_stands_between_sentences(tokenizer):
    samples = get_task("seal_needle").build(tokenizer, 1500, 18, 0)
    assert len({s.document for s in samples}) == 18
    for sample in samples:
        before = sample.input[: sample.input.index("The registration number of the")].rstrip()
        assert before.endswith((".", "!", "?", '"', "”", "afterwards."))
    assert max(s.depth for s in samples) > 0.9 and min(s.depth for s in samples) < 0.1


@pytest.mark.parametrize("name", task_names())
def test_too_short(tokenizer, name):
    """The error's remedy works: what it calls the smallest length can be built."""
    with pytest.raises(SealError, match=r"length 40 cannot be filled; the smallest") as error:
        get_task(name).build(tokenizer, 40, 1, 0)
    smallest = int(str(error.value).split()[-1])
    assert len(get_task(name).build(tokenizer, smallest, 20, 0)) == 20


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("41873>. The register", "41873"), (" 41,873.", "41873"), ("it is 041873", "41873"), ("４１８７３", "41873"), ("٤١٨٧٣", "41873"),
        ("416 41873", "416"), ("", None), ("no idea", None), ("4187,3", "4187"), ("1,2,3,41873", "1"), ("x" * 10**6, None),
        ("9" * 10**6, None),
    ],
)  # fmt: skip
def test_read_integer(reply, answer):
    assert read_integer(reply) == answer


@pytest.mark.parametrize("name", task_names())
def test_scores(name):
    score = get_task(name).score
    assert (score("41873>", ("41873",)).value, score("41873>", ("41873",)).reason) == (1.0, "exact")
    assert (score("41874>", ("41873",)).value, score("41874>", ("41873",)).answer) == (0.0, "41874")
    assert score("I cannot say", ("41873",)).reason == "no number"
    assert score("41872, 41873", ("41873",)).value == 0.0  # listing values does not help


def test_documents_for_lm_eval(tiny_folder):
    from seal_eval.tasks.dataset import documents

    rows = documents("seal_lines", pretrained=str(tiny_folder), lengths=[700, 400], num_samples=5, dtype="float32")["test"]
    assert [r["length"] for r in rows] == [400, 700] * 5  # any --limit is balanced
    assert set(rows.features) >= {"sample_id", "length", "n_tokens", "depth", "document", "targets", "seed"}
    default = documents("seal_lines", pretrained=str(tiny_folder), num_samples=1)["test"]
    assert default["length"] == [1024, 2048]  # 4096 is above the tiny model's window


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"lengths": [4096]}, "length 4096 is above the model's window of 2048"),
        ({"lengths": [0]}, "length 0 is not a positive"),
        ({"lengths": "many"}, "length 'many'"),
        ({"lengths": [512, 512]}, "twice"),
        ({"lenghts": [512]}, "unknown metadata key 'lenghts'; did you mean 'lengths'"),
        ({"num_samples": 0}, "num_samples is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"tokenizer": "nowhere"}, "model 'nowhere' is no folder"),
    ],
)
def test_bad_metadata(tiny_folder, metadata, message):
    from seal_eval.tasks.dataset import documents

    with pytest.raises(SealError, match=message):
        documents("seal_lines", pretrained=str(tiny_folder), **metadata)


def test_longer_than_the_window_when_the_method_extends_it(tiny_folder):
    from seal_eval.tasks.dataset import documents

    rows = documents("seal_lines", pretrained=str(tiny_folder), lengths=[3000], num_samples=1, max_length=4096)["test"]
    assert rows[0]["n_tokens"] > 2048
