"""docs/claims.md holds the tables that follow from the published runs."""

import gzip
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))
RESULTS = ROOT / "leaderboard" / "results"


def test_the_page_holds_the_tables_of_today():
    from claims import filled, tables

    page = (ROOT / "docs" / "claims.md").read_text(encoding="utf-8")
    made = tables(RESULTS)
    assert page == filled(page, made) and "not run yet" not in page
    assert page.count("<!-- computed: ") == len(made)


def scores(method, adapter):
    """Return {(task, length): {sample id: 0 or 1}} of a method on the two tuned tasks, read directly from the result files."""
    found = {}
    for results in RESULTS.glob("smollm2-within/*/results_*.json"):
        args = json.loads(results.read_text())["config"]["model_args"]
        if (args["method"], Path(args.get("adapter", "")).name.split("__")[-1]) == (method, adapter):
            for file in results.parent.glob("samples_*.jsonl.gz"):
                for line in gzip.decompress(file.read_bytes()).splitlines():
                    sample = json.loads(line)
                    doc = sample["doc"]
                    if doc["task"] in ("seal_lines", "seal_needle_multikey"):
                        found.setdefault((doc["task"], doc["length"]), {})[doc["sample_id"]] = sample["acc"]
    return found


@pytest.mark.parametrize("against", [("plain", ""), ("lora", "lora")])
def test_a_difference_counted_by_hand(against):
    """The mean over cells of the mean within a cell, computed without the project's reader and statistics."""
    from seal_eval.results.records import load_runs

    from claims import C, compared, row, tuned

    ours, theirs = scores("seal", "seal-channel"), scores(*against)
    assert ours.keys() == theirs.keys() and sum(map(len, ours.values())) == 360
    means = [sum(ours[cell][k] - theirs[cell][k] for k in ours[cell]) / len(ours[cell]) for cell in ours]
    design = compared(load_runs(RESULTS / "smollm2-within"), C, against[0], tuned)
    found = row(design) if design else None
    assert found and found.difference and found.difference.n == 360
    assert found.difference.value == pytest.approx(sum(means) / len(means))
    assert found.difference.low < found.difference.value < found.difference.high
