"""`compare` and `power`: results checked by hand, output formats, and what is refused."""

import csv
import io
import json
import re
import time
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from seal_eval.core.errors import SealError
from seal_eval.results.compare import compare
from seal_eval.results.paired import PairedScores, check_clusters, paired_scores_of
from seal_eval.results.power import from_pilot
from seal_eval.results.records import load_runs
from seal_eval.results.tables import as_text, tables
from seal_eval.stats import benjamini_hochberg, holm, mcnemar, pairs_needed, tango
from seal_eval.stats.effective import anova_correlation

from conftest import seal_eval


def made(n=120, methods=4, clusters=None, cells=2, seed=0):
    rng = np.random.default_rng(seed)
    scores = (rng.random((n, methods)) < np.linspace(0.4, 0.7, methods)).astype(float)
    document = np.arange(n) if clusters is None else np.arange(n) % clusters
    names = tuple(f"m{i}" for i in range(methods))
    where = tuple(("seal_lines", 512 * 2**i) for i in range(cells))
    return PairedScores(
        "model", names, tuple(f"s{i:06}" for i in range(n)), where, np.arange(n) % cells, document,
        tuple(map(str, range(document.max() + 1))),
        rng.random(n), scores,
    )  # fmt: skip


def test_independent_samples_by_hand():
    """Two cells of equal size: mid-p McNemar on all pairs, Holm over methods, BH over cells, Tango within a cell."""
    design = made()
    found = compare(design)
    rows = [r for r in found.of("primary") if r.difference]
    base, expected = design.scores[:, 0], []
    for column, row in enumerate(rows, 1):
        one = design.scores[:, column]
        table = [int(x.sum()) for x in (one * base, one * (1 - base), (1 - one) * base, (1 - one) * (1 - base))]
        assert row.pairs == tuple(table) and row.difference.value == pytest.approx((table[1] - table[2]) / 120)
        expected.append(mcnemar(*table).p_midp)
        assert (row.posterior.p_better > 0.5) == (row.difference.value > 0)
    assert [r.difference.p_value for r in rows] == pytest.approx(expected)
    assert [r.p_adjusted for r in rows] == pytest.approx(holm(expected))
    cells = [r for r in found.of("cell") if r.difference]
    assert [r.p_adjusted for r in cells] == pytest.approx(benjamini_hochberg([r.difference.p_value for r in cells]))
    one = tango(*cells[0].pairs)
    assert (cells[0].difference.low, cells[0].difference.high) == (one.low, one.high)
    assert "mid-p McNemar" in found.sentence and found.cochran.degrees == 3 and len(found.ranks) == 4


def test_documents_that_repeat_and_cells_of_several_sizes():
    repeated = compare(made(clusters=12))
    assert "12 documents" in repeated.sentence and "sign-flip" in repeated.of("primary")[1].difference.method and repeated.cochran is None
    design = made(cells=2)
    uneven = PairedScores(**{**vars(design), "cell": (np.arange(120) > 30).astype(int)})
    found = compare(uneven)
    one, base = (np.array([design.scores[uneven.cell == c, m].mean() for c in (0, 1)]) for m in (1, 0))
    assert found.of("primary")[1].difference.value == pytest.approx((one - base).mean()) and "different sizes" in found.sentence


def test_unscored_replies_are_counted_and_left_out():
    design = made()
    design.scores[:7, 1] = np.nan
    row = compare(design).of("primary")[1]
    assert (row.accuracy.n, row.accuracy.n_missing, row.difference.n, row.difference.n_missing) == (113, 7, 113, 7)
    assert sum(row.pairs) == 113
    design.scores[:, 2] = np.nan
    with pytest.raises(SealError, match="m2: no scored reply in common with m0 on all tasks, first sample s000000"):
        compare(design)


def test_shares_between_0_and_1():
    """Scores between 0 and 1: a sign-flip test over clusters, and an interval at the effective number of pairs."""
    design = made(methods=2)
    design.scores[:, 1] = np.round(design.scores[:, 1] * 0.75, 2)
    row = compare(design).of("primary")[1]
    assert row.pairs is None and "effective number of pairs" in row.difference.method and "sign-flip" in row.difference.method
    with pytest.raises(SealError, match="scores other than 0 and 1"):
        from_pilot(design, None)


def test_averages_over_lengths_of_fractional_scores():
    """The same score at all lengths is the average under any weights."""
    design = made(n=40, clusters=40, cells=2)
    found = compare(replace(design, scores=np.full_like(design.scores, 0.34)))
    assert found.lengths and all(one.rising == one.falling == pytest.approx(0.34) for one in found.lengths)


def test_one_document_is_refused():
    design = made(n=20, clusters=1, cells=1)
    with pytest.raises(SealError, match=r"model: all 20 samples belong to one document, first s000000; .*six to reach p < .05"):
        check_clusters(design)
    row = compare(design).of("cell")[1]
    assert (row.difference.low, row.difference.high, row.difference.p_value) == (-1.0, 1.0, None)


def test_sequential():
    found = compare(made(), sequential=True)
    plain = compare(made())
    for one, two in zip(found.of("primary")[1:], plain.of("primary")[1:], strict=True):
        assert one.difference.p_value > two.difference.p_value and one.difference.low < two.difference.low
    assert "anytime" in found.sentence and "again and again" not in found.sentence and "again and again" in plain.sentence
    estimates = [e for row in found.rows for e in (row.accuracy, row.difference) if e]
    assert all("anytime-valid" in e.method for e in estimates) and not any(row.detectable for row in found.rows)
    assert found.cochran is None and not found.positions and not any(one.interaction for one in found.lengths)
    assert plain.cochran and plain.positions and any(row.detectable for row in plain.rows)
    assert "shows" in tables(plain)[0].columns and "shows" not in tables(found)[0].columns
    assert all(one.low <= two.low and one.high >= two.high for one, two in zip(found.ranks, plain.ranks, strict=True))


def test_every_format_says_the_same(results):
    """JSON and CSV hold every row's numbers, Markdown and LaTeX the tables; other options are refused."""
    texts = {kind: seal_eval("compare", results, f"--{kind}").stdout for kind in ("json", "csv", "markdown", "latex")}
    data = json.loads(texts["json"])
    rows = list(csv.DictReader(io.StringIO(texts["csv"])))
    found = compare(paired_scores_of(load_runs(results), "tiny-llama"))
    assert len(rows) == len(data[0]["rows"]) == len(found.rows)
    for row, flat, deep in zip(found.rows, rows, data[0]["rows"], strict=True):
        assert float(flat["accuracy_value"]) == deep["accuracy"]["value"] == row.accuracy.value
        assert (flat["difference_p_value"] or None) == (row.difference and str(row.difference.p_value))
    assert texts["markdown"].count("| seal |") >= 1 and r"\toprule" in texts["latex"] and r"seal\_lines" in texts["latex"]
    assert "choose one output format" in seal_eval("compare", results, "--json", "--csv", code=1).stderr
    assert "level is 2" in seal_eval("compare", results, "--level", "2", code=1).stderr


def test_tables_of_several_methods():
    found = compare(made())
    primary = tables(found, bayes=True)[0]
    assert "rank" in primary.columns and "P(better)" in primary.columns and "Cochran's Q" in primary.note
    assert all(len(row) == len(table.columns) for table in tables(found, bayes=True) for row in table.rows)
    assert "| m3 |" in as_text([found], "markdown") and "NaN" not in as_text([found], "json")


def test_power_commands(results):
    out = seal_eval("power", "--accuracy", "0.5", "--against", "0.4", "--discordance", "0.3").stdout
    assert re.search(rf"^ +1 +{pairs_needed(0.3, 0.1)} .* cheapest of these$", out, re.MULTILINE) and "assumed" in out
    assert "no number of samples shows a difference of 0" in seal_eval("power", results).stdout
    for args, message in (
        ((), "or --accuracy and --against"),
        (("--accuracy", ".5", "--against", ".5"), "both 0.5"),
        (("--accuracy", ".5", "--against", ".4", "--discordance", ".05"), "allow 0.1 to 0.9"),
        (("--accuracy", ".5", "--against", ".4", "--correlation", "7"), "--correlation is 7"),
        (("--accuracy", ".5", "--against", ".4", "--power", "1"), "--power is 1.0"),
        (("--accuracy", ".5", "--against", ".4", "--seconds-per-record", "-1"), "--seconds-per-record is -1.0, must be at least 0"),
        ((results, "--accuracy", ".5"), "one or the other"),
    ):
        assert message in seal_eval("power", *args, code=1).stderr


def test_equal_accuracies_share_a_rank():
    """1, 2, 3 and 7 right of ten in four cells, in every order: the same accuracy, however the sum of cells is rounded."""
    orders = list(permutations((1, 2, 3, 7)))
    scores = np.array([np.concatenate([np.arange(10) < k for k in order]) for order in orders], dtype=float).T
    design = replace(
        made(40, len(orders)), cells=tuple(("t", n) for n in range(1, 5)), cell=np.arange(4).repeat(10), scores=scores
    )  # fmt: skip
    assert {rank.value for rank in compare(design).ranks} == {1}


def test_a_pilot_plans_with_no_less_correlation_than_a_guess():
    """Pilots of ten records whose questions have a correlation of .05: half measure less, and would plan for fewer records than needed."""
    rng, taken, lowest = np.random.default_rng(2), [], 1.0
    for _ in range(40):
        gain = (rng.random((10, 5)) < rng.beta(0.5 * 19, 0.5 * 19, (10, 1))).ravel().astype(float)
        pilot = replace(
            made(), methods=("plain", "x"), samples=tuple(map(str, range(50))), cells=(("t", 512),), cell=np.zeros(50, dtype=int),
            cluster=np.arange(10).repeat(5), clusters=tuple(map(str, range(10))), depth=np.full(50, np.nan),
            scores=np.column_stack([np.zeros(50), gain]),
        )  # fmt: skip
        (guess,) = from_pilot(pilot, None)
        measured = anova_correlation(gain, pilot.cluster)
        taken.append(guess.correlation)
        lowest = min(lowest, measured)
        assert guess.correlation == pytest.approx(max(0.05, measured)) and (f"the pilot's, {measured:.2f}, is lower" in guess.source) == (
            measured < 0.05
        )
    assert np.mean(taken) > 0.05 and lowest < 0 and from_pilot(pilot, 0.0)[0].correlation == 0


@pytest.mark.nightly  # a limit of processor time, which a busy machine breaks
def test_large_comparisons_are_quick():
    """20 methods, 100,000 samples in 10,000 clusters and 12 cells: below 30 s of CPU time (on a busy machine) and 2 GB of added memory."""

    def peak():  # GB; the most that this process held since it was last reset
        return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 2**20

    design = made(n=100_000, methods=20, clusters=10_000, cells=12)
    Path("/proc/self/clear_refs").write_text("5")  # what earlier tests held does not count
    start, before = time.process_time(), peak()
    found = compare(design)
    assert time.process_time() - start < 30
    assert 0 < peak() - before < 2 and len(found.of("primary")) == 20
