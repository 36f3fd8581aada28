"""What each task asks is true of its text: the right answers follow from the words, pairs, edges and passages that the prompt holds."""

import json
import math
import re
from dataclasses import replace

import pytest

from seal_eval.prompts.stops import answer_end
from seal_eval.tasks import get_task
from seal_eval.tasks.graph import nodes_of
from seal_eval.tasks.latent import FORMS, associations
from seal_eval.tasks.lines import facts_of
from seal_eval.tasks.needle import spaced, spread


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
