"""Samples keep their promises for any seed, length and tokenizer, with and without chat template and answer prefix."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seal_eval.core.errors import SealError
from seal_eval.prompts.corpus import prose, split_of, words
from seal_eval.prompts.own_questions import OR
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.prompts.settings import PromptSettings
from seal_eval.tasks import base_task, get_task, leaf_name, task_names, tasks
from seal_eval.tasks.longeval import conversations

from tokenizers_made import KINDS, NO_SYSTEM_TURN, made

SLOW = settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
IN_TOKENS = [name for name, task in tasks().items() if task.unit == "tokens"]
VARIANTS = [
    *tasks().values(),
    replace(get_task("seal_needle"), value="word"),
    replace(get_task("seal_needle"), value="uuid", haystack="needles"),
    replace(get_task("seal_needle"), value="word", haystack="needles", queries=2, keys=3),
    replace(get_task("seal_needle"), haystack="noise", keys=4, values=2, spacing="sigmoid"),
    replace(get_task("seal_lines"), questions_per_record=5, phrasing=-1),
    replace(get_task("seal_variable_tracking"), chains=3, hops=2, haystack="prose"),
    replace(get_task("seal_common_words"), common=3, often=5, rarely=2),
    replace(get_task("seal_key_value"), questions_per_record=4, depths=3),
    replace(get_task("seal_frequent_words"), frequent=2, alpha=1.5),
    replace(get_task("seal_graph"), operation="reach", steps=3, branches=1),
    replace(get_task("seal_coreference"), alike=8, turns="text"),
]


def size_of(task, wanted):
    return {"tokens": wanted, "lines": max(2, wanted // 100), "topics": 2, "documents": max(2, wanted // 150)}[task.unit]


def test_names():
    assert task_names() == [
        "seal_common_words", "seal_coreference", "seal_documents", "seal_frequent_words", "seal_graph", "seal_key_value", "seal_latent",
        "seal_lines", "seal_longeval_lines",
        "seal_longeval_topics", "seal_needle", "seal_needle_multikey", "seal_needle_multiquery", "seal_needle_multivalue", "seal_own",
        "seal_passkey", "seal_qa", "seal_qa_two_hops", "seal_variable_tracking",
    ]  # fmt: skip
    with pytest.raises(SealError, match="did you mean 'seal_lines'"):
        get_task("seal_line")
    for task in tasks().values():
        assert base_task(task.name) == base_task(leaf_name(task, 4096)) == task.name
        assert not leaf_name(task, 4096).startswith("seal_")
    for other in ("longeval_lines", "seal1024", "niah_single_1", "lines_1", "own_2", "seal_lines_4096", "seal200_longeval_lines"):
        assert base_task(other) is None, other


@pytest.mark.parametrize("task", VARIANTS, ids=[f"{task.name}-{i}" for i, task in enumerate(VARIANTS)])
@given(length=st.integers(700, 3000), seed=st.integers(0, 10**6), kind=st.sampled_from(KINDS), chat=st.booleans(), begin=st.booleans())
@SLOW
def test_sample_promises(task, length, seed, kind, chat, begin):
    system = "Answer briefly." if seed % 2 and not (chat and kind in NO_SYSTEM_TURN) else ""
    prompt_format = PromptFormat(made(kind), PromptSettings(chat_template=chat, answer_prefix=begin, system_instruction=system))
    size = size_of(task, length)
    try:
        samples = task.build(prompt_format, size, 3, seed)
    except SealError as error:  # some tokenizers need a longer prompt for what it must contain
        assert task.unit == "tokens" and "the smallest that can is about" in str(error)
        size = int(str(error).split()[-1])
        samples = task.build(prompt_format, size, 3, seed)
    assert len({s.sample_id for s in samples}) == 3 == len({(s.input, s.keys) for s in samples})
    for sample in samples:
        assert sample.n_tokens == prompt_format.count(sample.input, sample.prefix)
        if task.unit == "tokens":
            assert 0.99 * size < sample.n_tokens + sample.answer_tokens <= size
        assert (sample.prefix != "") == begin
        doc = vars(sample)
        perfect = task.score(sample.answer, doc)
        assert (perfect.value, perfect.reason) == (1.0, "exact") and set(perfect.metrics) == set(task.metrics)
        assert set(perfect.metrics.values()) <= {1.0}
        assert task.score("", doc).value == 0.0
        for target in sample.targets:
            assert target.split(OR)[0] in sample.input
        assert all(key in sample.input for key in sample.keys)


def test_random_replies_score_nothing(prompt_format):
    import random

    for task in tasks().values():
        samples = task.build(prompt_format, size_of(task, 1500), 20, 0)
        rng = random.Random(0)
        replies = ["".join(rng.choices("abcdef 0123456789-ABCDEF\n.,", k=80)) for _ in samples]
        assert sum(task.score(reply, vars(s)).value for reply, s in zip(replies, samples, strict=True)) == 0, task.name


@pytest.mark.parametrize("name", task_names())
def test_same_seed_same_bytes(prompt_format, name):
    import random

    task = get_task(name)
    size = size_of(task, 1200)
    first = task.build(prompt_format, size, 6, 1)
    random.seed(99)  # global state must not matter
    assert task.build(prompt_format, size, 6, 1) == first
    assert task.build(prompt_format, size, 3, 1) == first[:3]  # the first samples do not depend on how many are built
    others = task.build(prompt_format, size, 6, 2)
    assert not {s.input for s in first} & {s.input for s in others}
    assert len({s.sample_id for s in first + others}) == 12


@pytest.mark.parametrize("name", task_names())
def test_tuning_and_evaluation_share_nothing(prompt_format, name):
    task = get_task(name)
    size = size_of(task, 1200)
    tuning, evaluation = (task.build(prompt_format, size, 20, 0, split=split) for split in ("tune", "eval"))
    for samples, split in ((tuning, "tune"), (evaluation, "eval")):
        for sample in samples:
            # the answers of these are sentences and phrases, whose words are of one part
            assert name in ("seal_own", "seal_coreference") or all(split_of(t) == split for t in sample.targets)
    assert not {k for s in tuning for k in s.keys} & {k for s in evaluation for k in s.keys}
    assert not {t for s in tuning for t in s.targets} & {t for s in evaluation for t in s.targets}
    assert not {s.cluster for s in tuning} & {s.cluster for s in evaluation}


def test_parts_are_disjoint():
    assert not set(words("tune")[1]) & set(words("eval")[1])
    assert not {d.id for d in prose("tune")} & {d.id for d in prose("eval")}
    assert len(prose("tune")) + len(prose("eval")) == 249
    assert {split_of(str(n)) for n in range(100)} == {"tune", "eval"}
    kept = [split_of(c["topic"]) for c in conversations()]
    assert kept.count("eval") >= 25 and kept.count("tune") >= 10


@pytest.mark.parametrize("name", IN_TOKENS)
def test_too_short(prompt_format, name):
    """The error names a smallest length that can be built."""
    with pytest.raises(SealError, match=r"length 40 cannot be filled with this tokenizer; the smallest that can is about") as error:
        get_task(name).build(prompt_format, 40, 5, 0)
    assert len(get_task(name).build(prompt_format, int(str(error.value).split()[-1]), 5, 0)) == 5


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("seal_needle", {"keys": 0}, "keys is 0, must be a whole number from 1"),
        ("seal_needle", {"queries": 3}, "keys is 1, must be a whole number from 3"),
        ("seal_needle", {"value": "nubmer"}, "value is 'nubmer', must be number or word or uuid"),
        ("seal_needle", {"spacing": "log"}, "spacing is 'log', must be linear or sigmoid"),
        ("seal_needle", {"depths": 2.5}, "depths is 2.5"),
        ("seal_lines", {"questions_per_record": 0}, "questions_per_record is 0"),
        ("seal_variable_tracking", {"hops": 99}, "hops is 99"),
        ("seal_variable_tracking", {"haystack": "needles"}, "haystack 'needles' is for seal_needle"),
        ("seal_common_words", {"often": 2, "rarely": 3}, "often is 2, must be above rarely, 3"),
        ("seal_longeval_lines", {"longeval_data": "/nowhere"}, "longeval_data /nowhere is no folder"),
    ],
)
def test_bad_settings(name, changes, message):
    with pytest.raises(SealError, match=message):
        replace(get_task(name), **changes)
