"""Users' texts as they come: what tells the answer besides the passage, files as Windows writes them, and words for what is wrong."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from seal_eval.core.errors import SealError
from seal_eval.harness.dataset import documents
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.tasks import get_task

from tokenizers_made import made

SHELVES = " ".join(f"Shelf {i} holds {i % 7 + 20} letters of {1800 + i}, kept by the old keeper of the house." for i in range(300))
LIFT = {"question": "Who repairs the lift?", "answer": ["the caretaker", "caretaker"], "passage": "The caretaker repairs the lift."}


@pytest.fixture
def texts(tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "shelves.txt").write_text(SHELVES)
    return folder


def asking(texts, *rows):
    file = texts.parent / "questions.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows) + "\n")
    return replace(get_task("seal_own"), questions=str(file), texts=str(texts))


def around(sample):
    """The text of a prompt without passage and question."""
    return sample.input.partition("The text:")[2].rpartition("(End of the text.)")[0]


@pytest.mark.parametrize(("answer", "text"), [
    ("Dr. Brown", "Later Dr. Brown came home. Nobody saw it."),  # a sentence seems to end behind "Dr."
    ("keeper house", ""), ("by the keeper", ""), ("letters the", ""),  # words that stand side by side where not all of a sentence are taken
])  # fmt: skip
def test_nothing_around_the_passage_tells_the_answer(texts, tokenizer, answer, text):
    """Not even where two sentences meet, or words of a sentence of which not all are taken."""
    (texts / "more.txt").write_text(f"{text} " * 200)
    row = {"question": "What is it?", "answer": answer, "passage": f"It is {answer}."}
    for sample in asking(texts, row).build(PromptFormat(tokenizer), 700, 40, 0):
        assert len(re.findall(rf"\b{re.escape(answer)}\b", around(sample), re.I)) == 1
        assert 0.99 * 700 < sample.n_tokens + sample.answer_tokens <= 700


def test_a_passage_out_of_the_texts_stands_once(texts, tokenizer):
    """Also if its sentence does not hold the answer in the answer's own words."""
    passage = "Shelf 5 holds 25 letters of 1805, kept by the old keeper of the house."
    row = {"question": "How many letters are on shelf 5?", "answer": "two dozen and one", "passage": passage}
    for sample in asking(texts, row).build(PromptFormat(tokenizer), 1900, 60, 0):
        assert sample.input.count("Shelf 5 holds") == 1


def test_files_of_windows(texts, tokenizer):
    """A byte order mark is no part of a text or a question; CRLF ends lines; names may be in capitals."""
    plain = asking(texts, LIFT).build(PromptFormat(tokenizer), 700, 6, 0)
    (texts / "shelves.txt").unlink()
    (texts / "SHELVES.TXT").write_bytes(b"\xef\xbb\xbf" + SHELVES.replace(". ", ".\r\n").encode())
    task = asking(texts, LIFT)
    questions = texts.parent / "questions.jsonl"
    questions.write_bytes(b"\xef\xbb\xbf" + questions.read_bytes().replace(b"\n", b"\r\n"))
    assert task.build(PromptFormat(tokenizer), 700, 6, 0) == plain


def test_lines_with_one_id_are_one_document(texts, tokenizer):
    """As docs/own-documents.md says."""
    rows = [LIFT | {"id": "lift"}, LIFT | {"id": "lift", "question": "Who mends the lift?"}, LIFT]
    samples = asking(texts, *rows).build(PromptFormat(tokenizer), 700, 3, 0)
    assert [s.cluster for s in samples] == ["seal_own-lift", "seal_own-lift", "seal_own-line-3"]
    assert len({s.sample_id for s in samples}) == len({s.input for s in samples}) == 3


def test_questions_on_one_passage_are_one_document(texts, tokenizer):
    """Without ids: several questions on one file are not independent."""
    rows = [LIFT, LIFT | {"passage": "Another keeper.", "answer": "another"}, LIFT | {"question": "Who mends the lift?"}]
    samples = asking(texts, *rows).build(PromptFormat(tokenizer), 700, 3, 0)
    assert [s.cluster for s in samples] == ["seal_own-line-1", "seal_own-line-2", "seal_own-line-1"]


@pytest.mark.parametrize(("name", "content"), [
    ("a.txt", SHELVES.encode("utf-16-le")), ("a.txt", b"%PDF-1.7\n" + SHELVES.encode()), ("a.txt", b"{\\rtf1 " + SHELVES.encode()),
])  # fmt: skip
def test_what_only_looks_like_a_text(texts, tokenizer, name, content):
    """All of these are valid UTF-8."""
    (texts / name).write_bytes(content)
    with pytest.raises(SealError, match=r"texts file .*a\.txt is no plain UTF-8 text, whatever its name; save the text itself in it"):
        asking(texts, LIFT).build(PromptFormat(tokenizer), 700, 1, 0)


def test_files_that_are_not_read_are_named(texts, tokenizer, capsys):
    for name in ("report.pdf", "notes.docx", ".DS_Store"):
        (texts / name).write_bytes(b"PK")
    task = asking(texts, LIFT)
    for length in (700, 800):
        task.build(PromptFormat(tokenizer), length, 1, 0)
    assert capsys.readouterr().err == f"texts={texts}: notes.docx, report.pdf not read; only .txt files are\n"


def test_a_linked_folder_of_texts_is_no_silent_loss(texts, tokenizer):
    (texts.parent / "more").mkdir()
    (texts / "more").symlink_to(texts.parent / "more")
    with pytest.raises(SealError, match="more is a link to a folder, whose files are not read; copy them there, or remove it"):
        asking(texts, LIFT).build(PromptFormat(tokenizer), 700, 1, 0)


@pytest.mark.parametrize("changed", [{"question": " \n"}, {"passage": "The caretaker\0 repairs the lift."}, {"question": "Who\0?"}])
def test_questions_that_are_no_text(texts, tokenizer, changed):
    with pytest.raises(SealError, match="line 1: the question is empty, or it or the passage holds a zero byte; write plain text"):
        asking(texts, LIFT | changed).build(PromptFormat(tokenizer), 700, 1, 0)


def test_answers_that_no_passage_holds(texts, tokenizer, capsys):
    """They are named, once for all sizes; they may be right, so that they are asked."""
    held = {"question": "What is 3 + 4?", "answer": "7", "passage": "Three and four are seven."}
    inferred = {"question": "Is it seven?", "answer": "yes", "passage": "Three and four are seven."}
    task = asking(texts, LIFT, held, inferred, LIFT | {"answer": "a plumber"})
    for length in (700, 800):
        assert len(task.build(PromptFormat(tokenizer), length, 4, 0)) == 4
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "questions.jsonl: the passage of line-4 holds no accepted answer" in said


@pytest.mark.parametrize(("folder", "message"), [
    ("nowhere", "texts '.*nowhere' is no folder; name one of .txt files"), ("texts/shelves.txt", "is no folder; name one of .txt files"),
    ("notes", "texts folder .* holds no text: 0 .txt files, and only names that end so count"),
    ("broken", r"texts file .*gone\.txt cannot be read \(No such file or directory\); mend or remove it"),
    ("wide", r"texts file .*a\.txt is not UTF-8 \(byte 0\); convert it"),
])  # fmt: skip
def test_folders_that_are_wrong(texts, tokenizer, folder, message):
    place = texts.parent
    for name in ("notes", "broken", "wide"):
        (place / name).mkdir()
    (place / "notes" / "a.md").write_text(SHELVES)
    (place / "broken" / "gone.txt").symlink_to(place / "gone.txt")
    (place / "wide" / "a.txt").write_bytes(SHELVES.encode("utf-16"))
    with pytest.raises(SealError, match=message):
        replace(asking(texts, LIFT), texts=str(place / folder)).build(PromptFormat(tokenizer), 700, 1, 0)


def test_a_folder_named_like_a_text(texts, tokenizer):
    plain = asking(texts, LIFT).build(PromptFormat(tokenizer), 700, 1, 0)
    (texts / "notes.txt").mkdir()
    assert asking(texts, LIFT).build(PromptFormat(tokenizer), 700, 1, 0) == plain


@pytest.mark.parametrize("length", [700, 4096])
def test_a_passage_that_is_too_long(texts, tokenizer, length):
    """The error names question, tokens and remedy."""
    task = asking(texts, LIFT, {"question": "Where is it?", "answer": "1805", "passage": SHELVES * 5})
    with pytest.raises(SealError, match=rf"^seal_own: question line-2: length {length} cannot be filled: .* take \d{{5}} tokens; choose"):
        task.build(PromptFormat(tokenizer), length, 2, 0)


def test_a_line_break_is_no_control_token(texts):
    """Some tokenizers declare it a special token; texts may hold it all the same."""
    tokenizer = made("unigram-bos")
    assert "\n" in tokenizer.added_tokens_encoder
    (texts / "shelves.txt").write_text(SHELVES.replace(". ", ".\n"))
    assert asking(texts, LIFT).build(PromptFormat(tokenizer), 900, 1, 0)


def test_files_that_change_within_a_process(texts, tiny_folder):
    """In a notebook, a file is edited and the samples are built again."""
    task = asking(texts, LIFT)
    own = {"questions": task.questions, "texts": task.texts}
    for name, settings, edited in (("seal_own", own, task.questions), ("seal_needle", {"haystack": str(texts)}, texts / "shelves.txt")):
        asked = {"tokenizer": str(tiny_folder), "lengths": [3000], "num_samples": 1, **settings}
        before = documents(name, **asked)["test"][0]["input"]
        file = Path(edited)
        file.write_text(file.read_text().replace("lift?", "old lift?").replace("old keeper", "new keeper"))
        assert documents(name, **asked)["test"][0]["input"] != before


def test_an_answer_in_every_sentence(texts, tokenizer):
    """The error says why little text is left."""
    task = asking(texts, LIFT | {"answer": "keeper", "passage": "The keeper repairs it."})
    with pytest.raises(SealError, match=r"question line-1: no text is left .*; 300 of 300 sentences tell the answer and are left out"):
        task.build(PromptFormat(tokenizer), 700, 1, 0)


@pytest.mark.parametrize(("answer", "message"), [
    (7, "line 1: answer is 7, must be text or a list of texts"), (["the caretaker", ""], r"line 1: answer\[1\] is \"\", must have"),
])  # fmt: skip
def test_answers_that_are_no_texts(texts, tokenizer, answer, message):
    with pytest.raises(SealError, match=message):
        asking(texts, LIFT | {"answer": answer}).build(PromptFormat(tokenizer), 700, 1, 0)
