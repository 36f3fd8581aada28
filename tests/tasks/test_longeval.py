"""LongEval's official case files are used byte for byte; errors name file and line. The cases here are made up in its format."""

import json
import random

import pytest

from seal_eval.core.errors import SealError
from seal_eval.prompts.longeval_cases import official_sizes, read_cases
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.tasks import get_task
from seal_eval.tasks.longeval import LongEvalLines, LongEvalTopics, conversations, topics_of


def line_case(n, seed, double=False):
    rng = random.Random(seed)
    lines = [f"line key-{seed}-{i}: REGISTER_CONTENT is <{rng.randint(1, 50000)}>\n" for i in range(n)]
    at = rng.randrange(n)
    value = int(lines[at].split("<")[1][:-2])
    if double:
        lines[at - 1] = f"line twin-{seed}: REGISTER_CONTENT is <{value}>\n"
    prompt = (
        "Below is a record of lines.\r\n\n"
        + "".join(lines)
        + f"Now the record is over. Tell me … in line key-{seed}-{at}? I need the number."
    )
    return {"random_idx": [f"key-{seed}-{at}", at], "expected_number": value, "num_lines": n, "correct_line": lines[at], "prompt": prompt}


def topic_case(n, seed):
    topics = [f"The use of tool {seed} {i}" for i in range(n)]
    record = "".join(f"USER: I would like to discuss the topic of the use of tool {seed} {i}. \n ASSISTANT: Sure.\n" for i in range(n))
    return {
        "test_id": seed,
        "prompt": f"Below is a record. {record} What is the first topic we discussed?",
        "topics": topics,
        "prompt_length": -1,
    }


@pytest.fixture
def official(tmp_path):
    for kind, case in (("lines", line_case), ("topics", topic_case)):
        folder = tmp_path / "evaluation" / kind / "testcases"
        folder.mkdir(parents=True)
        for n in (5, 7):
            (folder / f"{n}_{kind}.jsonl").write_text("".join(json.dumps(case(n, seed)) + "\n" for seed in range(4)))
    return tmp_path


def test_byte_for_byte(official, tokenizer):
    for cls, kind, case in ((LongEvalLines, "lines", line_case), (LongEvalTopics, "topics", topic_case)):
        assert official_sizes(official, kind) == official_sizes(official / "evaluation", kind) == [5, 7]
        task = cls(f"seal_longeval_{kind}", "", longeval_data=str(official))
        for i, sample in enumerate(task.build(PromptFormat(tokenizer), 7, 4, 0)):
            assert (sample.input, sample.prefix) == (case(7, i)["prompt"], "")
            assert "official" in sample.sample_id
            assert task.score(sample.answer, vars(sample)).value == 1.0
        with pytest.raises(SealError, match=r"num_samples is 5, the official file for 7 .* holds 4"):
            task.build(PromptFormat(tokenizer), 7, 5, 0)


def test_warns_of_values_on_two_lines(tmp_path, capsys):
    (tmp_path / "6_lines.jsonl").write_text("".join(json.dumps(line_case(6, seed, double=seed < 2)) + "\n" for seed in range(5)))
    assert len(read_cases(tmp_path, "lines", 6)) == 5
    assert "in 2 of 5 cases the answer's value also occurs on another line" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda rows: rows[1].pop("prompt"), r"5_lines\.jsonl, line 2: no field 'prompt'"),
        (lambda rows: rows[2].update(expected_number="x"), "line 3: not a LongEval case"),
        (
            lambda rows: rows[0].update(correct_line="line other: REGISTER_CONTENT is <3>"),
            "line 1: not a LongEval case .the prompt does not contain the correct line",
        ),
        (lambda rows: rows.clear(), "holds no case"),
    ],
)
def test_damaged_files(tmp_path, spoil, message):
    rows = [line_case(5, seed) for seed in range(3)]
    spoil(rows)
    (tmp_path / "5_lines.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    with pytest.raises(SealError, match=message):
        read_cases(tmp_path, "lines", 5)
    (tmp_path / "5_lines.jsonl").write_text('{"prompt": ')
    with pytest.raises(SealError, match="line 1: not a LongEval case"):
        read_cases(tmp_path, "lines", 5)
    for other in ("²", "٣", "07", "0"):  # sizes that no file name is made from
        (tmp_path / f"{other}_lines.jsonl").touch()
    with pytest.raises(SealError, match=r"holds no 9_lines\.jsonl; sizes there: \[5\]"):
        read_cases(tmp_path, "lines", 9)
    with pytest.raises(SealError, match=r"holds no N_topics\.jsonl"):
        official_sizes(tmp_path, "topics")


def test_built_in_sizes(tokenizer):
    """A record has as many lines or topics as its size; the target is the first topic introduced."""
    lines = get_task("seal_longeval_lines").build(PromptFormat(tokenizer), 200, 3, 0)
    assert all(s.input.count("REGISTER_CONTENT is <") == 200 and s.answer_tokens == 100 for s in lines)
    samples = get_task("seal_longeval_topics").build(PromptFormat(tokenizer), 25, 10, 0)
    for sample in samples:
        assert len(topics_of(sample.input)) == 25 and topics_of(sample.input)[0] == sample.targets[0]
    assert len({s.targets for s in samples}) > 5
    assert {t for s in samples for t in topics_of(s.input)} <= {c["topic"] for c in conversations()}
