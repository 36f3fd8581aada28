"""Questions of SQuAD's and HotpotQA's files: on small files of the same form, because the official ones cannot be shipped."""

import json
import random
from dataclasses import asdict, replace

import pytest
from replier import STYLES

from seal_eval.core.errors import SealError
from seal_eval.core.plugins import Task
from seal_eval.prompts.corpus import words
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.prompts.qa_files import read_qa
from seal_eval.tasks import get_task

ARTICLES, PARAGRAPHS = 30, 6


def prose(rng, n):
    nouns = words("eval")[1]
    return " ".join(f"The {rng.choice(nouns)} met a {rng.choice(nouns)}." for _ in range(n))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with both files in their official form; answer N is 'Answer-N', one of SQuAD's questions has none."""
    rng, place = random.Random(0), tmp_path_factory.mktemp("qa")
    data = []
    for a in range(ARTICLES):
        paragraphs = []
        for p in range(PARAGRAPHS):
            qas = [{"id": f"s{a}-{p}", "question": f"What is  marked {a}.{p}?", "is_impossible": False,
                    "answers": [{"text": f"mark {a}x{p}", "answer_start": 0}, {"text": f"the mark {a}x{p}", "answer_start": 0}]},
                   {"id": f"n{a}-{p}", "question": "Who?", "is_impossible": True, "answers": []}]  # fmt: skip
            paragraphs.append({"context": f"{prose(rng, rng.randint(2, 12))} It is the mark {a}x{p}.\n", "qas": qas})
        data.append({"title": f"Article_{a}", "paragraphs": paragraphs})
    (place / "dev-v2.0.json").write_text(json.dumps({"version": "v2.0", "data": data}))
    rows = []
    for k in range(60):
        titles = [f"Page {k}-{j}" for j in range(10)]
        context = [[title, [f" {prose(rng, rng.randint(1, 6))}", f" Fact {title}."]] for title in titles]
        rows.append({"_id": f"h{k}", "question": f"Which answer joins {k}?", "answer": f"joint {k}", "type": "bridge", "level": "hard",
                     "supporting_facts": [[titles[3], 0], [titles[7], 1], [titles[3], 1]], "context": context})  # fmt: skip
    rows.append(rows[0] | {"_id": "lost", "supporting_facts": [["Elsewhere", 0]]})
    (place / "hotpot_dev_distractor_v1.json").write_text(json.dumps(rows))
    return place


def test_read(files):
    squad, hotpot = read_qa("squad", str(files)), read_qa("hotpot", str(files / "hotpot_dev_distractor_v1.json"))
    assert len(squad.passages) == ARTICLES * PARAGRAPHS == len(squad.questions)  # without those that have no answer
    first = squad.questions[0]
    assert (first.question, first.answers, first.needed) == ("What is marked 0.0?", ("mark 0x0", "the mark 0x0"), (0,))
    assert first.related == tuple(range(1, PARAGRAPHS)) and squad.passages[0][0] == "Article 0"
    assert len(hotpot.questions) == 60 and len(hotpot.passages) == 600  # without the one whose passage is not there
    assert (hotpot.questions[1].needed, len(hotpot.questions[1].related)) == ((13, 17), 8)


@pytest.mark.parametrize(("name", "kind"), [("seal_qa", "squad"), ("seal_qa_two_hops", "hotpot"), ("sealruler_qa_1", "squad")])
def test_samples(files, tokenizer, name, kind):
    task, prompt_format, file = replace(get_task(name), **{kind: str(files)}), PromptFormat(tokenizer), read_qa(kind, str(files))
    samples = task.build(prompt_format, 1200, 20, 0)
    assert samples == task.build(prompt_format, 1200, 20, 0) and len({s.cluster for s in samples}) == 20
    depths = []
    for sample in samples:
        ident = sample.cluster.removeprefix(f"{name}-{kind}-")
        asked = next(q for q in file.questions if q.ident == ident)
        assert 0.99 * 1200 < sample.n_tokens + sample.answer_tokens <= 1200
        assert sample.n_tokens == prompt_format.count(sample.input, sample.prefix)
        there = [k for k, (title, text) in enumerate(file.passages) if f"Document: {title}. {text}\n" in sample.input]
        assert set(asked.needed) <= set(there) and not set(asked.related) & set(there) and asked.question in sample.input
        assert task.question_at({"input": sample.input}) == sample.input.index("\n\nThese were the documents.")
        doc = asdict(sample)
        for style in STYLES.values():
            for answer in asked.answers:
                assert get_task(name).score(style([answer], doc), doc).value == 1.0
            assert get_task(name).score(style(["something else"], doc), doc).value == 0.0
        assert get_task(name).score(sample.answer, doc).reason == "exact"
        depths.append(round(sample.depth, 1))
    assert len(set(depths)) > 5


def test_refused(files, tokenizer, tmp_path):
    prompt_format = PromptFormat(tokenizer)
    with pytest.raises(SealError, match=r"neither a file nor a folder with one of squad\.json, dev-v2\.0\.json"):
        replace(get_task("seal_qa"), squad=str(tmp_path)).build(prompt_format, 1200, 1, 0)
    with pytest.raises(SealError, match="are for evaluation; tune without squad="):
        replace(get_task("seal_qa"), squad=str(files)).build(prompt_format, 1200, 1, 0, split="tune")
    with pytest.raises(SealError, match="hotpot is not for questions of 1 hop; pass squad=FOLDER"):
        replace(get_task("seal_qa"), hotpot=str(files))
    with pytest.raises(SealError, match="squad is not for questions of 2 hops; pass hotpot=FOLDER"):
        replace(get_task("seal_qa_two_hops"), squad=str(files))
    for text, said in (
        ("{", "cannot be read as JSON"),
        ('{"data": [{"title": 3}]}', "not the official file"),
        ('{"data": []}', "not the official"),
    ):
        (tmp_path / "squad.json").write_text(text)
        with pytest.raises(SealError, match=said):
            replace(get_task("seal_qa"), squad=str(tmp_path)).build(prompt_format, 1200, 1, 0)
    one = {"title": "T", "paragraphs": [{"context": "a </s> b", "qas": [{"id": "1", "question": "Q?", "answers": [{"text": "b"}]}]}]}
    (tmp_path / "squad.json").write_text(json.dumps({"data": [one]}))
    with pytest.raises(SealError, match="'</s>', which the tokenizer reads as a control token"):
        replace(get_task("seal_qa"), squad=str(tmp_path)).build(prompt_format, 1200, 1, 0)


def test_each_task_of_the_group_takes_its_own_file(files, tokenizer):
    """A run of `sealruler` gives every task both files."""
    for name, kind in (("sealruler_qa_1", "squad"), ("sealruler_qa_2", "hotpot")):
        task = replace(get_task(name), squad=str(files), hotpot=str(files))
        alone = replace(get_task(name), **{kind: str(files)})
        assert task.build(PromptFormat(tokenizer), 1200, 2, 0) == alone.build(PromptFormat(tokenizer), 1200, 2, 0)


def test_the_files_are_the_users_own(files):
    task: Task = replace(get_task("seal_qa"), squad=str(files))
    assert task.own_files() == [("squad", str(files))] and task.own_paths() == [(files, task.files_read["squad"])]
