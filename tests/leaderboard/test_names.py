"""Names from result files: refused with file and field where they are not printable, safe in every output where they are."""

import csv
import json
import re
import shutil
import warnings
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from seal_eval.core.errors import SealError
from seal_eval.leaderboard.build import build
from seal_eval.leaderboard.figures import curves, depth_curves, heatmap, pareto
from seal_eval.results.compare import compare
from seal_eval.results.escapes import csv_cell
from seal_eval.results.paired import paired_scores_of
from seal_eval.results.records import load_runs
from seal_eval.results.tables import as_text

from conftest import seal_eval

PRINTABLE = (
    "$x_{$", r"$\frac{" * 30, "_hidden", "=HYPERLINK(1)", "-1+2", "a|b`c`<b>&amp;[x](y)*z*]]><!--", "x" * 300, "名前 é \\input{x}", "..",
)  # fmt: skip
REFUSED = ("a\x1b]0;X\x07", "a\x00", "a\x01b", "a\nb", "\u202eabc", "\ud800", "a\u2028b", "\x85", "\ufffe", "a\u200bb", "")


def renamed(results, tmp_path, name, where="method"):
    """A copy of the results in which the second run's method (or other field) is `name`."""
    folder = shutil.copytree(results, tmp_path / "in")
    (file,) = (folder / "tiny-llama__seal").glob("results_*.json")
    data = json.loads(file.read_text())
    own = data["config"]["seal_eval"]
    if where == "settings":
        own["settings"] = {name: 1}
    elif where == "value":
        own["settings"] = {"x": [name]}
    elif where == "task":
        data["results"][name] = data["results"]["seal_lines"]
    else:
        own[where] = name
    file.write_text(json.dumps(data))
    return folder


@pytest.mark.parametrize("name", REFUSED, ids=ascii)
@pytest.mark.parametrize("where", ["method", "model", "settings", "value", "task"])
def test_what_is_not_printable_is_refused(results, tmp_path, name, where):
    if name == "" and where in ("value",):
        return
    with pytest.raises(SealError, match=r"results_.*json: (.*config.seal_eval|.*results|the name)") as error:
        load_runs(renamed(results, tmp_path, name, where), foreign=True)
    assert str(error.value).isprintable()


@pytest.mark.parametrize("field", ["sample_id", "document"])
def test_names_of_samples(results, tmp_path, field):
    folder = shutil.copytree(results, tmp_path / "in")
    file = next(folder.rglob("samples_seal_lines_*.jsonl"))
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    rows[2]["doc"][field] = "x\x1b[2J"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(SealError, match=rf"line 3: .*doc.{field} is .*must be printable") as error:
        load_runs(folder)
    assert str(error.value).isprintable()


def test_replies_may_hold_anything(results, tmp_path):
    """A reply is text of the model: it is shown, and no control character reaches a terminal or a page."""
    folder = shutil.copytree(results, tmp_path / "in")
    for file in folder.rglob("samples_*.jsonl"):
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        for row in rows:
            row["filtered_resps"], row["acc"] = ["PWNED\x1b]0;\x07\x00\u202e"], 0.0
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    reason = load_runs(folder)[0].records[0].reason
    said = seal_eval("replies", folder, "--reason", reason).stdout
    assert "PWNED" in said and said.replace("\n", "").isprintable()
    build(folder, tmp_path / "site")
    assert not any(c in file.read_bytes() for file in (tmp_path / "site").rglob("*.*ml") for c in (b"\x1b", b"\x07", b"\x00"))


@pytest.fixture(scope="module")
def named(results, tmp_path_factory):
    """(Results of one task with a run for each printable name, their site.)"""
    folder = tmp_path_factory.mktemp("names") / "in"
    for i, name in enumerate(("plain", *PRINTABLE)):
        shutil.copytree(results / ("tiny-llama__seal" if i else "tiny-llama__plain"), folder / str(i))
        (file,) = (folder / str(i)).glob("results_*.json")
        data = json.loads(file.read_text())
        del data["results"]["seal_needle"]
        data["config"]["seal_eval"] |= {"method": name, "hardware": name}
        data["config"]["seal_eval"]["about"] |= {"prose_perplexity_ratio": 1 + i / 10, "note": f"{name}\x1b"}
        file.write_text(json.dumps(data))
    with warnings.catch_warnings(action="ignore"):  # glyphs that the font lacks
        build(folder, folder.parent / "site")
    return folder, folder.parent / "site"


def test_printable_names_are_safe_in_every_file(named):
    _, site = named
    for file in [*site.rglob("*.svg"), site / "feed.xml"]:
        ElementTree.fromstring(file.read_text())
    feed = ElementTree.fromstring((site / "feed.xml").read_text())
    titles = {title.text for title in feed.iter("{http://www.w3.org/2005/Atom}title")}
    assert titles >= {f"tiny-llama, {name}" for name in PRINTABLE}
    for file in site.rglob("*.html"):
        assert file.read_text().replace("\n", "").replace("\t", "").isprintable(), file
    for file in site.rglob("*.csv"):
        for row in csv.reader(file.read_text().splitlines()):
            assert not any(cell[:1] in ("=", "@", "\t", "\r") or (cell[:1] in ("+", "-") and not number(cell)) for cell in row)


def number(text):
    try:
        return float(text) is not None
    except ValueError:
        return False


def test_printable_names_in_tables(named):
    comparison = compare(paired_scores_of(load_runs(named[0]), "tiny-llama"))
    markdown = as_text([comparison], "markdown")
    for table in markdown.split("\n\n"):
        edges = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines() if line.startswith("|")}
        assert len(edges) <= 1, table
    assert "<b>" not in markdown and "`c`" not in markdown.replace("\\`", "")
    names = {row["method"] for row in json.loads(as_text([comparison], "json"))[0]["rows"]}
    assert names == {"plain", *PRINTABLE}
    assert as_text([comparison], "latex").count("\\begin{tabular}") >= 2


def test_cells_that_a_spreadsheet_would_run():
    for value in (-0.5, 3, None, "-0.5", "+1e3", "seal", "a=1", "x-y"):
        assert csv_cell(value) == value
    for value in ("=1", "@a", "+a", "-a", "\tx", "\rx", "=", "-1+2", " =1", "＝1"):
        assert csv_cell(value) == f"'{value}"


def test_names_in_figures(results):
    """Every name has its entry in the legend, as it is: no mathematics, nothing left out because of an underscore."""
    paired = paired_scores_of(load_runs(results), "tiny-llama")
    rows = compare(paired).of("cell")
    texts = {}
    for name in ("seal", "_seal", "$seal$", r"$\frac{$", "x_{$"):
        named = [
            replace(row, method=name if row.method == "seal" else row.method, task="seal_lines") for row in rows if row.task == "seal_lines"
        ]
        texts[name] = curves(named, "plain", "light", "tokens")
        estimate = named[0].accuracy
        cells = {"plain": {450: [estimate] * 5}, name: {450: [estimate] * 5}}
        texts[name] += heatmap(cells, "light", "tokens") + depth_curves(cells, "light", "plain")
        texts[name] += pareto([("plain", 0.0, estimate), (name, 0.1, estimate)], "light", "x", "y")
    drawn = {name: text.count("<use ") for name, text in texts.items()}  # one for each letter
    more = [drawn[name] - drawn["seal"] for name in ("_seal", "$seal$")]
    assert more[0] == 4 and more[1] == 8, drawn  # each extra letter once in each of the four figures
