"""Tasks from outside this project: the field that identifies the document, and the guess without it."""

import re
from pathlib import Path

import pytest

from seal_eval.core.errors import SealError
from seal_eval.results.chosen_test import sentence
from seal_eval.results.lm_eval_documents import documents, in_words
from seal_eval.results.paired import paired_scores
from seal_eval.results.records import load_runs

FILE = Path("samples.jsonl")
LONG = "Read the passage and answer the question with one word. " * 20


def rows(*docs):
    return [(i + 1, {"doc": doc, "doc_id": i, "doc_hash": f"{i:016x}"}) for i, doc in enumerate(docs)]


def groups(names):
    """Numbers in place of the names, in order of first appearance."""
    return [list(dict.fromkeys(names)).index(name) for name in names]


DOCS = [{"passage": f"passage {i // 2} " * 9, "q": f"question {i}", "id": i // 3, "meta": {"source": f"s{i % 2}"}} for i in range(6)]


def test_named_field():
    for field, wanted in (("passage", [0, 0, 1, 1, 2, 2]), ("id", [0, 0, 0, 1, 1, 1]), ("meta.source", [0, 1, 0, 1, 0, 1])):
        names, guess = documents(FILE, "t", rows(*DOCS), field)
        assert groups(names) == wanted and guess is None
    text = [documents(FILE, task, rows(*DOCS), "passage")[0] for task in ("a", "b")]
    ids = [documents(FILE, task, rows(*DOCS), "id")[0] for task in ("a", "b")]
    assert text[0] == text[1] and not {*ids[0]} & {*ids[1]}  # the same text is one document in both tasks; the same number is not


@pytest.mark.parametrize("field", ["passag", "meta", "meta.x", "q.x", ""])
def test_wrong_field(field):
    docs = [{**doc, "meta": {} if field == "meta" else doc["meta"]} for doc in DOCS]
    if field == "meta":
        docs[0]["meta"] = None
    if not field:
        assert documents(FILE, "t", rows(*docs), field)[1]
        return
    with pytest.raises(
        SealError, match=rf"^samples.jsonl, line 1: doc has no value for '{re.escape(field)}'.*its fields are passage, q, id, meta"
    ):
        documents(FILE, "t", rows(*docs), field)


def test_guess_is_the_longest_text_and_is_told():
    names, guess = documents(FILE, "t", rows(*DOCS))
    assert groups(names) == [0, 0, 1, 1, 2, 2]
    assert in_words([guess]) == (
        "Documents: samples whose longest text is equal, an assumption; --cluster FIELD names the field "
        "(values repeat in passage, meta.source)."
    )


def test_an_instruction_that_all_share_is_no_document():
    names, guess = documents(FILE, "t", rows(*({"instruction": LONG, **doc} for doc in DOCS)))
    assert groups(names) == [0, 0, 1, 1, 2, 2] and guess.shared == "instruction"
    assert "(but for instruction, the same in all samples)" in in_words([guess])
    assert groups(documents(FILE, "t", rows({"a": "only"}, {"a": "only"}))[0]) == [0, 0]  # nothing else varies
    assert groups(documents(FILE, "t", rows({}, 5, {"n": 3}))[0]) == [0, 1, 2]


def test_a_short_passage_is_named_as_candidate():
    docs = [{"passage": f"p{i % 2}", "q": f"a much longer question number {i}"} for i in range(6)]
    names, guess = documents(FILE, "t", rows(*docs))
    assert len({*names}) == 6 and "values repeat in passage" in in_words([guess])
    assert groups(documents(FILE, "t", rows(*docs), "passage")[0]) == [0, 1] * 3


def test_only_for_tasks_from_outside(results):
    with pytest.raises(SealError, match="--cluster passage is for tasks from outside"):
        load_runs(results, foreign=True, cluster="passage")
    assert "assumption" not in sentence(paired_scores(load_runs(results, foreign=True))[0])
