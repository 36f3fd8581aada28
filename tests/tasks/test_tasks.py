"""Samples keep their promises for any seed, length and tokenizer, with and without chat template and answer prefix."""

import json
import math
import re
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seal_eval.core.errors import SealError
from seal_eval.prompts.corpus import prose, split_of, words
from seal_eval.prompts.own_questions import OR
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.prompts.settings import PromptSettings
from seal_eval.prompts.stops import answer_end
from seal_eval.tasks import base_task, get_task, leaf_name, task_names, tasks
from seal_eval.tasks.graph import nodes_of
from seal_eval.tasks.latent import FORMS, associations
from seal_eval.tasks.lines import facts_of
from seal_eval.tasks.longeval import conversations
from seal_eval.tasks.needle import spaced, spread

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


@pytest.fixture(scope="module")
def prompt_format(tokenizer):
    return PromptFormat(tokenizer)


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


def test_phrasings_of_lines(prompt_format):
    """Every line of every phrasing is known, a right number scores in a begun answer and in a sentence, another line's does not."""
    samples = replace(get_task("seal_lines"), questions_per_record=2, phrasing=-1).build(prompt_format, 900, 6, 0)
    assert len({sample.input[:40] for sample in samples}) == 3
    assert samples[0].input == replace(get_task("seal_lines"), questions_per_record=2).build(prompt_format, 900, 1, 0)[0].input
    for sample in samples:
        doc, facts = vars(sample), facts_of(sample.input, sample.keys)
        lines = [line for line in sample.input.split("\n\n", 1)[1].split("\n") if re.search(r"\d", line)]
        assert len(facts.owners) == len(lines) and all(facts.owners[re.findall(r"\d+", line)[-1]] in line for line in lines)
        assert facts.owners[sample.targets[0]] == sample.keys[0]
        other = next(value for value, key in facts.owners.items() if key != sample.keys[0])
        for begun in (True, False):
            doc["prefix"] = sample.prefix if begun else ""
            for reply in (sample.answer, f"It is {sample.targets[0]}.", lines[[sample.keys[0] in line for line in lines].index(True)]):
                assert get_task("seal_lines").score(reply, doc).reason == "exact", reply
            assert get_task("seal_lines").score(sample.answer.replace(sample.targets[0], other), doc).reason == "wrong line"
        doc["prefix"] = sample.prefix
        reply = f"{sample.answer}\n{lines[0]}\n{lines[1]}"
        assert get_task("seal_lines").score(reply[: answer_end(get_task("seal_lines"), reply, doc)], doc).reason == "exact"


@pytest.mark.parametrize("questions", [1, 4])
def test_lines_ask_every_fifth_equally(prompt_format, questions):
    samples = replace(get_task("seal_lines"), questions_per_record=questions).build(prompt_format, 4100, 20, 0)
    where = []
    for sample in samples:
        (key,) = sample.keys
        lines = re.findall(r"^line (\S+):", sample.input, re.MULTILINE)
        assert len(set(lines)) == len(lines) and len(set(re.findall(r"<(\d+)>", sample.input))) == len(lines)
        where.append(min(int(5 * lines.index(key) / (len(lines) - 1)), 4))
        at = sample.input.index(f"line {key}:")
        assert sample.depth == pytest.approx(prompt_format.count(sample.input[:at]) / sample.n_tokens, abs=1e-9)
    assert sorted(where) == sorted([0, 1, 2, 3, 4] * 4)
    records = [s.input.split("\nNow the record")[0] for s in samples]
    assert len(set(records)) == len({s.cluster for s in samples}) == 20 / questions
    assert len({(s.cluster, s.keys) for s in samples}) == 20


@pytest.mark.parametrize("spacing", ["linear", "sigmoid"])
def test_needle_depths(prompt_format, spacing):
    """Every depth of the grid is used; the depth recorded is the needle's place among the tokens, between two sentences."""
    task = replace(get_task("seal_needle"), spacing=spacing, phrasing=0)
    samples = task.build(prompt_format, 3000, 22, 0)
    assert len({s.cluster for s in samples}) == 22
    for sample, wanted in zip(samples, spread(spaced(11, spacing)) * 2, strict=True):
        at = sample.input.index("The special number of the")
        assert sample.depth == pytest.approx(prompt_format.count(sample.input[:at].rstrip()) / sample.n_tokens, abs=1e-9)
        assert sample.depth == pytest.approx(wanted, abs=0.1)  # header, question and whole sentences shift it
        assert sample.input[:at].rstrip().endswith((".", "!", "?", '"', "”", "text:"))


def test_depth_grids():
    assert spaced(5, "linear") == [0, 0.25, 0.5, 0.75, 1]
    assert [round(x, 3) for x in spaced(5, "sigmoid")] == [0, 0.076, 0.5, 0.924, 1]  # Kamradt's logistic at 25, 50, 75 %
    assert spread(spaced(5, "linear"))[:3] == [0, 1, 0.5] and spaced(1, "sigmoid") == [0.5]


def test_needle_variants(prompt_format):
    multikey = get_task("seal_needle_multikey").build(prompt_format, 2000, 3, 0)[0]
    assert len(re.findall(r"\d{7}", multikey.input)) > 20
    multivalue = get_task("seal_needle_multivalue").build(prompt_format, 2000, 3, 0)[0]
    assert len(multivalue.targets) == 4 and multivalue.input.count(f"{multivalue.keys[0]}") == 5  # four needles and the question
    multiquery = get_task("seal_needle_multiquery").build(prompt_format, 2000, 3, 0)[0]
    assert len(multiquery.keys) == len(multiquery.targets) == 4 and len(re.findall(r"\d{7}", multiquery.input)) == 8
    passkey = get_task("seal_passkey").build(prompt_format, 2000, 3, 0)[0]
    assert passkey.input.count(f"The pass key is {passkey.targets[0]}.") == 1


def test_variable_chains_are_true(prompt_format):
    """Following the assignments in the prompt leads to the targets."""
    task = replace(get_task("seal_variable_tracking"), chains=4)
    for sample in task.build(prompt_format, 2500, 10, 0):
        text = sample.input.split("The text:")[1].split("(End")[0]
        assigned = re.findall(r"VAR ([A-Z]{5}) = (?:VAR )?(\w+)\.", text)
        assert len(assigned) == 20
        value = {}
        for name, source in assigned:  # in reading order, so a source is always known
            value[name] = source if source.isdigit() else value[source]
        assert {n for n, v in value.items() if v == sample.keys[0]} == set(sample.targets)


def test_common_words_are_the_most_common(prompt_format):
    from collections import Counter

    for length, often in ((1500, 6), (6000, 30)):
        for sample in get_task("seal_common_words").build(prompt_format, length, 5, 0):
            entries = re.findall(r"(\d+)\. (\w+)", sample.input)
            assert [int(n) for n, _ in entries] == list(range(1, len(entries) + 1))
            counts = Counter(word for _, word in entries).most_common()
            assert {w for w, _ in counts[:10]} == set(sample.targets)
            assert all(n == often for _, n in counts[:10]) and counts[10][1] <= often // 6


def test_frequencies_are_zipfs(prompt_format):
    """The k-th most frequent word appears N / (zeta(2) k²) times, rounded down, and the asked words are those after the dots."""
    from collections import Counter

    for length in (1500, 6000):
        for sample in get_task("seal_frequent_words").build(prompt_format, length, 5, 0):
            counts = Counter(sample.input.split("The text:")[1].split("\n(End")[0].split()).most_common()
            assert counts[0][0] == "...." and {word for word, _ in counts[1:4]} == set(sample.targets) and counts[3][1] > counts[4][1]
            n = counts[0][1] * math.pi**2 / 6  # at least, since that count is rounded down
            for k, (_, count) in enumerate(counts[:8], 1):
                low, high = (int((n + more) / (math.pi**2 / 6 * k**2)) for more in (0, math.pi**2 / 6))
                assert low <= count <= max(high, 1), (length, k, count)


def test_needle_and_question_share_no_word():
    """All associations, stemmed: neither the needle's own words nor what it names occur in the question."""
    from snowballstemmer import stemmer

    stem, common = stemmer("english").stemWord, {"the", "a", "an", "of", "and", "in", "at", "to", "is", "for", "by", "on", "with"}
    words_in = lambda text: {stem(w) for w in re.findall(r"\w+", text.lower())} - common  # noqa: E731
    found = [*associations("tune"), *associations("eval")]
    assert len(found) == len({a.thing for a in found}) >= 300 and len(associations("tune")) > 60
    assert {kind: sum(a.kind == kind for a in found) > 30 for kind in FORMS} == dict.fromkeys(FORMS, True)
    for a in found:
        needle, question = FORMS[a.kind]
        for hops in (1, 2) if a.two else (1,):
            shared = words_in(needle.format(name="", thing=a.thing)) & words_in(question.format(known=a.known(hops)))
            assert not shared, (a, shared)


@pytest.mark.parametrize("hops", [1, 2])
def test_one_person_fits_the_question(prompt_format, hops):
    """The right person's needle is there once; the others are of the same kind and known for something else."""
    by_thing = {a.thing: a for split in ("tune", "eval") for a in associations(split)}
    for sample in replace(get_task("seal_latent"), hops=hops).build(prompt_format, 1500, 30, 0):
        (thing,), (name,) = sample.keys, sample.targets
        asked = by_thing[thing]
        needle, question = FORMS[asked.kind]
        assert sample.input.count(needle.format(name=name, thing=thing)) == 1 and question.format(known=asked.known(hops)) in sample.input
        others = [
            a
            for a in by_thing.values()
            if a.thing != thing and re.search(rf"[A-Z]\w+ {re.escape(needle.format(name='', thing=a.thing)[1:])}", sample.input)
        ]
        assert len(others) == 3 and not [a for a in others if {a.one, a.two} & {asked.one, asked.two} - {""}]
        assert asked.known(hops) not in sample.input.split(" (End of the text.)")[0].replace(thing, "")


def test_walks_are_true(prompt_format):
    """A breadth-first search over the prompt's edges finds the targets; they have other edges too."""
    task, degrees = replace(get_task("seal_graph"), steps=2, branches=3), []
    for i, sample in enumerate(task.build(prompt_format, 2500, 20, 0)):
        edges = re.findall(r"^(\w{6}) -> (\w{6})$", sample.input, re.MULTILINE)
        (node,) = sample.keys
        if i % 2 == 0:
            found = {a for a, b in edges if b == node}
        else:
            seen, found = {node}, {node}
            for _ in range(2):
                found = {b for a, b in edges if a in found} - seen
                seen |= found
        assert found == set(sample.targets) and len(sample.targets) == (3 if i % 2 == 0 else 9), i
        degrees.append(sum(a in found or b in found for a, b in edges) / len(found))
    assert sum(degrees) / len(degrees) > 1.5


def test_f1_of_nodes(prompt_format):
    task = get_task("seal_graph")
    (sample,) = task.build(prompt_format, 700, 1, 0)
    a, b, c = sample.targets
    other = next(node for node in nodes_of(sample.input) if node not in sample.targets and node not in sample.keys)
    for reply, reason, f1 in (
        (f"{c}, {a}, {b}", "exact", 1),
        (f"{a}, {b}", "incomplete", 0.8),
        (f"{a}, {b}, {other}", "incomplete", 2 / 3),
    ):
        score = task.score(reply, vars(sample))
        assert (score.reason, score.metrics["f1"]) == (reason, pytest.approx(f1)), reply


def test_passages_answer_the_question(prompt_format):
    """One hop: a passage says it, and no other is about the entity. Two hops: one names the author, another where he or she was born."""
    for sample in get_task("seal_qa").build(prompt_format, 3000, 30, 0):
        (key,), (word,), text = sample.keys, sample.targets, sample.input.split("These were")[0]
        (passage,) = [line for line in text.splitlines() if line.startswith(f"Document: {key}.")]
        assert re.search(rf"{key} was born in {word} in|{key}\" is a novel by \w+ {word},|{key} was founded by \w+ {word} in", passage)
        assert [line for line in text.splitlines() if word in line] == [passage]
    for sample in get_task("seal_qa_two_hops").build(prompt_format, 3000, 20, 0):
        (key,), (town,), text = sample.keys, sample.targets, sample.input.split("These were")[0]
        (author,) = re.findall(rf'"{key}" is a novel by (\w+ \w+),', text)
        assert re.findall(rf"{author} was born in (\w+) in", text) == [town] and text.count(town) == 1
        assert town not in next(line for line in text.splitlines() if line.startswith(f"Document: {key}."))
    places = sorted(round(10 * s.depth) for s in get_task("seal_qa").build(prompt_format, 6000, 10, 0))
    assert places[0] == 0 and places[-1] >= 9 and len(set(places)) >= 9


def test_pairs_are_those_of_the_object(prompt_format):
    """The prompt holds a JSON object; its value at the key is the target; depths run from its first pair to the last but one."""
    task = replace(get_task("seal_key_value"), depths=5, questions_per_record=5)
    for sample in task.build(prompt_format, 4000, 10, 0):
        found, (key,) = json.loads(sample.input[sample.input.index("\n\n{") : sample.input.index("\n}\n") + 2]), sample.keys
        assert (found[key],) == sample.targets and len(set(found.values())) == len(found) > 20
        place = list(found).index(key) / (len(found) - 2)  # an empty pair ends the object
        assert min(abs(place - depth) for depth in (0, 0.25, 0.5, 0.75, 1)) < 0.05
    assert {round(4 * s.depth) for s in task.build(prompt_format, 4000, 10, 0)} == {0, 1, 2, 3, 4}


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
