"""Methods that lack scores of some samples: what is compared, ranked and named is what they have in common."""

import pytest

from seal_eval.results.chosen_test import chosen_test, sentence
from seal_eval.results.compare import compare
from seal_eval.results.csv_scores import read_scores
from seal_eval.results.paired import paired_scores_of


@pytest.fixture
def paired(tmp_path):
    """Return a function: (sample, method, score or None, length, document) of each row → the paired scores."""

    def make(rows):
        file = tmp_path / "scores.csv"
        lines = [f"{sample},{method},{'' if score is None else score},t,{n},{document}" for sample, method, score, n, document in rows]
        file.write_text("sample,method,score,task,length,cluster\n" + "\n".join(lines) + "\n")
        runs = read_scores(file)
        return paired_scores_of(runs, runs[0].model)

    return make


def test_no_ranks_without_a_common_sample_of_a_cell(paired):
    """x has the first half of the long texts, y the other: the means over all cells cannot be ordered by the short texts alone."""
    rows = []
    for n in (1024, 8192):
        for i in range(10):
            there = {"plain": i != 7 if n == 1024 else i > 6, "x": 1, "y": 0 if n == 1024 else 1}
            lacks = {"x": n == 8192 and i >= 5, "y": n == 8192 and i < 5}
            rows += [(f"{n}-{i}", m, None if lacks.get(m) else int(right), n, f"{n}-{i}") for m, right in there.items()]
    found = compare(paired(rows))
    assert found.ranks == () and found.cochran is None
    assert "There are no ranks: no sample of t 8,192 has a score of every method." in found.missing
    assert all(row.posterior is None for row in found.rows) and all(row.accuracy for row in found.of("primary"))
    whole = compare(paired([(a, b, 1 if c is None else c, d, e) for a, b, c, d, e in rows]))
    assert len(whole.ranks) == 3 and not [text for text in whole.missing if "no ranks" in text]


def test_the_sentence_names_the_test_that_was_used(paired):
    """Two questions on each document, of which one has a score: no document repeats among the pairs."""
    rows = [(f"{d}-{q}", m, None if q else (d * (m == "x")) % 2, 1024, d) for d in range(12) for q in range(2) for m in ("plain", "x")]
    once = paired(rows)
    assert chosen_test(once) == "the two-sided mid-p McNemar test" and "no document repeats" in sentence(once)
    assert "McNemar" in compare(once).of("primary")[1].difference.method
    twice = paired([(a, b, 0 if c is None else c, d, e) for a, b, c, d, e in rows])
    assert chosen_test(twice) == "a sign-flip test of whole documents" and "24 samples belong to 12 documents" in sentence(twice)
    mixed = paired([row if row[1] != "x" else (row[0], "x", 0 if row[2] is None else row[2], *row[3:]) for row in rows])
    assert chosen_test(mixed) == "the two-sided mid-p McNemar test"
