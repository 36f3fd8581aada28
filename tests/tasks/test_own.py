"""A user's own questions: placed at exact lengths and depths, scored as SQuAD does, and refused with the line that is wrong."""

import json
import re
from dataclasses import asdict, replace

import pytest
from replier import STYLES

from seal_eval.core.errors import SealError
from seal_eval.prompts.own_questions import OR
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.tasks import get_task
from seal_eval.tasks.own import squad

from conftest import seal_eval

ROWS = [
    {"question": "Who repairs the lift?", "answer": ["the caretaker", "caretaker"], "passage": "The caretaker repairs the lift."},
    {"question": "When does the archive close?", "answer": "at noon", "file": "archive.txt"},
    {"question": "What is 3 + 4?", "answer": "7", "passage": "Three and four are 7.", "id": "sum"},
]


@pytest.fixture
def files(tmp_path):
    """(questions file, folder of texts)."""
    texts = tmp_path / "texts"
    texts.mkdir()
    (texts / "archive.txt").write_text("The archive closes at noon. Readers leave their coats there.")
    (texts / "long.txt").write_text(
        " ".join(f"Shelf {i} holds {i % 7 + 20} letters from the year {1800 + i}." for i in range(400)) + " We eat at noon."
    )
    questions = tmp_path / "questions.jsonl"
    questions.write_text("\n".join(json.dumps(row) for row in ROWS) + "\n\n")
    return questions, texts


def task_of(files):
    return replace(get_task("seal_own"), questions=str(files[0]), texts=str(files[1]))


def test_samples(files, tokenizer):
    """The passage stands once at its depth, nothing else tells the answer, and a question's samples are one document."""
    samples = task_of(files).build(PromptFormat(tokenizer), 700, 9, 0)
    passages = ["The caretaker repairs the lift.", "The archive closes at noon. Readers leave their coats there.", "Three and four are 7."]
    for i, sample in enumerate(samples):
        row, passage = ROWS[i % 3], passages[i % 3]
        assert 0.99 * 700 <= sample.n_tokens + sample.answer_tokens <= 700
        assert sample.input.count(passage) == 1 and row["question"] in sample.input
        rest = sample.input.replace(passage, "").replace(row["question"], "")
        assert not any(re.search(rf"\b{re.escape(a)}\b", rest, re.I) for a in sample.targets[0].split(OR))
        before = sample.input[: sample.input.index(passage)]
        assert abs(len(tokenizer(before)["input_ids"]) / sample.n_tokens - sample.depth) < 0.02
    assert [s.cluster for s in samples] == ["seal_own-line-1", "seal_own-line-2", "seal_own-sum"] * 3
    assert len({round(s.depth, 1) for s in samples}) > 4
    assert samples == task_of(files).build(PromptFormat(tokenizer), 700, 9, 0)


def test_examples_and_prose(tokenizer):
    """Without files: invented places among addresses, and no question of evaluation in tuning."""
    task = get_task("seal_own")
    asked = [{s.cluster for s in task.build(PromptFormat(tokenizer), 700, 24, 0, split)} for split in ("eval", "tune")]
    assert [len(found) for found in asked] == [17, 7] and not asked[0] & asked[1]


@pytest.mark.parametrize("style", STYLES)
def test_scores_in_every_style(files, tokenizer, style):
    task = task_of(files)
    for sample in task.build(PromptFormat(tokenizer), 700, 3, 0):
        doc = asdict(sample)
        for answer in sample.targets[0].split(OR):
            assert task.score(STYLES[style]([answer], doc), doc).reason == "exact", answer
        assert task.score(STYLES[style](["purple trombone"], doc), doc).value == 0


@pytest.mark.parametrize(("reply", "value", "reason"), [
    ("The caretaker.", 1, "exact"), ("CARETAKER", 1, "exact"), ("It is the caretaker of the west wing.", 1, "exact"),
    ("caretakers", 0, "wrong answer"), ("Not the caretaker, but a plumber.", 0, "wrong answer"), ("a plumber", 0, "wrong answer"),
    ("a plumber.\n\nQuestion: Who repairs the lift?\nAnswer: the caretaker", 0, "wrong answer"), ("caretaker\nQuestion: x?", 1, "exact"),
    ("I cannot find that in the text.", 0, "refused"), ("", 0, "unparsable"),
])  # fmt: skip
def test_scores(files, tokenizer, reply, value, reason):
    task = task_of(files)
    found = task.score(reply, asdict(task.build(PromptFormat(tokenizer), 700, 1, 0)[0]))
    assert (found.value, found.reason) == (value, reason)


def test_squads_scores():
    """By hand, after evaluate-v1.1.py: articles, case and punctuation do not count; F1 of the bags of words, the best answer."""
    assert squad("The Caretaker!", ["caretaker"]) == {"token_f1": 1.0, "exact_answer": 1.0}
    assert squad("the old caretaker", ["caretaker", "old man"]) == {"token_f1": pytest.approx(2 / 3), "exact_answer": 0.0}
    assert squad("no idea", ["caretaker"]) == {"token_f1": 0.0, "exact_answer": 0.0}


@pytest.mark.parametrize(("row", "problem"), [
    ({"anwser": "x"}, "anwser"), ({"answer": []}, "answer"), ({"answer": "?!"}, r"answer '\?!' has no letter or digit"),
    ({"answer": "a | b"}, r"answer 'a \| b'"), ({"passage": " "}, "it needs a passage"), ({"file": "archive.txt"}, "it needs a passage"),
    ({"passage": "", "file": "other.txt"}, "file 'other.txt' is not in texts="), ({"id": "a\nb"}, "id "),
    ({"id": "line-1"}, "a second question has the id 'line-1'"), ({"passage": "<s> here"}, "it holds '<s>', which the tokenizer reads"),
    ("{", "not a JSON object"), ('{"question": "?"}', "no answer; a line has question, answer, and passage or file"),
])  # fmt: skip
def test_lines_that_are_wrong(files, tokenizer, row, problem):
    """`row`: the line, or what it has besides a good one's fields."""
    files[0].write_text(f"{json.dumps(ROWS[0])}\n{row if isinstance(row, str) else json.dumps(ROWS[0] | row)}\n")
    with pytest.raises(SealError, match=rf"questions\.jsonl, line 2: {problem}"):
        task_of(files).build(PromptFormat(tokenizer), 700, 1, 0)


def test_files_that_are_wrong(files, tokenizer, tiny_folder, tmp_path):
    questions, _ = files
    prompt_format = PromptFormat(tokenizer)
    with pytest.raises(SealError, match="are for evaluation; tune on another task"):
        task_of(files).build(prompt_format, 700, 1, 0, "tune")
    with pytest.raises(SealError, match="'nowhere' is no folder"):
        task_of((questions, "nowhere")).build(prompt_format, 700, 1, 0)
    with pytest.raises(SealError, match=r"holds .* tokens, .* are needed"):
        task_of(files).build(prompt_format, 60_000, 1, 0)
    (files[1] / "chat.txt").write_text("One turn.</s> Another turn.")
    with pytest.raises(SealError, match=r"chat\.txt: it holds '</s>', which the tokenizer reads as a control token"):
        task_of(files).build(prompt_format, 700, 1, 0)
    (files[1] / "chat.txt").unlink()
    questions.write_text("\n")
    with pytest.raises(SealError, match="holds no question"):
        task_of(files).build(prompt_format, 700, 1, 0)
    command = ("run", "--model_args", f"pretrained={tiny_folder}", "--tasks", "seal_own", "--output_path", tmp_path / "out", "--metadata")
    said = seal_eval(*command, '{"lengths": [700], "questions": "none.jsonl"}', code=1).stderr
    assert "questions 'none.jsonl' is no file" in said and not (tmp_path / "out").exists()


def test_an_edited_file_is_another_run(files, tiny_folder, tmp_path):
    """Results name the files; after an edit, the same command asks the new question."""
    metadata = json.dumps({"lengths": [700], "num_samples": 3, "questions": str(files[0]), "texts": str(files[1])})
    command = (
        "run",
        "--model_args",
        f"pretrained={tiny_folder}",
        "--tasks",
        "seal_own",
        "--output_path",
        tmp_path / "out",
        "--metadata",
        metadata,
    )
    seal_eval(*command, "--device", "cpu")
    assert "finished before" in seal_eval(*command, "--device", "cpu").stderr
    files[0].write_text(files[0].read_text().replace("repairs the lift?", "mends the lift?"))
    seal_eval(*command, "--device", "cpu")
    assert len(list((tmp_path / "out").rglob("results_*.json"))) == 2
    (latest,) = [file for file in (tmp_path / "out").rglob("samples_*.jsonl") if "mends the lift?" in file.read_text()]
    assert latest
